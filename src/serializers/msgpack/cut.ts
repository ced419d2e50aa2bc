/**
 * Cutting MessagePack without decoding it: where an item ends.
 * Source: https://github.com/msgpack/msgpack/blob/master/spec.md
 *
 * @module
 */

import { Buffer } from 'node:buffer'

/**
 * One item of MessagePack where it stands in its record: the bytes from `start` to before `end`, which are never changed.
 * A `Uint8Array` of its own for each would cost more, and most are never decoded.
 */
export class Slice {
  readonly bytes: Uint8Array
  readonly start: number
  readonly end: number

  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    this.bytes = bytes
    this.start = start
    this.end = end
  }

  get length(): number {
    return this.end - this.start
  }

  /** The same bytes, seen alone. */
  view(): Uint8Array {
    return this.bytes.subarray(this.start, this.end)
  }

  equals(other: Slice): boolean {
    return this.length === other.length && Buffer.compare(this.view(), other.view()) === 0
  }
}

/** An extension that is not a timestamp, as `msgspec.msgpack.Ext`: `type` is -128 to 127, `data` means what `type` says. */
export class Ext {
  readonly type: number
  readonly data: Uint8Array

  constructor(type: number, data: Uint8Array) {
    this.type = type
    this.data = data
  }
}

/** Reads a length prefix. Bytes beyond the end count as zero; the caller finds its position beyond the end. */
export function readLength(bytes: Uint8Array, at: number, size: number): number {
  let length = 0
  for (let i = 0; i < size; i++) length = length * 256 + (bytes[at + i] ?? 0)
  return length
}

/**
 * Where the item at `start` ends; -1 when it is cut off at `limit` or is not MessagePack. Takes linear time and does not
 * recurse.
 */
export function itemEnd(bytes: Uint8Array, start: number, limit: number = bytes.length): number {
  let at = start
  let pending = 1
  while (pending > 0) {
    // Each item takes a byte, so a count that the rest cannot hold is refused at once.
    if (pending > limit - at) return -1
    const head = bytes[at++] as number
    pending -= 1
    if (head < 0x80 || head >= 0xe0) continue
    if (head < 0x90) pending += 2 * (head & 0x0f)
    else if (head < 0xa0) pending += head & 0x0f
    else if (head < 0xc0) at += head & 0x1f
    else if (head >= 0xdc) {
      const size = head === 0xdc || head === 0xde ? 2 : 4
      pending += readLength(bytes, at, size) * (head >= 0xde ? 2 : 1)
      at += size
    } else {
      const size = LENGTHS[head - 0xc0] as number
      const others = OTHERS[head - 0xc0] as number
      // The one head that the format never uses.
      if (others < 0) return -1
      at += size + others + readLength(bytes, at, size)
    }
  }
  return at <= limit ? at : -1
}

/** Of the heads 0xc0 to 0xdb: the size of the length behind each, and how many bytes there are besides. */
const LENGTHS = Int8Array.of(...[0, 0, 0, 0, 1, 2, 4, 1, 2, 4], ...Array(15).fill(0), 1, 2, 4)
const OTHERS = Int8Array.of(
  ...[0, -1, 0, 0, 0, 0, 0, 1, 1, 1, 4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 2, 3, 5, 9, 17, 0, 0, 0],
)
