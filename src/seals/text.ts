/**
 * What seals have in common: base64url, their rejections, and the form `<text>.<signature>`.
 *
 * @module
 */

import { Buffer } from 'node:buffer'
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Opened } from '../core/seal.ts'

/** A text that was not honoured. */
export type Rejected = Extract<Opened, { ok: false }>

export const MALFORMED: Rejected = { ok: false, reason: 'malformed' }
export const FORGED: Rejected = { ok: false, reason: 'forged' }
export const EXPIRED: Rejected = { ok: false, reason: 'expired' }

/** Gives the bytes of canonical base64url without padding (RFC 4648, section 5), or undefined for any other text. */
export function decodeBase64url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url')
  // Node skips foreign characters, accepts both alphabets and ignores spare bits, so one value has many spellings.
  return bytes.toString('base64url') === text ? bytes : undefined
}

/** Gives a Buffer over the same memory. */
export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Makes and checks texts of the form `<text>.<signature>`, where the signature is HMAC in base64url. */
export interface SignedText {
  /** Signs with the first key. */
  seal(text: string, cookie: string): string
  /** Gives the text when one of the keys signed it. */
  open(sealed: string, cookie: string): string | Rejected
}

/**
 * Makes the shared part of the seals that sign.
 *
 * @param keys At least one: the first signs, all verify.
 * @param bind What the signature is over, for a text and its cookie. UTF-8. Default: the text alone.
 */
export function signedText(
  algorithm: 'sha1' | 'sha256',
  keys: readonly Buffer[],
  bind: (text: string, cookie: string) => string = (text) => text,
): SignedText {
  const [first] = keys
  if (first === undefined) throw new RangeError('signedText needs a key.')
  const signatureLength = sign(algorithm, first, '').toString('base64url').length

  return {
    seal(text, cookie) {
      return `${text}.${sign(algorithm, first, bind(text, cookie)).toString('base64url')}`
    },

    open(sealed, cookie) {
      const dot = sealed.length - signatureLength - 1
      if (dot < 1 || sealed[dot] !== '.') return MALFORMED
      const text = sealed.slice(0, dot)
      const signature = decodeBase64url(sealed.slice(dot + 1))
      if (signature === undefined) return MALFORMED
      const message = bind(text, cookie)
      const isSigned = keys.some((key) => timingSafeEqual(sign(algorithm, key, message), signature))
      return isSigned ? text : FORGED
    },
  }
}

function sign(algorithm: string, key: Buffer, message: string): Buffer {
  return createHmac(algorithm, key).update(message).digest()
}
