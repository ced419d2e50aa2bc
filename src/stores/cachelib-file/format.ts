/**
 * The format of cachelib's FileSystemCache: the expiry in whole seconds as a little-endian u32, 0 for never, then the
 * pickle. Before cachelib 0.7 it was two pickles, the expiry and the record; that layout is read, and kept, as well.
 */

import { createHash } from 'node:crypto'
import type { FileHead } from '../file/layout.ts'

/** How cachelib names a file: `md5` before 0.16, `sha256` since. */
export type CachelibHash = 'md5' | 'sha256'

/** The grain of expiry times, in ms. */
export const RESOLUTION = 1_000
const EXPIRY_BYTES = 4
/** The last second that an expiry can have: in 2106. */
const LAST = 2 ** 32 - 1
/** The same in the old layout, where it has up to five bytes here. */
const LAST_OLD = 2 ** 39 - 1
const COUNT_KEY = '__wz_cache_count'
const RECORD = /^(?:[0-9a-f]{32}|[0-9a-f]{64})$/

/** The names of the file in which cachelib keeps the number of files. */
export const COUNT_FILE: Readonly<Record<CachelibHash, string>> = {
  md5: createHash('md5').update(COUNT_KEY).digest('hex'),
  sha256: createHash('sha256').update(COUNT_KEY).digest('hex'),
}

/** The name of the file of an id, as cachelib names it. */
export function encodeId(id: string, hash: CachelibHash): string {
  // The key of the count is not a session's: such an id gets another name, with a space that no id has.
  const key = id === COUNT_KEY ? `${id} ` : id
  return createHash(hash).update(key).digest('hex')
}

/** The hash that a file's name was made by; undefined: the file is not a record. */
export function hashOfName(name: string): CachelibHash | undefined {
  if (!RECORD.test(name) || name === COUNT_FILE.md5 || name === COUNT_FILE.sha256) return undefined
  return name.length === 32 ? 'md5' : 'sha256'
}

/** Reads the head of a file in either layout; undefined: the file is truncated. */
export function parseHead(body: Buffer): FileHead | undefined {
  const old = parseOldHead(body)
  if (old !== undefined) return { length: old.end, expiresAt: toMilliseconds(old.value) }
  if (body.length < EXPIRY_BYTES) return undefined
  return { length: EXPIRY_BYTES, expiresAt: toMilliseconds(body.readUInt32LE(0)) }
}

/** The head of a file, in the layout of the one that is there. */
export function encodeHead(expiresAt: number, found?: Buffer): Buffer {
  const seconds = Math.ceil(expiresAt / RESOLUTION)
  if (found !== undefined && parseOldHead(found) !== undefined) {
    return encodeInteger(
      seconds > LAST_OLD ? 0 : seconds,
      isPickle(found, 0) ? found.readUInt8(1) : 1,
    )
  }
  const head = Buffer.alloc(EXPIRY_BYTES)
  // An expiry is rounded up, never down: above the last second there is only 0, for never.
  head.writeUInt32LE(seconds > LAST ? 0 : seconds)
  return head
}

/** Reads the count from its file; undefined: it holds no number. */
export function parseCount(body: Buffer): number | undefined {
  const head = parseHead(body)
  return head && parseInteger(body.subarray(head.length))?.value
}

/** The file of the count, in pickle protocol 2, which every Python reads. */
export function encodeCount(count: number): Buffer {
  return Buffer.concat([Buffer.alloc(EXPIRY_BYTES), encodeInteger(count, 2)])
}

function toMilliseconds(seconds: number): number {
  return seconds === 0 ? Number.POSITIVE_INFINITY : seconds * RESOLUTION
}

/** The expiry in the layout before 0.7: two pickles in a row. A u32 could only look so for an expiry before 1974. */
function parseOldHead(body: Buffer): ReturnType<typeof parseInteger> {
  const first = parseInteger(body)
  return first !== undefined && first.value >= 0 && isPickle(body, first.end) ? first : undefined
}

/** Whether a pickle of protocol 2 to 5 begins there. */
function isPickle(body: Buffer, at: number): boolean {
  const protocol = body[at] === 0x80 ? (body[at + 1] ?? 0) : 0
  return protocol >= 2 && protocol <= 5
}

/** Reads a pickled integer of protocol 1 to 5, as Python writes it, at the start; undefined: there is none. */
function parseInteger(body: Buffer): { readonly value: number; readonly end: number } | undefined {
  let at = isPickle(body, 0) ? 2 : 0
  // The opcode FRAME and its length of eight bytes.
  if (body[at] === 0x95) at += 9
  const rest = body.subarray(at)
  let value: number
  let size: number
  if (rest[0] === 0x4b && rest.length > 1) [value, size] = [rest.readUInt8(1), 2]
  else if (rest[0] === 0x4d && rest.length > 2) [value, size] = [rest.readUInt16LE(1), 3]
  else if (rest[0] === 0x4a && rest.length > 4) [value, size] = [rest.readInt32LE(1), 5]
  // LONG1 of five bytes, and INT or LONG as text: after 2038.
  else if (rest[0] === 0x8a && rest[1] === 5 && rest.length > 6) {
    ;[value, size] = [rest.readIntLE(2, 5), 7]
  } else {
    const [text, digits] = /^[IL](\d{1,12})L?\n/.exec(rest.subarray(0, 15).toString('latin1')) ?? []
    if (text === undefined) return undefined
    ;[value, size] = [Number(digits), text.length]
  }
  return rest[size] === 0x2e ? { value, end: at + size + 1 } : undefined
}

/** A pickled integer from 0 to {@link LAST_OLD}. */
function encodeInteger(value: number, protocol: number): Buffer {
  if (value >= 2 ** 31 && protocol < 2) return Buffer.from(`L${value}L\n.`)
  const number = Buffer.from(
    value < 2 ** 31 ? [0x4a, 0, 0, 0, 0, 0x2e] : [0x8a, 5, 0, 0, 0, 0, 0, 0x2e],
  )
  if (value < 2 ** 31) number.writeInt32LE(value, 1)
  else number.writeIntLE(value, 2, 5)
  const start = protocol < 2 ? [] : [0x80, protocol]
  // From protocol 4 on with the opcode FRAME and its length.
  if (protocol >= 4) start.push(0x95, number.length, 0, 0, 0, 0, 0, 0, 0)
  return Buffer.concat([Buffer.from(start), number])
}
