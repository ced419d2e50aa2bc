/**
 * The seal of Flask-Session's ids (`SESSION_USE_SIGNER`): itsdangerous's `Signer`, `<id>.<signature>`.
 *
 * The signature is base64url of HMAC-SHA1 over the id, with the key HMAC-SHA1(secret, "flask-session"). It keeps no time
 * and is not bound to the cookie's name.
 *
 * @module
 */

import { Buffer } from 'node:buffer'
import { createHmac } from 'node:crypto'
import type { Opened, Seal } from '../core/seal.ts'
import { type Secret, secretKeys } from '../core/secrets.ts'
import { decodeBase64url } from './base64url.ts'
import { type Hmac, hmac } from './hmac.ts'
import { openedBefore } from './verified-cache.ts'

export interface FlaskSignerOptions {
  /** The first one signs, all open. Flask-Session itself knows one only. */
  readonly secret: Secret | undefined
  /** A secret that can be guessed is an error, or a process warning. @default 'refuse' */
  readonly weakSecret?: 'refuse' | 'warn'
}

/** 20 bytes in base64url. */
const SIGNATURE_LENGTH = 27

const MALFORMED: Opened = { ok: false, reason: 'malformed' }
const FORGED: Opened = { ok: false, reason: 'forged' }

/**
 * Makes the seal of a signed id. Other spellings of the same base64, which Python lets pass, are malformed.
 *
 * @throws {ConfigError} When the secret is missing or weak.
 */
export function flaskSigner(options: FlaskSignerOptions): Seal {
  const { weakSecret = 'refuse' } = options
  const keys = secretKeys(options.secret, 'secret', { weak: weakSecret }).map((secret) =>
    hmac('sha1', createHmac('sha1', secret).update('flask-session').digest()),
  )
  const first = keys[0] as Hmac

  const openText = openedBefore(openNew)

  return {
    name: 'flask-signer',

    seal(bytes) {
      const id = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
      return `${id}.${first.sign(id, 'base64url')}`
    },

    open(text) {
      return openText(text, '')
    },
  }

  function openNew(text: string): Opened {
    const dot = text.length - SIGNATURE_LENGTH - 1
    if (dot < 1 || text[dot] !== '.') return MALFORMED
    const id = text.slice(0, dot)
    const signature = decodeBase64url(text.slice(dot + 1))
    if (signature === undefined) return MALFORMED
    return keys.some((key) => key.verify(id, signature))
      ? { ok: true, bytes: Buffer.from(id, 'utf8') }
      : FORGED
  }
}
