/**
 * The seal for a record that travels in the cookie: nobody else can read it, change it or move it to another cookie.
 * AES-256 in counter mode, then HMAC-SHA-256 over all of it (encrypt-then-MAC), with keys that HKDF derives from the
 * secret.
 *
 * The text is base64url of: version (1 byte, 2), key id (4), counter block (16), ciphertext, code (16). What is encrypted
 * is the time of sealing (ms, 6 bytes, big-endian), then the bytes. The code is the first half of the HMAC of the format's
 * name, a zero byte, the length of the cookie's name in bytes as decimal digits, a zero byte, that name, and all before
 * the code. Nothing is compressed, as lengths would tell about secrets.
 *
 * Why not GCM: a value opens under no other key, whatever is in it, which GCM does not promise for a list of secrets; and
 * a cipher has to be started for each value, which costs more than all else here.
 *
 * @module
 */

import { Buffer } from 'node:buffer'
import {
  createDecipheriv,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  timingSafeEqual,
} from 'node:crypto'
import { pooledRandomBytes } from '../core/random.ts'
import type { Opened, Seal } from '../core/seal.ts'
import { type Secret, secretKeys } from '../core/secrets.ts'
import { StateError } from '../errors.ts'
import { decodeBase64url } from './base64url.ts'
import { type Hmac, hmac } from './hmac.ts'
import { BLOCK, KEYSTREAM_CIPHER, Keystream } from './keystream.ts'
import { openedBefore } from './verified-cache.ts'

export interface EncryptedOptions {
  /** The first one seals, all open. */
  readonly secret: Secret | undefined
  /** The source of nonces; 12 bytes for about sixty values. They must never repeat under one secret. @default that of `node:crypto` */
  readonly randomBytes?: (size: number) => Uint8Array
}

const FORMAT = 'vial.encrypted.v2'
const VERSION = 2
const ID_END = 5
const COUNTER_END = ID_END + BLOCK
const TIME = 6
const CODE = 16
const LEAST = COUNTER_END + TIME + CODE
/** How far another machine's clock may be ahead, in ms. */
const SKEW = 60_000

const MALFORMED: Opened = { ok: false, reason: 'malformed' }
const FORGED: Opened = { ok: false, reason: 'forged' }
const EXPIRED: Opened = { ok: false, reason: 'expired' }

interface Key {
  readonly id: Buffer
  readonly key: KeyObject
  readonly mac: Hmac
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
  const keystream = new Keystream(first.key, checked(randomBytes))
  const openText = openedBefore(openNew)

  return {
    name: 'encrypted',

    seal(bytes, now, cookie) {
      // What the code is made of, then the code: the text is all behind the name of the cookie.
      const bound = boundTo(cookie)
      const start = bound.length
      const time = start + COUNTER_END
      const end = time + TIME + bytes.length
      const buffer = Buffer.allocUnsafe(end + CODE)
      buffer.set(bound)
      buffer[start] = VERSION
      buffer.set(first.id, start + 1)
      buffer.writeUIntBE(Math.floor(now), time, TIME)
      buffer.set(bytes, time + TIME)
      keystream.encipher(buffer, time, end, start + ID_END)
      buffer.write(codeOf(first, buffer.subarray(0, end)), end, 'latin1')
      return buffer.toString('base64url', start)
    },

    open(text, now, cookie) {
      const opened = openText(text, cookie)
      return opened.ok && !((opened.sealedAt ?? 0) - now <= SKEW) ? EXPIRED : opened
    },
  }

  function openNew(text: string, cookie: string): Opened {
    const sealed = decodeBase64url(text)
    if (sealed === undefined || sealed.length < LEAST || sealed[0] !== VERSION) return MALFORMED
    for (const key of keys) {
      // Two secrets may share an id, so a wrong code is not the end.
      if (sealed.compare(key.id, 0, key.id.length, 1, ID_END) !== 0) continue
      if (!isAuthentic(sealed, key, cookie)) continue
      const plaintext = decipher(sealed, key)
      return { ok: true, bytes: plaintext.subarray(TIME), sealedAt: plaintext.readUIntBE(0, TIME) }
    }
    return FORGED
  }
}

function derive(secret: Buffer): Key {
  const expand = (info: string, length: number): Buffer =>
    Buffer.from(hkdfSync('sha256', secret, FORMAT, info, length))
  return {
    id: expand('key id', ID_END - 1),
    key: createSecretKey(expand('encryption key', 32)),
    mac: hmac('sha256', expand('authentication key', 32)),
  }
}

function checked(randomBytes: (size: number) => Uint8Array): (size: number) => Uint8Array {
  return (size) => {
    const bytes = randomBytes(size)
    if (bytes.length === size) return bytes
    throw new StateError(`randomBytes(${size}) gave ${bytes.length} bytes; give as many as asked.`)
  }
}

/** One cookie has one name, so nearly every call asks for the same. */
let lastBound = { cookie: '', bytes: Buffer.from(`${FORMAT}\0${0}\0`) }

/** The beginning of what a code is made of. */
function boundTo(cookie: string): Buffer {
  if (lastBound.cookie !== cookie) {
    const bytes = Buffer.from(`${FORMAT}\0${Buffer.byteLength(cookie)}\0${cookie}`)
    lastBound = { cookie, bytes }
  }
  return lastBound.bytes
}

/** One character a byte. */
function codeOf({ mac }: Key, message: Uint8Array): string {
  return mac.sign(message, 'binary').slice(0, CODE)
}

function isAuthentic(sealed: Buffer, key: Key, cookie: string): boolean {
  const end = sealed.length - CODE
  const message = Buffer.concat([boundTo(cookie), sealed.subarray(0, end)])
  return timingSafeEqual(Buffer.from(codeOf(key, message), 'latin1'), sealed.subarray(end))
}

function decipher(sealed: Buffer, { key }: Key): Buffer {
  const counter = sealed.subarray(ID_END, COUNTER_END)
  const cipher = createDecipheriv(KEYSTREAM_CIPHER, key, counter)
  return cipher.update(sealed.subarray(COUNTER_END, sealed.length - CODE))
}
