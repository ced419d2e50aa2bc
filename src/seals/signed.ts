/**
 * The seal for text that may be seen but not forged, such as an id: `<text>.<signature>`.
 *
 * The signature is base64url of HMAC-SHA-256 over the cookie's name, a zero byte and the text. HKDF-SHA-256 derives the
 * key from the secret. There is no time in it: an id ends with its record in the store.
 *
 * @module
 */

import { Buffer } from 'node:buffer'
import { hkdfSync } from 'node:crypto'
import type { Seal } from '../core/seal.ts'
import { type Secret, secretKeys } from '../core/secrets.ts'
import { StateError } from '../errors.ts'
import { bufferOf, MALFORMED, signedText } from './text.ts'

export interface SignedOptions {
  /** At least 32 random bytes. In a list, the first signs and all verify. */
  readonly secret: Secret | undefined
}

const FORMAT = 'vial.signed.v1'
const TEXT = /^[A-Za-z0-9_.-]+$/

/**
 * Makes the seal that signs. Its `seal` accepts `A-Z a-z 0-9 - _ .` only and throws a `StateError` for other bytes.
 *
 * @throws {ConfigError} When the secret is missing or weak.
 */
export function signed({ secret }: SignedOptions): Seal {
  const { shortest, seal, open } = signedText({
    algorithm: 'sha256',
    keys: secretKeys(secret, 'secret', { weak: 'refuse' }).map((key) =>
      Buffer.from(hkdfSync('sha256', key, FORMAT, 'key', 32)),
    ),
    bind: (text, cookie) => `${cookie}\0${text}`,
    parse: (text) => ({ ok: true, bytes: Buffer.from(text, 'latin1') }),
  })
  return {
    name: 'signed',
    shortest,

    seal(bytes, _now, cookie) {
      const text = bufferOf(bytes).toString('latin1')
      if (TEXT.test(text)) return seal(text, cookie)
      throw new StateError(
        'signed() seals ids and other text of A-Z a-z 0-9 - _ . only. Use encrypted() for a record in the cookie.',
      )
    },

    open: (sealed, _now, cookie) => (TEXT.test(sealed) ? open(sealed, cookie) : MALFORMED),
  }
}
