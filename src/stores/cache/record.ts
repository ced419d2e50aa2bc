/**
 * A record as text, which every cache gives back as it was: `vial1:<deadline>:<bytes>:<base64>`, with the deadline in ms
 * since the epoch and the number of bytes, so that a text that was cut off is found out.
 *
 * @module
 */

import { createHash } from 'node:crypto'
import type { StoredRecord } from '../../core/store.ts'

/** What a text holds. The content is the record in base64, which is also its version. */
export interface CacheRecord {
  readonly content: string
  readonly expiresAt: number
}

const TEXT = /^vial1:([^:]+):(\d+):([A-Za-z0-9+/]*={0,2})$/

/** Writes a record as text. */
export function toText(content: string, expiresAt: number): string {
  return `vial1:${expiresAt}:${sizeOf(content)}:${content}`
}

/** Reads a text; undefined when it is no record, or only a part of one. */
export function fromText(text: unknown): CacheRecord | undefined {
  const [, deadline, size, content] = (typeof text === 'string' && TEXT.exec(text)) || []
  if (content === undefined || sizeOf(content) !== Number(size)) return undefined
  const expiresAt = Number(deadline)
  return Number.isNaN(expiresAt) ? undefined : { content, expiresAt }
}

/** The text of bytes in a record. */
export function contentOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}

export function toStored({ content, expiresAt }: CacheRecord): StoredRecord {
  return { bytes: Buffer.from(content, 'base64'), version: content, expiresAt }
}

/**
 * The key of an id: a digest, since caches change the case of keys, cut them, split them at slashes and colons, or take
 * a prefix for their own.
 */
export function keyOf(prefix: string, id: string): string {
  const hash = createHash('sha256')
  // A lone surrogate has no UTF-8, so such an id goes in as UTF-16, after a byte that UTF-8 never has.
  if (/\p{Surrogate}/u.test(id)) hash.update(Uint8Array.of(0xff)).update(id, 'utf16le')
  else hash.update(id, 'utf8')
  return prefix + hash.digest('hex')
}

/** How many bytes a base64 text with padding stands for. */
function sizeOf(content: string): number {
  const padding = content.endsWith('==') ? 2 : content.endsWith('=') ? 1 : 0
  return (content.length / 4) * 3 - padding
}
