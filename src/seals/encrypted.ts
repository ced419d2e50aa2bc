/**
 * The seal for a record that travels in the cookie: only holders of the secret can read it, change it or move it to
 * another cookie. XAES-256-GCM of C2SP (see `xaes.ts`), with keys that HKDF-SHA-256 derives from the secret.
 *
 * The text is base64url of: version (1 byte, 1), key id (4), nonce (24), ciphertext, tag (16). The plaintext is 16 zero
 * bytes, the time of sealing (ms since the epoch, 6 bytes, big-endian) and the record. Nothing is compressed, as lengths
 * would reveal secrets. See docs/encryption.md.
 *
 * @module
 */

import { Buffer } from 'node:buffer'
import { hash, hkdfSync, randomBytes } from 'node:crypto'
import type { Opened, Seal } from '../core/seal.ts'
import { type Secret, secretKeys } from '../core/secrets.ts'
import { ConfigError, StateError } from '../errors.ts'
import { beforeSnapshot, pooledRandomBytes } from './nonce-pool.ts'
import { decodeBase64url, EXPIRED, FORGED, MALFORMED } from './text.ts'
import { verifiedCache } from './verified-cache.ts'
import {
  decrypt,
  deriveKey,
  encrypt,
  HALF_NONCE_BYTES,
  type InputKey,
  inputKey,
  KEY_BYTES,
  TAG_BYTES,
} from './xaes.ts'

export interface EncryptedOptions {
  /** At least 32 random bytes. In a list, the first seals and all open. */
  readonly secret: Secret | undefined
  /**
   * The application or tenant. A text opens only where the context is the same, so that two applications with one secret
   * do not accept each other's cookies. @default ''
   */
  readonly context?: string
  /** The source of random bytes; it must be unpredictable. @default that of `node:crypto` */
  readonly randomBytes?: (size: number) => Uint8Array
}

const NAME = 'vial.encrypted'
const VERSION = 1
const FORMAT = `${NAME}.v${VERSION}`
const KEY_ID_BYTES = 4
const KEY_ID_END = 1 + KEY_ID_BYTES
const HALF_END = KEY_ID_END + HALF_NONCE_BYTES
const NONCE_END = HALF_END + HALF_NONCE_BYTES
/** Zero bytes at the start of the plaintext, which commit to the key. */
const COMMITMENT = Buffer.alloc(16)
const TIME_BYTES = 6
const HEAD_BYTES = COMMITMENT.length + TIME_BYTES
const MIN_BYTES = NONCE_END + HEAD_BYTES + TAG_BYTES
/** Random bytes in each nonce hash. */
const NONCE_RANDOM_BYTES = 16
/** Number of texts that share the first half of the nonce and its derived key. */
const SEALS_PER_DERIVED_KEY = 2 ** 16
/** Number of derived keys that are kept for opening. */
const MAX_DERIVED_KEYS = 64
/** Tolerance for a clock that is ahead on the machine that sealed, in ms. */
const CLOCK_TOLERANCE = 60_000

/**
 * Makes the seal that encrypts. `open` gives the time of sealing, and rejects a text from more than a minute ahead.
 *
 * @throws {ConfigError} When the secret is missing or weak, or the context is not a well-formed string.
 */
export function encrypted(options: EncryptedOptions): Seal {
  const { context = '' } = options
  if (typeof context !== 'string' || !context.isWellFormed()) {
    throw new ConfigError('context is not a well-formed string. Name the application or tenant.')
  }
  const secrets = secretKeys(options.secret, 'secret', { weak: 'refuse' })
  const keys = secrets.map((secret) => new Key(secret, context))
  const first = keys[0] as Key
  const custom = options.randomBytes && checked(options.randomBytes)
  const start = startsOf(first, custom ?? randomBytes)
  const random = custom ?? pooledRandomBytes
  const openText = verifiedCache(openNew)

  return {
    name: 'encrypted',
    shortest: Math.ceil((MIN_BYTES * 4) / 3),

    seal(bytes, now, cookie) {
      const { associatedData, hashed } = first.bindTo(cookie)
      const { derived, head } = start()
      // The input of the nonce hash ends with the plaintext, so both are written once.
      const input = Buffer.allocUnsafe(hashed.length + TIME_BYTES + bytes.length)
      input.set(hashed)
      input.set(random(NONCE_RANDOM_BYTES), KEY_BYTES)
      input.writeUIntBE(Math.floor(now), hashed.length, TIME_BYTES)
      input.set(bytes, hashed.length + TIME_BYTES)
      const plaintext = input.subarray(hashed.length - COMMITMENT.length)

      const sealed = Buffer.allocUnsafe(NONCE_END + plaintext.length + TAG_BYTES)
      sealed.set(head)
      // The second half of the nonce. If a cloned machine repeats the random bytes, the nonce repeats only together with
      // all the rest of the input, and then the two texts are the same.
      sealed.write(hash('sha256', input, 'binary'), HALF_END, HALF_NONCE_BYTES, 'latin1')
      const second = sealed.subarray(HALF_END, NONCE_END)
      const { ciphertext, tag } = encrypt(derived, second, plaintext, associatedData)
      sealed.set(ciphertext, NONCE_END)
      sealed.set(tag, NONCE_END + ciphertext.length)
      // It holds the nonce key and the record, and its memory is used again.
      input.fill(0)
      return sealed.toString('base64url')
    },

    open(text, now, cookie) {
      const opened = openText(text, cookie)
      if (!opened.ok) return opened
      // Written so that a clock of NaN rejects, too.
      return (opened.sealedAt ?? 0) - now <= CLOCK_TOLERANCE ? opened : EXPIRED
    },
  }

  function openNew(text: string, cookie: string): Opened {
    const sealed = decodeBase64url(text)
    if (sealed === undefined || sealed.length < MIN_BYTES || sealed[0] !== VERSION) return MALFORMED
    for (const key of keys) {
      // Two secrets may have one id, so the loop goes on after a wrong tag.
      if (!key.head.equals(sealed.subarray(0, KEY_ID_END))) continue
      const plaintext = key.decrypt(sealed, cookie)
      if (plaintext === undefined) continue
      const sealedAt = plaintext.readUIntBE(COMMITMENT.length, TIME_BYTES)
      const opened: Opened = { ok: true, bytes: plaintext.subarray(HEAD_BYTES), sealedAt }
      return key === first ? opened : { ...opened, keyIndex: keys.indexOf(key) }
    }
    return FORGED
  }
}

/** What binds texts to a cookie. */
interface Bound {
  readonly cookie: string
  /** Format, version, key id, cookie name and context; each of the last two after its length in 4 bytes. */
  readonly associatedData: Buffer
  /** Nonce key, space for random bytes, associated data, commitment. */
  readonly hashed: Buffer
}

/** The keys of one secret. */
class Key {
  /** Version and key id, the start of each text. */
  readonly head: Buffer
  readonly input: InputKey
  readonly #nonceKey: Buffer
  readonly #context: Buffer
  #bound: Bound | undefined
  /**
   * Derived keys by the first half of the nonce. A few open nearly all cookies, and a lookup saves a third of the work.
   * Only halves of authentic texts enter, so a stranger cannot push others out.
   */
  readonly #derived = new Map<string, Buffer>()

  constructor(secret: Buffer, context: string) {
    const expand = (info: string, length: number): Buffer =>
      Buffer.from(hkdfSync('sha256', secret, FORMAT, info, length))
    this.head = Buffer.concat([Buffer.of(VERSION), expand('key id', KEY_ID_BYTES)])
    this.input = inputKey(expand('encryption key', KEY_BYTES))
    this.#nonceKey = expand('nonce key', KEY_BYTES)
    this.#context = withLength(context)
  }

  /** Returns the associated data of a cookie, and the part of the nonce hash's input that is the same for each text. */
  bindTo(cookie: string): Bound {
    // A seal has one cookie in practice, so the last result serves nearly every call.
    if (cookie === this.#bound?.cookie) return this.#bound
    const parts = [Buffer.from(NAME), this.head, withLength(cookie), this.#context]
    const associatedData = Buffer.concat(parts)
    const random = Buffer.alloc(NONCE_RANDOM_BYTES)
    const hashed = Buffer.concat([this.#nonceKey, random, associatedData, COMMITMENT])
    this.#bound = { cookie, associatedData, hashed }
    return this.#bound
  }

  /** Returns the plaintext, or undefined when the text was not sealed with this key for this cookie and context. */
  decrypt(sealed: Buffer, cookie: string): Buffer | undefined {
    const half = sealed.subarray(KEY_ID_END, HALF_END)
    const name = half.toString('latin1')
    const known = this.#derived.get(name)
    const derived = known ?? deriveKey(this.input, half)
    const second = sealed.subarray(HALF_END, NONCE_END)
    const { associatedData } = this.bindTo(cookie)
    const plaintext = decrypt(derived, second, sealed.subarray(NONCE_END), associatedData)
    if (!plaintext?.subarray(0, COMMITMENT.length).equals(COMMITMENT)) return undefined
    if (known === undefined) {
      const [oldest] = this.#derived.keys()
      if (this.#derived.size >= MAX_DERIVED_KEYS) this.#derived.delete(oldest ?? '')
      this.#derived.set(name, derived)
    }
    return plaintext
  }
}

/** The key for the rest of a text, and its start: version, key id and the first half of the nonce. */
type Start = Record<'derived' | 'head', Buffer>

/**
 * Makes the function that starts each text. The first half of the nonce comes from `random`, which must not be a pool,
 * when the first text is sealed, and serves 2^16 texts.
 */
function startsOf(key: Key, random: (size: number) => Uint8Array): () => Start {
  let start: Start | undefined
  let left = 0
  return () => {
    if (start === undefined) beforeSnapshot(() => (start = undefined))
    if (start === undefined || left === 0) {
      const half = random(HALF_NONCE_BYTES)
      start = { derived: deriveKey(key.input, half), head: Buffer.concat([key.head, half]) }
      left = SEALS_PER_DERIVED_KEY
    }
    left--
    return start
  }
}

/** Returns UTF-8 after its length in 4 bytes, big-endian. */
function withLength(text: string): Buffer {
  const bytes = Buffer.from(`\0\0\0\0${text}`)
  bytes.writeUInt32BE(bytes.length - 4)
  return bytes
}

function checked(source: (size: number) => Uint8Array): (size: number) => Uint8Array {
  return (size) => {
    const bytes = source(size)
    if (bytes.length === size) return bytes
    const message = `randomBytes(${size}) returned ${bytes.length} bytes. Return as many as asked for.`
    throw new StateError(message)
  }
}
