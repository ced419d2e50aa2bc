/**
 * Looks at what a store keeps for a session, without the session: reads, never writes.
 *
 * @module
 */

import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Store } from 'vial'
import { msgpack } from 'vial/serializers/msgpack'
import { type Html, html } from './html.ts'
import type { PanelSource } from './panel.ts'
import { prettyJson } from './pretty-json.ts'

/** A record as it lies in the store. */
export interface StoredRecordView {
  /** Where it lies, for people to read. */
  readonly places: readonly (readonly [name: string, place: Html])[]
  /** In bytes. */
  readonly size: number
  /** In ms since the epoch. Absent: not known. */
  readonly endsAt: number | undefined
  /** The record, as JSON. */
  readonly json: string
}

/** Looks at the files of this site. */
export function recordsInFiles(store: Store, directory: string): PanelSource {
  return {
    cookie: 'A selector, a secret and a signature, with dots between them.',
    format: 'The file holds MessagePack, and this is the same as JSON.',
    async look(cookie) {
      const key = cookie.slice(0, cookie.indexOf('.'))
      const record = await store.read(key, { expiry: true })
      if (record === undefined) return undefined
      const file = fileOf(key)
      return {
        places: [
          [
            'Key',
            html`<code data-panel="key">${key}</code> <span class="quiet">the selector; it opens nothing without the secret</span>`,
          ],
          ['File', html`<code data-panel="file">sessions/${file}</code>`],
        ],
        size: await sizeOf(join(directory, file), record.bytes.length),
        endsAt: record.expiresAt,
        json: recordAsJson(record.bytes),
      }
    },
  }
}

/** The file store names a file by the SHA-256 of its key. */
function fileOf(key: string): string {
  const name = createHash('sha256').update(key).digest('hex')
  return `${name.slice(0, 2)}/${name}`
}

async function sizeOf(path: string, otherwise: number): Promise<number> {
  try {
    return (await stat(path)).size
  } catch {
    // Another request may have ended the session since it was read.
    return otherwise
  }
}

/** A record of MessagePack, for people to read. */
export function recordAsJson(bytes: Uint8Array): string {
  const entries = msgpack.split(bytes) ?? new Map()
  const fields = [...entries].map(([key, entry]) => [String(key), msgpack.decode(entry)] as const)
  return prettyJson(Object.fromEntries(fields))
}
