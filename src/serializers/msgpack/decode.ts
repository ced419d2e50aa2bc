/**
 * Decodes MessagePack to values.
 *
 * @module
 */

import { exactFloat, type Float, setOwn } from '../../core/values.ts'
import { SerializationError } from '../../errors.ts'
import { MAX_DEPTH } from '../shared/path.ts'
import { decodeUtf8 } from '../shared/text.ts'
import { Timestamp } from '../shared/timestamp.ts'
import { keyText } from './bytes.ts'
import { Ext, itemEnd, readLength, type Slice } from './cut.ts'

const MAX_DATE_MS = 8.64e15
const TWO_POW_32 = 0x1_0000_0000

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
    if (head >= 0xe0) return head - 0x100
    switch (head) {
      case 0xc0:
        return null
      case 0xc2:
        return false
      case 0xc3:
        return true
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return this.copy(this.length(1 << (head - 0xc4)))
      case 0xc7:
      case 0xc8:
      case 0xc9:
        return this.ext(this.length(1 << (head - 0xc7)))
      case 0xca:
        return this.float(this.view(4).getFloat32(0))
      case 0xcb:
        return this.float(this.view(8).getFloat64(0))
      case 0xcc:
      case 0xcd:
      case 0xce:
        return this.length(1 << (head - 0xcc))
      case 0xcf:
        return joined(this.length(4), this.length(4))
      case 0xd0:
        return (this.length(1) << 24) >> 24
      case 0xd1:
        return (this.length(2) << 16) >> 16
      case 0xd2:
        return this.length(4) | 0
      case 0xd3:
        return joined(this.length(4) | 0, this.length(4))
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.string(this.length(1 << (head - 0xd9)))
      case 0xdc:
      case 0xdd:
        return this.array(this.length(head === 0xdc ? 2 : 4), depth)
      case 0xde:
      case 0xdf:
        return this.map(this.length(head === 0xde ? 2 : 4), depth)
      default:
        return this.ext(1 << (head - 0xd4))
    }
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
    for (let i = 0; i < size; i++) {
      const key = this.key(depth + 1)
      if (typeof key !== 'string') {
        const map = new Map<unknown, unknown>(keys.map((known) => [known, object[known]]))
        return this.rest(map.set(key, this.item(depth + 1)), size - i - 1, depth)
      }
      setOwn(object, key, this.item(depth + 1))
      keys.push(key)
    }
    return object
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

  rest(map: Map<unknown, unknown>, size: number, depth: number): Map<unknown, unknown> {
    for (let i = 0; i < size; i++) {
      const key = this.item(depth + 1)
      map.set(key, this.item(depth + 1))
    }
    return map
  }

  ext(size: number): Date | Ext {
    const type = (this.length(1) << 24) >> 24
    const data = this.copy(size)
    return (type === -1 ? timestamp(data) : undefined) ?? new Ext(type, data)
  }
}

/** An integer of 64 bits from its halves. Most are timestamps, which a number holds. */
function joined(high: number, low: number): number | bigint {
  const number = high * TWO_POW_32 + low
  return Number.isSafeInteger(number) ? number : BigInt(high) * BigInt(TWO_POW_32) + BigInt(low)
}

/** Undefined for data that is no timestamp, or one that a Date cannot hold. */
function timestamp(data: Uint8Array): Date | undefined {
  const view = new DataView(data.buffer)
  let seconds: number
  let nanoseconds = 0
  if (data.length === 4) seconds = view.getUint32(0)
  else if (data.length === 8) {
    const high = view.getUint32(0)
    nanoseconds = high >>> 2
    seconds = (high & 3) * TWO_POW_32 + view.getUint32(4)
  } else if (data.length === 12) {
    nanoseconds = view.getUint32(0)
    seconds = view.getInt32(4) * TWO_POW_32 + view.getUint32(8)
  } else return undefined
  const ms = seconds * 1000 + Math.floor(nanoseconds / 1e6)
  if (nanoseconds > 999_999_999 || Math.abs(ms) > MAX_DATE_MS) return undefined
  return nanoseconds % 1e6 === 0 ? new Date(ms) : new Timestamp(seconds, nanoseconds)
}
