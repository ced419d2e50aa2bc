/**
 * The seal of Flask's own session cookie: itsdangerous's URLSafeTimedSerializer with HMAC-SHA1, byte for byte.
 *
 * The text is `<payload>.<timestamp>.<signature>`, each in base64url; the payload is the JSON text that the serializer
 * wrote, with a dot in front when zlib made it shorter. Anybody can read it; nobody else can make it. It is not bound
 * to the cookie's name: the salt tells uses of one secret apart.
 *
 * @module
 */

import { Buffer } from 'node:buffer'
import { createHash, createHmac } from 'node:crypto'
import { deflateSync, inflateSync } from 'node:zlib'
import { type Duration, milliseconds } from '../core/duration.ts'
import type { Opened, Seal } from '../core/seal.ts'
import { type Secret, secretKeys } from '../core/secrets.ts'
import { ConfigError } from '../errors.ts'
import { decodeBase64url } from './base64url.ts'
import { type Hmac, hmac } from './hmac.ts'
import { openedBefore } from './verified-cache.ts'

/** How the signing key comes from secret and salt; the names are itsdangerous's. Flask uses `hmac`. */
export type KeyDerivation = 'hmac' | 'django-concat' | 'concat' | 'none'

export interface ItsdangerousOptions {
  /**
   * The first one seals, all open. Python's key lists are the other way round: turn
   * `[...SECRET_KEY_FALLBACKS, SECRET_KEY]` about.
   */
  readonly secret: Secret | undefined
  /** @default 'cookie-session', as in Flask */
  readonly salt?: string
  /** @default 'hmac', as in Flask */
  readonly keyDerivation?: KeyDerivation
  /** Oldest age that opens, in whole seconds and inclusive, as Flask's PERMANENT_SESSION_LIFETIME. @default any age */
  readonly maxAge?: Duration
  /** How far the peer's clock may be ahead. Python grants nothing, and logs the visitor out. @default 0 */
  readonly leeway?: Duration
  /** Dates what is sealed back, for a peer whose clock is behind. @default 0 */
  readonly backdate?: Duration
  /** A secret that can be guessed is an error, or a process warning. @default 'refuse' */
  readonly weakSecret?: 'refuse' | 'warn'
  /** Seals the zlib form when it is shorter, as Flask does. Both forms open. @default true */
  readonly compress?: boolean
  /** Longest inflated payload that opens, in bytes. @default 1048576 */
  readonly maxOutputLength?: number
}

/** 20 bytes in base64url. */
const SIGNATURE_LENGTH = 27
const TIMESTAMP_BYTES = 8

const MALFORMED: Opened = { ok: false, reason: 'malformed' }
const FORGED: Opened = { ok: false, reason: 'forged' }
const EXPIRED: Opened = { ok: false, reason: 'expired' }

/**
 * Makes the seal of Flask's cookie. It accepts what Flask writes; other spellings of the same base64, which Python lets
 * pass, are malformed. `open` gives the bytes as they were signed: whether they are JSON is the serializer's business.
 *
 * @throws {ConfigError} When the secret is missing or weak, or an option is not what it says.
 */
export function itsdangerous(options: ItsdangerousOptions): Seal {
  const { salt = 'cookie-session', keyDerivation = 'hmac', compress = true } = options
  const { weakSecret = 'refuse', maxOutputLength = 1_048_576 } = options
  const keys = secretKeys(options.secret, 'secret', { weak: weakSecret }).map((secret) =>
    hmac('sha1', derive(secret, salt, keyDerivation)),
  )
  const first = keys[0] as Hmac
  const maxAge =
    options.maxAge === undefined
      ? Number.POSITIVE_INFINITY
      : milliseconds(options.maxAge, 'maxAge') / 1000
  const leeway = orZero(options.leeway, 'leeway')
  const backdate = orZero(options.backdate, 'backdate')
  if (!Number.isSafeInteger(maxOutputLength) || maxOutputLength < 1) {
    throw new ConfigError(
      'maxOutputLength is not a positive number of bytes. Leave it out for 1 MiB.',
    )
  }

  const openText = openedBefore(openNew)

  return {
    name: 'itsdangerous',

    seal(bytes, now) {
      const signed = `${pack(bytes, compress)}.${timestamp(now - backdate)}`
      return `${signed}.${first.sign(signed, 'base64url')}`
    },

    open(text, now) {
      const opened = openText(text, '')
      if (!opened.ok) return opened
      const { sealedAt = 0 } = opened
      const isInTime =
        sealedAt - now <= leeway && Math.floor(now / 1000) - sealedAt / 1000 <= maxAge
      return isInTime ? opened : EXPIRED
    },
  }

  function openNew(text: string): Opened {
    const signatureDot = text.length - SIGNATURE_LENGTH - 1
    const timestampDot = signatureDot < 1 ? -1 : text.lastIndexOf('.', signatureDot - 1)
    if (timestampDot === -1 || text[signatureDot] !== '.') return MALFORMED
    const signature = decodeBase64url(text.slice(signatureDot + 1))
    if (signature === undefined) return MALFORMED
    const signed = text.slice(0, signatureDot)
    // As UTF-8, not Latin-1, which would fold other characters onto ASCII ones.
    if (!keys.some((key) => key.verify(signed, signature))) return FORGED

    const time = decodeBase64url(signed.slice(timestampDot + 1))
    if (time === undefined || time.length > TIMESTAMP_BYTES) return MALFORMED
    const sealedAt = Number(`0x0${time.toString('hex')}`) * 1000
    const bytes = unpack(signed.slice(0, timestampDot), maxOutputLength)
    return bytes === undefined ? MALFORMED : { ok: true, bytes, sealedAt }
  }
}

function orZero(duration: Duration | undefined, option: string): number {
  return duration === undefined || duration === 0 ? 0 : milliseconds(duration, option)
}

function derive(secret: Buffer, salt: string, derivation: KeyDerivation): Buffer {
  switch (derivation) {
    case 'hmac':
      return createHmac('sha1', secret).update(salt).digest()
    case 'django-concat':
      return createHash('sha1').update(salt).update('signer').update(secret).digest()
    case 'concat':
      return createHash('sha1').update(salt).update(secret).digest()
    case 'none':
      return secret
    default:
      throw new ConfigError(
        "keyDerivation is not known. Flask uses 'hmac'; 'django-concat', 'concat' and 'none' are the others.",
      )
  }
}

function pack(bytes: Uint8Array, compress: boolean): string {
  if (compress) {
    const deflated = deflateSync(bytes)
    if (deflated.length < bytes.length - 1) return `.${deflated.toString('base64url')}`
  }
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url')
}

function unpack(payload: string, maxOutputLength: number): Uint8Array | undefined {
  if (!payload.startsWith('.')) return decodeBase64url(payload)
  const deflated = decodeBase64url(payload.slice(1))
  if (deflated === undefined) return undefined
  try {
    return inflateSync(deflated, { maxOutputLength })
  } catch {
    return undefined
  }
}

/** Unix seconds, big-endian, without leading zero bytes, so that 0 is the empty text. */
function timestamp(at: number): string {
  const hex = Math.max(0, Math.floor(at / 1000)).toString(16)
  if (hex === '0') return ''
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex').toString('base64url')
}
