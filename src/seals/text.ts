/** What seals have in common: base64url, their rejections, and the form `<text>.<signature>`. */

import { Buffer } from 'node:buffer'
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Opened } from '../core/seal.ts'
import { type OpenText, verifiedCache } from './verified-cache.ts'

export const MALFORMED: Opened = { ok: false, reason: 'malformed' }
export const FORGED: Opened = { ok: false, reason: 'forged' }
export const EXPIRED: Opened = { ok: false, reason: 'expired' }

/** Returns the bytes of canonical base64url without padding (RFC 4648, section 5), or undefined for any other text. */
export function decodeBase64url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url')
  // Node skips foreign characters, accepts both alphabets and ignores spare bits, so one value has many spellings.
  return bytes.toString('base64url') === text ? bytes : undefined
}

/** Returns a Buffer over the same memory. */
export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/**
 * Makes and opens texts of the form `<text>.<signature>`, where the signature is HMAC in base64url. `open` has a
 * {@link verifiedCache}. `shortest` is the length of a text of one character.
 */
export function signedText(options: {
  readonly algorithm: 'sha1' | 'sha256'
  /** At least one: the first signs, all verify. */
  readonly keys: readonly Buffer[]
  /** Returns the string to sign, for a text and its cookie; signed as UTF-8. Absent: the text alone. */
  readonly bind?: (text: string, cookie: string) => string
  /** Makes the result of a text with a valid signature. The result must depend on the text alone. */
  readonly parse: (text: string) => Opened
}): { shortest: number; seal: (text: string, cookie: string) => string; open: OpenText } {
  const { algorithm, keys, bind = (text) => text, parse } = options
  const sign = (key: Buffer, message: string): Buffer =>
    createHmac(algorithm, key).update(message).digest()
  const first = keys[0] as Buffer
  const signatureLength = sign(first, '').toString('base64url').length

  return {
    shortest: signatureLength + 2,

    seal: (text, cookie) => `${text}.${sign(first, bind(text, cookie)).toString('base64url')}`,

    open: verifiedCache((sealed, cookie) => {
      const dot = sealed.length - signatureLength - 1
      if (dot < 1 || sealed[dot] !== '.') return MALFORMED
      const text = sealed.slice(0, dot)
      const signature = decodeBase64url(sealed.slice(dot + 1))
      if (signature === undefined) return MALFORMED
      const message = bind(text, cookie)
      const keyIndex = keys.findIndex((key) => timingSafeEqual(sign(key, message), signature))
      if (keyIndex === -1) return FORGED
      const opened = parse(text)
      return opened.ok && keyIndex > 0 ? { ...opened, keyIndex } : opened
    }),
  }
}
