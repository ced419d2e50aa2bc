/**
 * MessagePack as Flask-Session 0.8 keeps it: a record is a map, with the same bytes as msgspec writes.
 *
 * @module
 */

import { Buffer } from 'node:buffer'
import type { Entries, Serializer } from '../../core/serializer.ts'
import { floatsLike } from '../../core/values.ts'
import { brokenKey } from '../shared/path.ts'
import { decodeItem, itemEnd, keyText, readLength, Slice } from './read.ts'
import { encodeItem, Writer } from './write.ts'

export { Timestamp } from '../../core/values.ts'
export { Ext } from './read.ts'

/**
 * Keeps records as MessagePack. Values are null, booleans, numbers, strings, arrays, plain objects, Uint8Array, Date,
 * {@link Ext}, and bigints for integers beyond 2^53, within 64 bits; a dictionary with a key that is not a string is a
 * Map. An entry is a slice of the record's bytes. A key that is not a string, or not UTF-8, is kept under a symbol.
 *
 * Python's 1.0 is decoded as the number 1. When its entry is written again, a number in its place is a float again; see
 * `float` of `python-values`. Inside a value that is *changed*, and never otherwise, keys such as "1" of an object come
 * before its others. A Date that Python gave keeps its nanoseconds: see {@link Timestamp}.
 */
export const msgpack: Serializer<Slice> = {
  name: 'msgpack',
  split,
  join,
  encode: (value, like) =>
    new Slice(
      encodeItem(
        like !== undefined && hasFloat(like)
          ? floatsLike(value, () => decodeItem(like, true))
          : value,
      ),
    ),
  decode: decodeItem,
  encodePair: (key, value) => new Slice(Buffer.concat([encodeItem(key), encodeItem(value)])),
  decodePair({ bytes, start, end }) {
    const keyEnd = itemEnd(bytes, start, end)
    const parts = [new Slice(bytes, start, keyEnd), new Slice(bytes, keyEnd, end)] as const
    return [decodeItem(parts[0], true), decodeItem(parts[1], true)]
  },
  equal: (a, b) => a.equals(b),
}

/** Whether there is a float in an entry. */
function hasFloat({ bytes, start, end }: Slice): boolean {
  for (let at = start; at >= 0 && at < end; ) {
    const head = bytes[at] as number
    if (head === 0xca || head === 0xcb) return true
    // What a list or map holds comes after its head, which has a count of 0, 2 or 4 bytes.
    if (head >= 0x80 && head < 0xa0) at += 1
    else if (head >= 0xdc && head < 0xe0) at += head % 2 === 0 ? 3 : 5
    else at = itemEnd(bytes, at, end)
  }
  return false
}

function split(record: Uint8Array): Entries<Slice> | undefined {
  // A Uint8Array, as slices and copies of a Buffer behave otherwise.
  const bytes = new Uint8Array(record.buffer, record.byteOffset, record.byteLength)
  const head = bytes[0] ?? 0
  const size = head === 0xde ? 2 : head === 0xdf ? 4 : 0
  if (size === 0 && (head & 0xf0) !== 0x80) return undefined
  const count = size === 0 ? head & 0x0f : readLength(bytes, 1, size)
  const entries: Entries<Slice> = new Map()
  let at = 1 + size
  for (let i = 0; i < count; i++) {
    const keyEnd = itemEnd(bytes, at)
    const end = keyEnd < 0 ? -1 : itemEnd(bytes, keyEnd)
    if (end < 0) return undefined
    const key = stringKey(bytes, at, keyEnd)
    if (key === undefined)
      entries.set(Symbol('key that is not a string'), new Slice(bytes, at, end))
    else entries.set(key, new Slice(bytes, keyEnd, end))
    at = end
  }
  return at === bytes.length ? entries : undefined
}

function stringKey(bytes: Uint8Array, start: number, end: number): string | undefined {
  const head = bytes[start] as number
  if (head >= 0xa0 && head < 0xc0) return keyText(bytes, start + 1, end)
  if (head < 0xd9 || head > 0xdb) return undefined
  return keyText(bytes, start + 1 + (1 << (head - 0xd9)), end)
}

function join(entries: Entries<Slice>): Uint8Array {
  const writer = new Writer()
  writer.counted(entries.size, 0x80, 15, 0xde)
  // `for of` would make an array of each pair.
  entries.forEach((entry, key) => {
    if (typeof key === 'string' && !writer.string(key)) throw brokenKey(key)
    writer.bytes(entry.bytes, entry.start, entry.end)
  })
  return writer.finish()
}
