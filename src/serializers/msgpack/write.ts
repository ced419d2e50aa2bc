/**
 * Writes MessagePack, with the same bytes as msgspec's encoder.
 *
 * Records are many small pieces, and a call into the engine costs more than such a piece. So copies and ASCII strings up
 * to {@link FEW} bytes are done in a loop, and writers take turns with one buffer. `join` and `encode` take 0.4 times as
 * long by that.
 */

import { Buffer } from 'node:buffer'
import { Float, isInteger, secondsOf } from '../../core/values.ts'
import {
  checkMap,
  encodeWith,
  isPlainObject,
  lengthOf,
  ownPairs,
  refuse,
  refuseDate,
  type ValuePath,
} from '../shared/path.ts'
import { Ext, FEW } from './read.ts'

/** The buffer that writers share, in bytes: its size at first, and the largest that is kept. */
const SCRATCH = 2048
const MAX_SCRATCH = 65_536

/** The buffer of the next writer. Undefined while a writer has it. */
let scratch: Buffer | undefined

/** Puts MessagePack together, each head in its smallest form. The buffer grows as it is written to. */
export class Writer {
  buffer: Buffer
  at = 0

  constructor() {
    this.buffer = scratch ?? Buffer.allocUnsafe(SCRATCH)
    // A value may have getters that encode another one.
    scratch = undefined
  }

  /** A copy of what was written, and not a Buffer, whose slices behave otherwise. Ends the use of this writer. */
  finish(): Uint8Array {
    const { buffer, at } = this
    if (buffer.length <= MAX_SCRATCH) scratch = buffer
    if (at <= FEW) {
      const copy = new Uint8Array(at)
      for (let i = 0; i < at; i++) copy[i] = buffer[i] as number
      return copy
    }
    // Memory of Buffer's pool costs less.
    const copy = Buffer.allocUnsafe(at)
    buffer.copy(copy, 0, 0, at)
    return new Uint8Array(copy.buffer, copy.byteOffset, at)
  }

  /** Makes room for `size` bytes and returns where they begin. */
  claim(size: number): number {
    const start = this.at
    this.at += size
    if (this.at > this.buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.at, this.buffer.length * 2))
      this.buffer.copy(larger, 0, 0, start)
      this.buffer = larger
    }
    return start
  }

  byte(value: number): void {
    const start = this.claim(1)
    this.buffer[start] = value
  }

  uint(head: number, value: number, size: number): void {
    const start = this.claim(1 + size)
    this.buffer[start] = head
    for (let at = start + size, rest = value; at > start; at--) {
      this.buffer[at] = rest & 0xff
      rest = Math.floor(rest / 256)
    }
  }

  /** The bytes from `from` to before `to`. */
  bytes(data: Uint8Array, from = 0, to: number = data.length): void {
    const length = to - from
    const start = this.claim(length)
    if (length > FEW)
      this.buffer.set(length === data.length ? data : data.subarray(from, to), start)
    else for (let i = 0; i < length; i++) this.buffer[start + i] = data[from + i] as number
  }

  /** The head of a list or map: up to `most` the count is in `short`, else it follows `long` or the next head. */
  counted(count: number, short: number, most: number, long: number): void {
    if (count <= most) this.byte(short | count)
    else if (count <= 0xffff) this.uint(long, count, 2)
    else this.uint(long + 1, count, 4)
  }

  /** A length or integer of 1, 2 or 4 bytes behind `head`, `head + 1` or `head + 2`: the first that holds `range`. */
  sized(value: number, head: number, range: number = value): void {
    if (range <= 0xff) this.uint(head, value, 1)
    else if (range <= 0xffff) this.uint(head + 1, value, 2)
    else this.uint(head + 2, value, 4)
  }

  /** Writes a string. False, and nothing is written, when it is not well-formed. */
  string(text: string): boolean {
    if (text.length <= FEW && this.#ascii(text)) return true
    const size = Buffer.byteLength(text)
    if (size !== text.length && !text.isWellFormed()) return false
    if (size <= 31) this.byte(0xa0 | size)
    else this.sized(size, 0xd9)
    const start = this.claim(size)
    this.buffer.write(text, start, size, 'utf8')
    return true
  }

  integer(value: number): void {
    const head = value < 0 ? 0xd0 : 0xcc
    // A negative number needs a bit more, for its sign.
    const range = value < 0 ? -2 * value - 1 : value
    if (value >= -32 && value <= 127) this.byte(value & 0xff)
    else if (range < 2 ** 32) this.sized(value, head, range)
    else this.wide(head + 3, BigInt(value))
  }

  wide(head: number, value: bigint): void {
    const start = this.claim(9)
    this.buffer[start] = head
    this.buffer.writeBigUInt64BE(BigInt.asUintN(64, value), start + 1)
  }

  float(value: number): void {
    const start = this.claim(9)
    this.buffer[start] = 0xcb
    this.buffer.writeDoubleBE(value, start + 1)
  }

  ext(type: number, data: Uint8Array): void {
    const power = [1, 2, 4, 8, 16].indexOf(data.length)
    if (power >= 0) this.byte(0xd4 + power)
    else this.sized(data.length, 0xc7)
    this.byte(type & 0xff)
    this.bytes(data)
  }

  /** Writes a short ASCII string. False, and nothing is written, when it is not ASCII. */
  #ascii(text: string): boolean {
    const start = this.claim(1 + text.length)
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i)
      if (code > 0x7f) {
        this.at = start
        return false
      }
      this.buffer[start + 1 + i] = code
    }
    this.buffer[start] = 0xa0 | text.length
    return true
  }
}

const MIN_INT = -(2n ** 63n)
const MAX_INT = 2n ** 64n - 1n

/** Encodes one value. Throws {@link SerializationError}, which names the part that MessagePack cannot hold. */
export function encodeItem(value: unknown): Uint8Array {
  return encodeWith('MessagePack', (path) => {
    const encoder = new Encoder(path)
    encoder.item(value)
    return encoder.finish()
  })
}

class Encoder extends Writer {
  readonly path: ValuePath

  constructor(path: ValuePath) {
    super()
    this.path = path
  }

  item(value: unknown): void {
    if (typeof value === 'string') {
      if (this.string(value)) return
      throw this.path.refusal('holds half of a surrogate pair', 'store well-formed text')
    }
    if (typeof value === 'number' && isInteger(value)) this.integer(value)
    else if (typeof value === 'number') this.float(value)
    else if (typeof value === 'boolean') this.byte(value ? 0xc3 : 0xc2)
    else if (typeof value === 'bigint') this.bigint(value)
    else if (value === null) this.byte(0xc0)
    else if (typeof value === 'object') this.object(value)
    else throw refuse(value, this.path)
  }

  bigint(value: bigint): void {
    if (value < MIN_INT || value > MAX_INT) throw refuse(value, this.path)
    const number = Number(value)
    if (Number.isSafeInteger(number)) this.integer(number)
    else this.wide(value < 0n ? 0xd3 : 0xcf, value)
  }

  object(value: object): void {
    if (Array.isArray(value)) this.array(value)
    else if (isPlainObject(value)) this.plain(value)
    else if (value instanceof Uint8Array) {
      this.sized(lengthOf(value, this.path), 0xc4)
      this.bytes(value)
    } else if (value instanceof Date) this.ext(-1, this.timestamp(value))
    else if (value instanceof Map) this.map(value)
    else if (value instanceof Ext) this.extension(value)
    else if (value instanceof Float) this.float(value.value)
    else throw refuse(value, this.path)
  }

  array(items: readonly unknown[]): void {
    const length = lengthOf(items, this.path)
    this.counted(length, 0x90, 15, 0xdc)
    this.path.enter()
    for (let i = 0; i < length; i++) {
      this.path.at(i)
      const item = items[i]
      this.item(item === undefined ? null : item)
    }
    this.path.leave()
  }

  plain(object: Record<string, unknown>): void {
    this.path.enter()
    const pairs = ownPairs(object, this.path)
    this.counted(pairs.length, 0x80, 15, 0xde)
    for (const [key, value] of pairs) {
      this.path.at(key)
      this.item(key)
      this.item(value)
    }
    this.path.leave()
  }

  map(map: Map<unknown, unknown>): void {
    checkMap(map, this.path)
    const pairs = [...map].filter(([, value]) => value !== undefined)
    this.counted(pairs.length, 0x80, 15, 0xde)
    this.path.enter()
    pairs.forEach(([key, value], index) => {
      this.path.at(typeof key === 'string' ? key : index)
      this.item(key)
      this.item(value)
    })
    this.path.leave()
  }

  extension({ type, data }: Ext): void {
    const known = Number.isInteger(type) && type >= -128 && type <= 127
    if (!known || !(data instanceof Uint8Array)) {
      const fix = 'give it a type of -128 to 127 and a Uint8Array'
      throw this.path.refusal('is not a valid Ext', fix)
    }
    lengthOf(data, this.path)
    this.ext(type, data)
  }

  /** The three sizes of the timestamp extension, the smallest that fits. */
  timestamp(date: Date): Uint8Array {
    const [seconds, nanoseconds] = secondsOf(date)
    if (Number.isNaN(seconds)) throw refuseDate(date, this.path)
    if (seconds < 0 || seconds >= 2 ** 34) {
      const data = Buffer.alloc(12)
      data.writeUInt32BE(nanoseconds)
      data.writeBigInt64BE(BigInt(seconds), 4)
      return data
    }
    const data = Buffer.alloc(8)
    data.writeBigUInt64BE((BigInt(nanoseconds) << 34n) | BigInt(seconds))
    return nanoseconds === 0 && seconds < 2 ** 32 ? data.subarray(4) : data
  }
}
