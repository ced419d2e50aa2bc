/**
 * Encodes values as MessagePack, with the same bytes as msgspec's encoder.
 *
 * @module
 */

import { Buffer } from 'node:buffer'
import { Float, isInteger, secondsOf } from '../../core/values.ts'
import {
  encodeWith,
  isPlainObject,
  lengthOf,
  ownPairs,
  refuse,
  type ValuePath,
} from '../shared/path.ts'
import { Writer } from './bytes.ts'
import { Ext } from './cut.ts'

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
    const pairs = [...map].filter(([, value]) => value !== undefined)
    if (pairs.every(([key]) => typeof key === 'string')) {
      const fix = 'store a plain object, such as Object.fromEntries(map)'
      throw this.path.refusal('is a Map without any key that is not a string', fix)
    }
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
    if (Number.isNaN(seconds)) {
      throw this.path.refusal('is an invalid Date', 'store null or a valid Date')
    }
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
