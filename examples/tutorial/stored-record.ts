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
import { prettyJson } from './pretty-json.ts'

/** A record as it lies in the store. */
export interface StoredRecordView {
  /** What the store knows in place of the id: its SHA-256. */
  readonly key: string
  /** The path of the file, relative to the directory of the store. */
  readonly file: string
  /** In bytes. */
  readonly size: number
  /** In ms since the epoch. Absent: not known. */
  readonly endsAt: number | undefined
  /** The record, as JSON. */
  readonly json: string
}

/** Resolves to undefined when there is no such record, or it ended this moment. */
export async function lookAtRecord(
  store: Store,
  directory: string,
  id: string,
): Promise<StoredRecordView | undefined> {
  const key = createHash('sha256').update(id).digest('base64url')
  const record = await store.read(key, { deadline: true })
  if (record === undefined) return undefined
  const file = fileOf(key)
  return {
    key,
    file,
    size: await sizeOf(join(directory, file), record.bytes.length),
    endsAt: record.expiresAt,
    json: toJson(record.bytes),
  }
}

/** The file store hashes once more, so that any text can be a key. */
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

function toJson(bytes: Uint8Array): string {
  const entries = msgpack.split(bytes) ?? new Map()
  const fields = [...entries].map(([key, entry]) => [String(key), msgpack.decode(entry)] as const)
  return prettyJson(Object.fromEntries(fields))
}
