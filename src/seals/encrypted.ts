/**
 * The seal for a record that travels in the cookie: nobody else can read it, change it or move it to another cookie.
 * AES-256-GCM, with a key that HKDF derives from the secret.
 *
 * The text is base64url of: version (1 byte, 1), key id (4), nonce (12), ciphertext, tag (16). What is encrypted is the
 * time of sealing (ms, 6 bytes, big-endian), then the bytes. Nothing is compressed, as lengths would tell about secrets.
 *
 * Nonces are random, so one secret may seal 2^32 times (NIST SP 800-38D, 8.3): at 100 a second that is over a year.
 * Put a new secret in front of the list before that.
 *
 * @module
 */

import { Buffer } from 'node:buffer'
import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  hkdfSync,
  type KeyObject,
} from 'node:crypto'
import { pooledRandomBytes } from '../core/random.ts'
import type { Opened, Seal } from '../core/seal.ts'
import { type Secret, secretKeys } from '../core/secrets.ts'
import { StateError } from '../errors.ts'
import { decodeBase64url } from './base64url.ts'
import { openedBefore } from './opened-before.ts'

export interface EncryptedOptions {
  /** The first one seals, all open. */
  readonly secret: Secret | undefined
  /** The source of nonces. They must never repeat under one secret. @default that of `node:crypto` */
  readonly randomBytes?: (size: number) => Uint8Array
}

const FORMAT = 'vial.encrypted.v1'
const CIPHER = 'aes-256-gcm'
const VERSION = 1
const ID_END = 5
const NONCE = 12
const NONCE_END = ID_END + NONCE
const TIME = 6
const TAG = 16
const LEAST = NONCE_END + TIME + TAG
const LENGTHS = { authTagLength: TAG } as const
/** How far another machine's clock may be ahead, in ms. */
const SKEW = 60_000

const MALFORMED: Opened = { ok: false, reason: 'malformed' }
const FORGED: Opened = { ok: false, reason: 'forged' }
const EXPIRED: Opened = { ok: false, reason: 'expired' }

interface Key {
  readonly id: Buffer
  readonly key: KeyObject
}

/**
 * Makes the seal that encrypts. `open` tells when the text was sealed, and rejects one from the future beyond a minute.
 *
 * @throws {ConfigError} When the secret is missing or weak.
 */
export function encrypted(options: EncryptedOptions): Seal {
  const { secret, randomBytes = pooledRandomBytes } = options
  const keys = secretKeys(secret, 'secret', { weak: 'refuse' }).map(derive)
  const first = keys[0] as Key
  const head = Buffer.concat([Buffer.of(VERSION), first.id])
  const openText = openedBefore(openNew)

  return {
    name: 'encrypted',

    seal(bytes, now, cookie) {
      const nonce = randomBytes(NONCE)
      if (nonce.length !== NONCE) {
        throw new StateError(
          `randomBytes(${NONCE}) gave ${nonce.length} bytes; give as many as asked.`,
        )
      }
      const plaintext = Buffer.allocUnsafe(TIME + bytes.length)
      plaintext.writeUIntBE(Math.floor(now), 0, TIME)
      plaintext.set(bytes, TIME)
      const cipher = createCipheriv(CIPHER, first.key, nonce, LENGTHS)
      cipher.setAAD(associated(cookie))
      const ciphertext = cipher.update(plaintext)
      cipher.final()
      return Buffer.concat([head, nonce, ciphertext, cipher.getAuthTag()]).toString('base64url')
    },

    open(text, now, cookie) {
      const opened = openText(text, cookie)
      return opened.ok && !((opened.sealedAt ?? 0) - now <= SKEW) ? EXPIRED : opened
    },
  }

  function openNew(text: string, cookie: string): Opened {
    const sealed = decodeBase64url(text)
    if (sealed === undefined || sealed.length < LEAST || sealed[0] !== VERSION) return MALFORMED
    for (const { id, key } of keys) {
      // Two secrets may share an id, so a failed tag is not the end.
      const isOurs = sealed.compare(id, 0, id.length, 1, ID_END) === 0
      const plaintext = isOurs ? decrypt(sealed, key, associated(cookie)) : undefined
      if (plaintext === undefined) continue
      const sealedAt = plaintext.readUIntBE(0, TIME)
      return { ok: true, bytes: plaintext.subarray(TIME), sealedAt }
    }
    return FORGED
  }
}

function derive(secret: Buffer): Key {
  const expand = (info: string, length: number): Buffer =>
    Buffer.from(hkdfSync('sha256', secret, FORMAT, info, length))
  return { id: expand('key id', ID_END - 1), key: createSecretKey(expand('key', 32)) }
}

/** One cookie has one name, so nearly every call asks for the same. */
let lastAssociated = { cookie: '', bytes: Buffer.from(`${FORMAT}\0`) }

function associated(cookie: string): Buffer {
  if (lastAssociated.cookie !== cookie) {
    lastAssociated = { cookie, bytes: Buffer.from(`${FORMAT}\0${cookie}`) }
  }
  return lastAssociated.bytes
}

function decrypt(sealed: Buffer, key: KeyObject, associatedData: Buffer): Buffer | undefined {
  const end = sealed.length - TAG
  const nonce = sealed.subarray(ID_END, NONCE_END)
  const decipher = createDecipheriv(CIPHER, key, nonce, LENGTHS)
  decipher.setAAD(associatedData)
  decipher.setAuthTag(sealed.subarray(end))
  const plaintext = decipher.update(sealed.subarray(NONCE_END, end))
  try {
    decipher.final()
  } catch {
    return undefined
  }
  return plaintext
}
