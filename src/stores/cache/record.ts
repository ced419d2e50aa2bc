/**
 * A record as a string, which every cache returns unchanged: `vial1:<expiry>:<bytes>:<base64>`, with the expiry in ms
 * since the epoch and the number of bytes, so that a truncated string is detected.
 *
 * @module
 */

import { createHash } from 'node:crypto'
import type { StoredRecord } from '../../core/store.ts'

/** What a string holds. The content is the session in base64, and is also the version. */
export interface CacheRecord {
  readonly content: string
  readonly expiresAt: number
}

const TEXT = /^vial1:([^:]+):(\d+):([A-Za-z0-9+/]*={0,2})$/

/** Writes a record as a string. */
export function toText(content: string, expiresAt: number): string {
  return `vial1:${expiresAt}:${sizeOf(content)}:${content}`
}

/** Reads a string; undefined: it is not a record, or only a part of one. */
export function fromText(text: unknown): CacheRecord | undefined {
  const [, expiry, size, content] = (typeof text === 'string' && TEXT.exec(text)) || []
  if (content === undefined || sizeOf(content) !== Number(size)) return undefined
  const expiresAt = Number(expiry)
  return Number.isNaN(expiresAt) ? undefined : { content, expiresAt }
}

/** The content of a record with these bytes. */
export function contentOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}

export function toStored({ content, expiresAt }: CacheRecord): StoredRecord {
  return { bytes: Buffer.from(content, 'base64'), version: content, expiresAt }
}

/** The key of an id: a digest, as some caches change the case of keys, truncate them, or split them at slashes and colons. */
export function encodeId(prefix: string, id: string): string {
  return prefix + createHash('sha256').update(id).digest('hex')
}

/** The number of bytes in padded base64. */
function sizeOf(content: string): number {
  const padding = content.endsWith('==') ? 2 : content.endsWith('=') ? 1 : 0
  return (content.length / 4) * 3 - padding
}
