/**
 * The keystream of AES-256 in counter mode (NIST SP 800-38A, 6.5), made for many messages at once. What starts a cipher
 * costs many times what enciphering a session does, so one start serves about sixty of them.
 *
 * A stream begins at a counter block of 12 random bytes and 4 of zero. No byte of it is used twice: what was taken is
 * wiped, and each message begins at a block of its own, whose counter goes with it.
 *
 * @module
 */

import { Buffer } from 'node:buffer'
import { createCipheriv, type KeyObject } from 'node:crypto'

export const KEYSTREAM_CIPHER = 'aes-256-ctr'
/** In bytes; of the cipher, and of the counter. */
export const BLOCK = 16
const NONCE = 12
const SIZE = 1024 * BLOCK
const ZEROS = Buffer.alloc(SIZE)

export class Keystream {
  readonly #key: KeyObject
  /** Gives the random bytes; they must never repeat under one key. */
  readonly #nonce: (size: number) => Uint8Array
  #counter: Buffer = Buffer.alloc(BLOCK)
  #stream: Buffer = Buffer.alloc(0)
  #used = 0

  constructor(key: KeyObject, nonce: (size: number) => Uint8Array) {
    this.#key = key
    this.#nonce = nonce
  }

  /** Enciphers the bytes from `from` to before `to` where they are, and writes the counter block of the first at `at`. */
  encipher(bytes: Buffer, from: number, to: number, at: number): void {
    const length = to - from
    if (this.#used + length > this.#stream.length) this.#begin(length)
    const stream = this.#stream
    const start = this.#used
    this.#counter.copy(bytes, at)
    bytes.writeUInt32BE(start / BLOCK, at + NONCE)
    for (let i = 0; i < length; i++) {
      bytes[from + i] = (bytes[from + i] as number) ^ (stream[start + i] as number)
    }
    stream.fill(0, start, start + length)
    this.#used = start + Math.ceil(length / BLOCK) * BLOCK
  }

  #begin(length: number): void {
    const counter = Buffer.alloc(BLOCK)
    counter.set(this.#nonce(NONCE))
    const cipher = createCipheriv(KEYSTREAM_CIPHER, this.#key, counter)
    // All three or none: a stream must never go with another one's counter.
    this.#stream = cipher.update(length <= SIZE ? ZEROS : Buffer.alloc(length))
    this.#counter = counter
    this.#used = 0
  }
}
