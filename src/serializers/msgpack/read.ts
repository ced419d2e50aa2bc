/**
 * Reads MessagePack: where an item ends, found without decoding it, and the value of an item.
 * Source: https://github.com/msgpack/msgpack/blob/master/spec.md
 *
 * Records are many small pieces, and a call into the engine costs more than such a piece. So a key that was met before is
 * compared with its bytes and not decoded, which makes `split` take 0.7 times as long.
 */

import { Buffer } from 'node:buffer'
import { exactFloat, type Float, setOwn, Timestamp } from '../../core/values.ts'
import { damaged, MAX_DEPTH } from '../shared/path.ts'
import { decodeUtf8 } from '../shared/text.ts'

/** Pieces of up to so many bytes are handled in a loop, as a call into the engine costs more. */
export const FEW = 24

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

/** Number of keys that are remembered, one a slot. A key replaces another one in its slot. */
const SLOTS = 256
/** ASCII keys that were decoded before. */
const seen: string[] = new Array(SLOTS).fill('')

/** The string of a key's bytes; undefined when they are not UTF-8. */
export function keyText(bytes: Uint8Array, start: number, end: number): string | undefined {
  const length = end - start
  if (length === 0 || length > FEW) return decodeUtf8(bytes, start, end)
  const first = bytes[start] as number
  const last = bytes[end - 1] as number
  const slot = (first * 31 + last * 7 + length * 17) & (SLOTS - 1)
  const known = seen[slot] as string
  if (known.length === length && isText(known, bytes, start)) return known
  const text = decodeUtf8(bytes, start, end)
  // As many characters as bytes: it is ASCII.
  if (text?.length === length) seen[slot] = text
  return text
}

/** Whether the bytes at `start` are an ASCII string. */
function isText(text: string, bytes: Uint8Array, start: number): boolean {
  for (let i = 0; i < text.length; i++) {
    if (bytes[start + i] !== text.charCodeAt(i)) return false
  }
  return true
}

/**
 * Decodes one item that fills the slice. Throws {@link SerializationError} when it is damaged or too deep.
 *
 * @param exactFloats Whether a float that is whole becomes a {@link Float}.
 */
export function decodeItem({ bytes, start, end }: Slice, exactFloats = false): unknown {
  // After this check every length below is known to lie within the bytes.
  if (itemEnd(bytes, start, end) !== end) throw damaged('it is cut off or is not MessagePack')
  return new Decoder(bytes, start, exactFloats).item(0)
}

class Decoder {
  readonly bytes: Uint8Array
  readonly exactFloats: boolean
  at: number

  constructor(bytes: Uint8Array, start: number, exactFloats: boolean) {
    this.bytes = bytes
    this.at = start
    this.exactFloats = exactFloats
  }

  item(depth: number): unknown {
    const head = this.bytes[this.at++] as number
    if (head < 0x80) return head
    if (head < 0x90) return this.map(head & 0x0f, depth)
    if (head < 0xa0) return this.array(head & 0x0f, depth)
    if (head < 0xc0) return this.string(head & 0x1f)
    if (head < 0xc4) return head === 0xc0 ? null : head === 0xc3
    if (head < 0xc7) return this.copy(this.length(1 << (head - 0xc4)))
    if (head < 0xca) return this.ext(this.length(1 << (head - 0xc7)))
    if (head === 0xca) return this.float(this.view(4).getFloat32(0))
    if (head === 0xcb) return this.float(this.view(8).getFloat64(0))
    if (head < 0xd0) return this.integer(1 << (head - 0xcc), false)
    if (head < 0xd4) return this.integer(1 << (head - 0xd0), true)
    if (head < 0xd9) return this.ext(1 << (head - 0xd4))
    if (head < 0xdc) return this.string(this.length(1 << (head - 0xd9)))
    if (head < 0xde) return this.array(this.length(2 << (head - 0xdc)), depth)
    if (head < 0xe0) return this.map(this.length(2 << (head - 0xde)), depth)
    return head - 0x100
  }

  /** Steps over `size` bytes and returns where they began. */
  skip(size: number): number {
    const start = this.at
    this.at += size
    return start
  }

  length(size: number): number {
    return readLength(this.bytes, this.skip(size), size)
  }

  view(size: number): DataView {
    return new DataView(this.bytes.buffer, this.bytes.byteOffset + this.skip(size), size)
  }

  /** One of 64 bits is a bigint only where a number would lose digits, as most are timestamps. */
  integer(size: number, signed: boolean): number | bigint {
    if (size < 8) {
      const value = this.length(size)
      const unused = 32 - 8 * size
      return signed ? (value << unused) >> unused : value
    }
    const unsigned = this.length(4)
    const high = signed ? unsigned | 0 : unsigned
    const low = this.length(4)
    const number = high * 2 ** 32 + low
    return Number.isSafeInteger(number) ? number : (BigInt(high) << 32n) + BigInt(low)
  }

  float(value: number): number | Float {
    return this.exactFloats ? exactFloat(value) : value
  }

  copy(size: number): Uint8Array {
    const start = this.skip(size)
    return new Uint8Array(this.bytes.subarray(start, this.at))
  }

  string(size: number): string {
    const start = this.skip(size)
    return this.text(decodeUtf8(this.bytes, start, this.at))
  }

  array(size: number, depth: number): unknown[] {
    if (depth === MAX_DEPTH) throw damaged(`it nests deeper than ${MAX_DEPTH} levels`)
    const items: unknown[] = []
    for (let i = 0; i < size; i++) items.push(this.item(depth + 1))
    return items
  }

  map(size: number, depth: number): Record<string, unknown> | Map<unknown, unknown> {
    if (depth === MAX_DEPTH) throw damaged(`it nests deeper than ${MAX_DEPTH} levels`)
    const object: Record<string, unknown> = {}
    // In the order of the bytes: an object would put keys such as "1" first.
    const keys: string[] = []
    let map: Map<unknown, unknown> | undefined
    for (let i = 0; i < size; i++) {
      const key = this.key(depth + 1)
      if (typeof key !== 'string') map ??= new Map(keys.map((known) => [known, object[known]]))
      const value = this.item(depth + 1)
      if (map !== undefined) map.set(key, value)
      else if (typeof key === 'string') {
        setOwn(object, key, value)
        keys.push(key)
      }
    }
    return map ?? object
  }

  /** A key; a short string is looked up among those of earlier records. */
  key(depth: number): unknown {
    const head = this.bytes[this.at] as number
    if (head < 0xa0 || head >= 0xc0) return this.item(depth)
    const start = this.skip(1 + (head & 0x1f)) + 1
    return this.text(keyText(this.bytes, start, this.at))
  }

  text(text: string | undefined): string {
    if (text === undefined) throw damaged('a string in it is not UTF-8')
    return text
  }

  ext(size: number): Date | Ext {
    const type = this.view(1).getInt8(0)
    const data = this.copy(size)
    return (type === -1 ? timestamp(data) : undefined) ?? new Ext(type, data)
  }
}

/** Undefined for data that is no timestamp, or one that a Date cannot hold. */
function timestamp(data: Uint8Array): Date | undefined {
  const view = new DataView(data.buffer)
  let seconds: number
  let nanoseconds = 0
  if (data.length === 4) seconds = view.getUint32(0)
  else if (data.length === 8) {
    const bits = view.getBigUint64(0)
    nanoseconds = Number(bits >> 34n)
    seconds = Number(BigInt.asUintN(34, bits))
  } else if (data.length === 12) {
    nanoseconds = view.getUint32(0)
    seconds = Number(view.getBigInt64(4))
  } else return undefined
  const date = new Timestamp(seconds, nanoseconds)
  if (nanoseconds > 999_999_999 || Number.isNaN(date.getTime())) return undefined
  return nanoseconds % 1e6 === 0 ? new Date(date) : date
}
