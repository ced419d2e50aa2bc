/**
 * Puts MessagePack together, each head in its smallest form.
 *
 * @module
 */

import { Buffer } from 'node:buffer'
import { isWellFormed } from '../shared/utf8.ts'

const TWO_POW_32 = 0x1_0000_0000

/** Copying so few bytes one by one is faster than a call that copies many. */
const FEW = 24
const SCRATCH = 2048
const MOST_SCRATCH = 65_536

/** Where the next writer writes; undefined while one does. */
let scratch: Buffer | undefined

/** Grows as it is written to. */
export class Writer {
  buffer: Buffer
  at = 0

  constructor() {
    this.buffer = scratch ?? Buffer.allocUnsafe(SCRATCH)
    // A value may have getters that encode another one.
    scratch = undefined
  }

  /** A copy of what was written; the writer has ended. */
  finish(): Uint8Array {
    const { buffer, at } = this
    const copy = bytesOf(at)
    if (at > FEW) buffer.copy(copy, 0, 0, at)
    else for (let i = 0; i < at; i++) copy[i] = buffer[i] as number
    if (buffer.length <= MOST_SCRATCH) scratch = buffer
    return copy
  }

  /** Makes room for `size` bytes and gives where they begin. */
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

  /** The head of a list or map: `short` with the count in it up to `most`, else `long` or the one after it. */
  counted(count: number, short: number, most: number, long: number): void {
    if (count <= most) this.byte(short | count)
    else if (count <= 0xffff) this.uint(long, count, 2)
    else this.uint(long + 1, count, 4)
  }

  /** The head of bytes or an extension: `head` with a length of one byte, the next two with two and four. */
  sized(length: number, head: number): void {
    if (length <= 0xff) this.uint(head, length, 1)
    else if (length <= 0xffff) this.uint(head + 1, length, 2)
    else this.uint(head + 2, length, 4)
  }

  /** False, and nothing is written, when the text is not well-formed. */
  string(text: string): boolean {
    if (text.length <= FEW && this.#ascii(text)) return true
    const size = Buffer.byteLength(text)
    if (size !== text.length && !isWellFormed(text)) return false
    if (size <= 31) this.byte(0xa0 | size)
    else this.sized(size, 0xd9)
    const start = this.claim(size)
    this.buffer.write(text, start, size, 'utf8')
    return true
  }

  integer(value: number): void {
    if (value >= -32 && value <= 127) this.byte(value & 0xff)
    else if (value >= 0) {
      if (value <= 0xff) this.uint(0xcc, value, 1)
      else if (value <= 0xffff) this.uint(0xcd, value, 2)
      else if (value < TWO_POW_32) this.uint(0xce, value, 4)
      else this.wide(0xcf, BigInt(value))
    } else if (value >= -0x80) this.uint(0xd0, value & 0xff, 1)
    else if (value >= -0x8000) this.uint(0xd1, value & 0xffff, 2)
    else if (value >= -0x8000_0000) this.uint(0xd2, value >>> 0, 4)
    else this.wide(0xd3, BigInt(value))
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

  /** A short text of one byte a character; false, and nothing is written, when it is another one. */
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

/** Not a Buffer, whose slices and copies behave otherwise; but of its pool, as an allocation costs more than the copy. */
function bytesOf(size: number): Uint8Array {
  if (size <= FEW) return new Uint8Array(size)
  const { buffer, byteOffset } = Buffer.allocUnsafe(size)
  return new Uint8Array(buffer, byteOffset, size)
}
