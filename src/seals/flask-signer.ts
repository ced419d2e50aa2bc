/**
 * The seal of Flask-Session's ids (`SESSION_USE_SIGNER`): itsdangerous's `Signer`, `<id>.<signature>`.
 *
 * The signature is base64url of HMAC-SHA-1 over the id, with the key HMAC-SHA-1(secret, "flask-session"). The format has
 * no time and is not bound to the cookie's name.
 *
 * @module
 */

import { Buffer } from 'node:buffer'
import { createHmac } from 'node:crypto'
import type { Opened, Seal } from '../core/seal.ts'
import { type Secret, secretKeys } from '../core/secrets.ts'
import { bufferOf, signedText } from './text.ts'
import { verifiedCache } from './verified-cache.ts'

export interface FlaskSignerOptions {
  /** In a list, the first signs and all verify. Flask-Session itself has one secret only. */
  readonly secret: Secret | undefined
  /** Whether a weak secret is an error or a process warning. @default 'refuse' */
  readonly weakSecret?: 'refuse' | 'warn'
}

/**
 * Makes the seal of a signed id. Non-canonical base64url, which Python accepts, is malformed here.
 *
 * @throws {ConfigError} When the secret is missing or weak.
 */
export function flaskSigner(options: FlaskSignerOptions): Seal {
  const { weakSecret = 'refuse' } = options
  const keys = secretKeys(options.secret, 'secret', { weak: weakSecret }).map((secret) =>
    createHmac('sha1', secret).update('flask-session').digest(),
  )
  const texts = signedText('sha1', keys)
  const openText = verifiedCache(openNew)

  return {
    name: 'flask-signer',

    seal(bytes, _now, cookie) {
      return texts.seal(bufferOf(bytes).toString('latin1'), cookie)
    },

    open(sealed) {
      return openText(sealed, '')
    },
  }

  function openNew(sealed: string, cookie: string): Opened {
    const id = texts.open(sealed, cookie)
    return typeof id === 'string' ? { ok: true, bytes: Buffer.from(id, 'utf8') } : id
  }
}
