/**
 * A file of cachelib's FileSystemCache: the deadline in whole seconds as a little-endian u32, 0 for never, then the
 * pickle. Before cachelib 0.7 it was two pickles, of which the first is the deadline; that is read as well.
 *
 * @module
 */

import { createHash } from 'node:crypto'
import type { FileRecord } from '../file/record.ts'

/** How cachelib names a file: `md5` before 0.16, `sha256` since. */
export type CachelibHash = 'md5' | 'sha256'

export interface CachelibRecord extends FileRecord {
  /** Of the layout before 0.7, in which no deadline can be moved in place. */
  readonly old: boolean
}

/** The grain of deadlines, in ms. */
export const RESOLUTION = 1_000
/** So many bytes of a file tell its deadline, in either layout. */
export const HEAD_BYTES = 32
const DEADLINE_BYTES = 4
/** The last second that a deadline can name: in 2106. */
const LAST = 2 ** 32 - 1
const COUNT_KEY = '__wz_cache_count'
const RECORD = /^(?:[0-9a-f]{32}|[0-9a-f]{64})$/

/** The names of the file in which cachelib keeps how many files there are. */
export const COUNT_FILE: Readonly<Record<CachelibHash, string>> = {
  md5: createHash('md5').update(COUNT_KEY).digest('hex'),
  sha256: createHash('sha256').update(COUNT_KEY).digest('hex'),
}

/** The name of the file that an id is kept in: what cachelib gives the key. */
export function fileNameOf(id: string, hash: CachelibHash): string {
  const digest = createHash(hash)
  // What no key of Python is, or the key of the count itself, goes in after a byte that UTF-8 never has.
  if (id === COUNT_KEY || /\p{Surrogate}/u.test(id)) {
    digest.update(Uint8Array.of(0xff)).update(id, 'utf16le')
  } else digest.update(id, 'utf8')
  return digest.digest('hex')
}

/** Which version of cachelib names a record so; undefined: it is the name of no record. */
export function hashOfName(name: string): CachelibHash | undefined {
  if (!RECORD.test(name) || name === COUNT_FILE.md5 || name === COUNT_FILE.sha256) return undefined
  return name.length === 32 ? 'md5' : 'sha256'
}

/** The record in a file; undefined: it is cut off. */
export function parseFile(body: Buffer): CachelibRecord | undefined {
  const head = parseHead(body)
  if (head === undefined) return undefined
  const { expiresAt, length, old } = head
  const bytes = new Uint8Array(body.buffer, body.byteOffset + length, body.length - length)
  return { bytes, expiresAt, old }
}

/** When a file ends, in ms, from its first {@link HEAD_BYTES}; undefined: it is cut off. */
export function parseDeadline(start: Buffer): number | undefined {
  return parseHead(start)?.expiresAt
}

/** The head of a file that is written. */
export function headOf(expiresAt: number): Buffer {
  const seconds = Math.ceil(expiresAt / RESOLUTION)
  const head = Buffer.alloc(DEADLINE_BYTES)
  // A deadline is rounded up, never down: beyond the last one there is only never.
  head.writeUInt32LE(seconds > LAST ? 0 : seconds)
  return head
}

/** Reads the file in which cachelib counts; undefined: there is no number. */
export function parseCount(body: Buffer): number | undefined {
  const record = parseFile(body)
  return record && parseInteger(Buffer.from(record.bytes))?.value
}

/** The file in which cachelib counts, in protocol 2 of pickle, which every Python reads. */
export function countFile(count: number): Buffer {
  const body = Buffer.from([0x80, 2, 0x4a, 0, 0, 0, 0, 0x2e])
  body.writeInt32LE(count, 3)
  return Buffer.concat([Buffer.alloc(DEADLINE_BYTES), body])
}

interface Head {
  readonly expiresAt: number
  /** In bytes. */
  readonly length: number
  readonly old: boolean
}

function parseHead(body: Buffer): Head | undefined {
  const first = parseInteger(body)
  // A second pickle right behind it. No deadline with a pickle behind looks like that, unless it was before 1974.
  if (first !== undefined && first.value >= 0 && isPickle(body, first.end)) {
    return { expiresAt: instantOf(first.value), length: first.end, old: true }
  }
  if (body.length < DEADLINE_BYTES) return undefined
  const expiresAt = instantOf(body.readUInt32LE(0))
  return { expiresAt, length: DEADLINE_BYTES, old: false }
}

function instantOf(seconds: number): number {
  return seconds === 0 ? Number.POSITIVE_INFINITY : seconds * RESOLUTION
}

/** Whether a pickle of protocol 2 to 5 begins there. */
function isPickle(body: Buffer, at: number): boolean {
  const protocol = body[at] === 0x80 ? (body[at + 1] ?? 0) : 0
  return protocol >= 2 && protocol <= 5
}

/** A pickle of an integer at the beginning, of protocol 1 to 5 and as Python writes it; undefined: there is none. */
function parseInteger(body: Buffer): { readonly value: number; readonly end: number } | undefined {
  let at = isPickle(body, 0) ? 2 : 0
  // FRAME with its length of eight bytes.
  if (body[at] === 0x95) at += 9
  const rest = body.subarray(at)
  let value: number
  let size: number
  if (rest[0] === 0x4b && rest.length > 1) [value, size] = [rest.readUInt8(1), 2]
  else if (rest[0] === 0x4d && rest.length > 2) [value, size] = [rest.readUInt16LE(1), 3]
  else if (rest[0] === 0x4a && rest.length > 4) [value, size] = [rest.readInt32LE(1), 5]
  // LONG1 of five bytes, and LONG as text: beyond 2038.
  else if (rest[0] === 0x8a && rest[1] === 5 && rest.length > 6) {
    ;[value, size] = [rest.readIntLE(2, 5), 7]
  } else {
    const [text, digits] = /^L(\d{1,10})L\n/.exec(rest.subarray(0, 13).toString('latin1')) ?? []
    if (text === undefined) return undefined
    ;[value, size] = [Number(digits), text.length]
  }
  return rest[size] === 0x2e ? { value, end: at + size + 1 } : undefined
}
