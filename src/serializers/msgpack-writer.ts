/**
 * Puts MessagePack together, each head in its smallest form.
 *
 * @module
 */

import { Buffer } from 'node:buffer'
import { isWellFormed } from './utf8.ts'

const TWO_POW_32 = 0x1_0000_0000

/** Grows as it is written to. */
export class Writer {
  buffer: Buffer = Buffer.alloc(64)
  at = 0

  /** A copy of what was written. */
  finish(): Uint8Array {
    return new Uint8Array(this.buffer.subarray(0, this.at))
  }

  /** Makes room for `size` bytes and gives where they begin. */
  claim(size: number): number {
    const start = this.at
    this.at += size
    if (this.at > this.buffer.length) {
      const larger = Buffer.alloc(Math.max(this.at, this.buffer.length * 2))
      larger.set(this.buffer.subarray(0, start))
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
    this.buffer.writeUIntBE(value, start + 1, size)
  }

  bytes(data: Uint8Array): void {
    const start = this.claim(data.length)
    this.buffer.set(data, start)
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
}
