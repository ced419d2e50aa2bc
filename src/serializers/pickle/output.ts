/**
 * The bytes of a pickle as they are written, cut into frames as CPython cuts them: of 64 KiB or a little more, large
 * values between them.
 *
 * @module
 */

import { Writer } from '../msgpack/writer.ts'
import { OP } from './opcodes.ts'

const FRAME_TARGET = 65_536
const SMALLEST_FRAME = 4
const FRAME_HEAD = 9

export class FramedOutput {
  readonly #writer = new Writer()
  /** Where the frame that is open began; -1: none is. */
  #frame = -1

  constructor(protocol: number) {
    this.#writer.byte(OP.PROTO)
    this.#writer.byte(protocol)
  }

  finish(): Uint8Array {
    this.#close()
    return this.#writer.finish()
  }

  /** Comes before each value: a frame that is full ends here. */
  boundary(): void {
    if (this.#frame >= 0 && this.#writer.at - this.#frame - FRAME_HEAD >= FRAME_TARGET)
      this.#close()
  }

  byte(value: number): void {
    this.#open()
    this.#writer.byte(value)
  }

  /** An opcode and a number of `size` bytes, little-endian. */
  sized(opcode: number, value: number, size: 1 | 2 | 4 | 8): void {
    this.byte(opcode)
    this.#number(value, size)
  }

  float(value: number): void {
    this.byte(OP.BINFLOAT)
    const at = this.#writer.claim(8)
    this.#writer.buffer.writeDoubleBE(value, at)
  }

  /** An opcode, the length of the data in `size` bytes, and the data. */
  data(opcode: number, data: Uint8Array, size: 1 | 4 | 8): void {
    const large = data.length >= FRAME_TARGET
    if (large) this.#close()
    else this.#open()
    this.#writer.byte(opcode)
    this.#number(data.length, size)
    this.#writer.bytes(data)
  }

  #number(value: number, size: number): void {
    const at = this.#writer.claim(size)
    const { buffer } = this.#writer
    if (size === 8) buffer.writeBigUInt64LE(BigInt(value), at)
    else if (value < 0) buffer.writeIntLE(value, at, size)
    else buffer.writeUIntLE(value, at, size)
  }

  #open(): void {
    if (this.#frame < 0) this.#frame = this.#writer.claim(FRAME_HEAD)
  }

  #close(): void {
    const start = this.#frame
    if (start < 0) return
    const { buffer, at } = this.#writer
    const size = at - start - FRAME_HEAD
    if (size >= SMALLEST_FRAME) {
      buffer[start] = OP.FRAME
      buffer.writeBigUInt64LE(BigInt(size), start + 1)
    } else {
      buffer.copyWithin(start, start + FRAME_HEAD, at)
      this.#writer.at -= FRAME_HEAD
    }
    this.#frame = -1
  }
}
