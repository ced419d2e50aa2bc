/**
 * Decodes MessagePack to values.
 *
 * @module
 */

import { exactFloat, type Float, setOwn, Timestamp } from '../../core/values.ts'
import { SerializationError } from '../../errors.ts'
import { MAX_DEPTH } from '../shared/path.ts'
import { decodeUtf8 } from '../shared/text.ts'
import { keyText } from './bytes.ts'
import { Ext, itemEnd, readLength, type Slice } from './cut.ts'

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

function damaged(how: string): SerializationError {
  return new SerializationError(`The stored value is damaged (${how}): delete the key.`)
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
