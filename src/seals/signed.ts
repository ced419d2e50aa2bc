/**
 * The seal for text that may be seen but not made up, such as an id: `<text>.<signature>`.
 *
 * The signature is base64url of HMAC-SHA256 over the cookie's name, a NUL and the text, with a key that HKDF derives
 * from the secret. It keeps no time: an id ends with its record in the store.
 *
 * @module
 */

import { Buffer } from 'node:buffer'
import { hkdfSync } from 'node:crypto'
import type { Opened, Seal } from '../core/seal.ts'
import { type Secret, secretKeys } from '../core/secrets.ts'
import { StateError } from '../errors.ts'
import { decodeBase64url } from './base64url.ts'
import { type Hmac, hmac } from './hmac.ts'
import { openedBefore } from './verified-cache.ts'

export interface SignedOptions {
  /** The first one seals, all open. */
  readonly secret: Secret | undefined
}

const FORMAT = 'vial.signed.v1'
/** 32 bytes in base64url. */
const SIGNATURE_LENGTH = 43
const TEXT = /^[A-Za-z0-9_-]+$/

const MALFORMED: Opened = { ok: false, reason: 'malformed' }
const FORGED: Opened = { ok: false, reason: 'forged' }

/**
 * Makes the seal that signs. Its `seal` takes `A-Z a-z 0-9 - _` only and throws a `StateError` for other bytes.
 *
 * @throws {ConfigError} When the secret is missing or weak.
 */
export function signed(options: SignedOptions): Seal {
  const keys = secretKeys(options.secret, 'secret', { weak: 'refuse' }).map((secret) =>
    hmac('sha256', Buffer.from(hkdfSync('sha256', secret, FORMAT, 'key', 32))),
  )
  const first = keys[0] as Hmac

  const openText = openedBefore(openNew)

  return {
    name: 'signed',

    seal(bytes, _now, cookie) {
      const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
      if (!TEXT.test(text)) {
        throw new StateError(
          'signed() seals ids and other text of A-Z a-z 0-9 - _ only. Use encrypted() for a record in the cookie.',
        )
      }
      return `${text}.${first.sign(bound(text, cookie), 'base64url')}`
    },

    open(sealed, _now, cookie) {
      return openText(sealed, cookie)
    },
  }

  function openNew(sealed: string, cookie: string): Opened {
    const dot = sealed.length - SIGNATURE_LENGTH - 1
    if (dot < 1 || sealed[dot] !== '.') return MALFORMED
    const text = sealed.slice(0, dot)
    const signature = decodeBase64url(sealed.slice(dot + 1))
    if (signature === undefined || !TEXT.test(text)) return MALFORMED
    return keys.some((key) => key.verify(bound(text, cookie), signature))
      ? { ok: true, bytes: Buffer.from(text, 'latin1') }
      : FORGED
  }
}

/** What is signed: the text and the cookie that it is for. */
function bound(text: string, cookie: string): string {
  return `${cookie}\0${text}`
}
