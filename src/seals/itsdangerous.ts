/**
 * The seal of Flask's own session cookie: itsdangerous's URLSafeTimedSerializer with HMAC-SHA1, byte for byte.
 *
 * The text is `<payload>.<timestamp>.<signature>`, each in base64url. The payload is the JSON that the serializer wrote,
 * with a dot in front when zlib made it shorter. Visitors can read it and cannot forge it. It is not bound to the
 * cookie's name: the salt separates the uses of one secret.
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
import { bufferOf, decodeBase64url, EXPIRED, MALFORMED, signedText } from './text.ts'

/** How the signing key is derived from secret and salt, in itsdangerous's names. Flask uses `hmac`. */
export type KeyDerivation = 'hmac' | 'django-concat' | 'concat' | 'none'

export interface ItsdangerousOptions {
  /**
   * In a list, the first seals and all open. Python's lists have the other order: reverse
   * `[...SECRET_KEY_FALLBACKS, SECRET_KEY]`.
   */
  readonly secret: Secret | undefined
  /** @default 'cookie-session', as in Flask */
  readonly salt?: string
  /** @default 'hmac', as in Flask */
  readonly keyDerivation?: KeyDerivation
  /** Greatest age that opens, inclusive, in whole seconds, as Flask's PERMANENT_SESSION_LIFETIME. @default any age */
  readonly maxAge?: Duration
  /** With `maxAge`: tolerance for a peer whose clock is ahead. Python has none, and logs the visitor out. @default 0 */
  readonly leeway?: Duration
  /** Subtracted from the time of sealing, for a peer whose clock is behind. @default 0 */
  readonly backdate?: Duration
  /** Whether a weak secret is an error or a process warning. @default 'refuse' */
  readonly weakSecret?: 'refuse' | 'warn'
  /** Whether `seal` uses the zlib form when it is shorter, as Flask does. Both forms open. @default true */
  readonly compress?: boolean
  /** Size of the largest inflated payload that opens, in bytes. @default 1048576 */
  readonly maxOutputLength?: number
}

const MAX_TIMESTAMP_BYTES = 8

const sha1 = (prefix: string, secret: Buffer): Buffer =>
  createHash('sha1').update(prefix).update(secret).digest()

const DERIVATIONS: Record<KeyDerivation, (secret: Buffer, salt: string) => Buffer> = {
  hmac: (secret, salt) => createHmac('sha1', secret).update(salt).digest(),
  'django-concat': (secret, salt) => sha1(`${salt}signer`, secret),
  concat: (secret, salt) => sha1(salt, secret),
  none: (secret) => secret,
}

/**
 * Makes the seal of Flask's cookie. It opens what Flask writes. Non-canonical base64url, which Python accepts, is
 * malformed here. `open` gives the signed bytes and leaves it to the serializer whether they are JSON.
 *
 * @throws {ConfigError} When the secret is missing or weak, or an option is invalid.
 */
export function itsdangerous(options: ItsdangerousOptions): Seal {
  const { salt = 'cookie-session', keyDerivation = 'hmac', compress = true } = options
  const { weakSecret = 'refuse', maxOutputLength = 1_048_576 } = options
  if (!Object.hasOwn(DERIVATIONS, keyDerivation)) {
    const known = "'hmac' (Flask's), 'django-concat', 'concat' or 'none'"
    throw new ConfigError(`keyDerivation is unknown. Use ${known}.`)
  }
  const keys = secretKeys(options.secret, 'secret', { weak: weakSecret }).map((secret) =>
    DERIVATIONS[keyDerivation](secret, salt),
  )
  const maxAge =
    options.maxAge === undefined ? Infinity : milliseconds(options.maxAge, 'maxAge') / 1000
  const leeway = orZero(options.leeway, 'leeway')
  const backdate = orZero(options.backdate, 'backdate')
  if (!Number.isSafeInteger(maxOutputLength) || maxOutputLength < 1) {
    throw new ConfigError(
      'maxOutputLength is not a positive number of bytes. Leave it out for 1 MiB.',
    )
  }
  const texts = signedText({ algorithm: 'sha1', keys, parse })

  return {
    name: 'itsdangerous',
    shortest: texts.shortest,

    seal(bytes, now, cookie) {
      return texts.seal(`${pack(bytes, compress)}.${timestamp(now - backdate)}`, cookie)
    },

    open(text, now) {
      const opened = texts.open(text, '')
      if (!opened.ok) return opened
      const { sealedAt = 0 } = opened
      // As in Python, a text from the future opens where no age is asked for.
      if (maxAge === Infinity) return opened
      const age = Math.floor(now / 1000) - sealedAt / 1000
      return sealedAt - now <= leeway && age <= maxAge ? opened : EXPIRED
    },
  }

  function parse(signed: string): Opened {
    const dot = signed.lastIndexOf('.')
    if (dot === -1) return MALFORMED
    const time = decodeBase64url(signed.slice(dot + 1))
    if (time === undefined || time.length > MAX_TIMESTAMP_BYTES) return MALFORMED
    const sealedAt = Number(`0x0${time.toString('hex')}`) * 1000
    const bytes = unpack(signed.slice(0, dot), maxOutputLength)
    return bytes === undefined ? MALFORMED : { ok: true, bytes, sealedAt }
  }
}

function orZero(duration: Duration | undefined, option: string): number {
  return duration === undefined || duration === 0 ? 0 : milliseconds(duration, option)
}

function pack(bytes: Uint8Array, compress: boolean): string {
  if (compress) {
    const deflated = deflateSync(bytes)
    if (deflated.length < bytes.length - 1) return `.${deflated.toString('base64url')}`
  }
  return bufferOf(bytes).toString('base64url')
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

/** Unix seconds, big-endian, without leading zero bytes. Zero is the empty string. */
function timestamp(at: number): string {
  const hex = Math.max(0, Math.floor(at / 1000)).toString(16)
  if (hex === '0') return ''
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex').toString('base64url')
}
