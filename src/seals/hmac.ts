/**
 * HMAC (RFC 2104) out of one-shot hashes. `createHmac` makes an object of OpenSSL's for each call, which costs more than
 * the hashing and keeps the garbage collector busy; two calls of `hash` make none.
 *
 * @module
 */

import { Buffer } from 'node:buffer'
import { hash, timingSafeEqual } from 'node:crypto'

/** In bytes; the same for SHA-1 and SHA-256. */
const BLOCK = 64
/** Longer messages get memory of their own for the length of a call. */
const SHORT = 4096

type Digest = 'base64url' | 'binary'

/** Authenticates messages under one key. */
export interface Hmac {
  /** The code of a message, a text as UTF-8. `binary` is one character a byte. */
  sign(message: string | Uint8Array, encoding: Digest): string
  /** Whether `signature` is the code of a message. Takes the same time whatever differs. */
  verify(message: string | Uint8Array, signature: Uint8Array): boolean
}

/** Makes the HMAC of a key of any length. */
export function hmac(algorithm: 'sha1' | 'sha256', key: Uint8Array): Hmac {
  const short = key.length > BLOCK ? Buffer.from(hash(algorithm, key, 'hex'), 'hex') : key
  const size = algorithm === 'sha1' ? 20 : 32
  const inner = padded(short, 0x36, BLOCK + SHORT)
  const outer = padded(short, 0x5c, BLOCK + size)

  function sign(message: string | Uint8Array, encoding: Digest): string {
    // A character of UTF-16 takes three bytes of UTF-8 at most.
    const most = typeof message === 'string' ? message.length * 3 : message.length
    const buffer = most <= SHORT ? inner : padded(short, 0x36, BLOCK + most)
    const length = put(message, buffer)
    outer.write(hash(algorithm, buffer.subarray(0, BLOCK + length), 'binary'), BLOCK, 'latin1')
    return hash(algorithm, outer, encoding)
  }

  return {
    sign,
    verify(message, signature) {
      const expected = Buffer.from(sign(message, 'binary'), 'latin1')
      return signature.length === size && timingSafeEqual(expected, signature)
    },
  }
}

function padded(key: Uint8Array, pad: number, size: number): Buffer {
  const buffer = Buffer.alloc(size, pad)
  key.forEach((byte, at) => {
    buffer[at] = byte ^ pad
  })
  return buffer
}

/** Puts a message behind the first block, and tells its length. */
function put(message: string | Uint8Array, buffer: Buffer): number {
  if (typeof message === 'string') return buffer.write(message, BLOCK, 'utf8')
  buffer.set(message, BLOCK)
  return message.length
}
