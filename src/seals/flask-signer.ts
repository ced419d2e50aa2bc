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
import type { Seal } from '../core/seal.ts'
import { type Secret, secretKeys } from '../core/secrets.ts'
import { bufferOf, signedText } from './text.ts'

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
export function flaskSigner({ secret, weakSecret = 'refuse' }: FlaskSignerOptions): Seal {
  const { shortest, seal, open } = signedText({
    algorithm: 'sha1',
    keys: secretKeys(secret, 'secret', { weak: weakSecret }).map((key) =>
      createHmac('sha1', key).update('flask-session').digest(),
    ),
    parse: (id) => ({ ok: true, bytes: Buffer.from(id) }),
  })
  return {
    name: 'flask-signer',
    shortest,
    seal: (bytes, _now, cookie) => seal(bufferOf(bytes).toString('latin1'), cookie),
    open: (sealed) => open(sealed, ''),
  }
}
