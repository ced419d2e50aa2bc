/**
 * What the cookie of a stored session holds. vial's own is `<selector>.<verifier>`: the selector is the store's key for
 * the life of the session and worth nothing by itself; the verifier is the secret, of which the record keeps only a
 * hash. So a leaked store opens no session, and a session gets a new secret without moving its record.
 *
 * @module
 */

import { createHmac, hash, timingSafeEqual } from 'node:crypto'
import { ConfigError, StateError } from '../errors.ts'

/** The content of one cookie. */
export interface Credential {
  /** What the cookie holds, before it is signed. */
  readonly text: string
  /** The key under which the store keeps the record. */
  readonly key: string
  /** The secret half. Empty in formats whose id is key and secret in one. */
  readonly verifier: string
  /** Which key opened the signed cookie, by its place in the list of secrets. Absent: the first, or the cookie is not signed. */
  readonly keyIndex?: number
}

/** How a kind of session makes and reads its credentials. */
export interface IdScheme {
  /** A new one, for a new record. */
  make(): Credential
  /** Undefined: the text does not have the shape. Such a text never reaches the store. */
  parse(text: string): Credential | undefined
  /** Absent where the id is key and secret in one: then a new secret needs a new record. */
  readonly verifiers?: VerifierScheme
}

/** The secrets of credentials whose key stays. */
export interface VerifierScheme {
  /** What the record keeps of a verifier. */
  hash(verifier: string): string
  /** The same key with a new random verifier. */
  rotate(credential: Credential): Credential
  /** The same key with the verifier that follows from this one and `nonce`, so that every holder of the old one gets the same. */
  renew(credential: Credential, nonce: string): Credential
}

/** What a record was opened with. */
interface Opened {
  readonly credential: Credential | undefined
}

/** Where there is a store, every record has a credential. */
export function credentialOf({ credential }: Opened): Credential {
  if (credential === undefined) throw new StateError('This session is not one of a store.')
  return credential
}

export function keyOf(opened: Opened): string {
  return credentialOf(opened).key
}

/** The source of random bytes; it must be unpredictable. */
export type RandomBytes = (size: number) => Uint8Array

const SELECTOR_BYTES = 16
const VERIFIER_BYTES = 32
/** Both in base64url. */
const SHAPE = /^[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}$/
const SELECTOR_LENGTH = 22
/** Of SHA-256 in base64url. */
const HASH_LENGTH = 43

/**
 * The scheme of vial's own sessions.
 *
 * @param cookieName Part of the hash, so that two kinds of session on one store do not open each other's.
 */
export function nativeIds(randomBytes: RandomBytes, cookieName: string): IdScheme {
  const prefix = `${cookieName.length}:${cookieName}:`
  const credential = (key: string, verifier: string): Credential => ({
    text: `${key}.${verifier}`,
    key,
    verifier,
  })
  const makeVerifier = (): string => randomText(randomBytes, VERIFIER_BYTES)

  return {
    make: () => credential(randomText(randomBytes, SELECTOR_BYTES), makeVerifier()),
    parse: (text) =>
      SHAPE.test(text)
        ? { text, key: text.slice(0, SELECTOR_LENGTH), verifier: text.slice(SELECTOR_LENGTH + 1) }
        : undefined,
    verifiers: {
      hash: (verifier) => hash('sha256', prefix + verifier, 'base64url'),
      rotate: ({ key }) => credential(key, makeVerifier()),
      renew: ({ key, verifier }, nonce) =>
        credential(key, createHmac('sha256', verifier).update(nonce).digest('base64url')),
    },
  }
}

/**
 * Random bytes as base64url.
 *
 * @throws {ConfigError} When the source gives fewer bytes than it was asked for: such ids could be guessed.
 */
export function randomText(randomBytes: RandomBytes, size: number): string {
  const bytes: unknown = randomBytes(size)
  if (!(bytes instanceof Uint8Array) || bytes.length !== size) {
    const given = bytes instanceof Uint8Array ? `${bytes.length} bytes` : 'no Uint8Array'
    throw new ConfigError(
      `\`randomBytes\` gave ${given} when asked for ${size} bytes. Return a Uint8Array of exactly that length.`,
    )
  }
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url')
}

/** Where two hashes are compared, so that a request allocates no buffers for it. */
const LEFT = Buffer.alloc(HASH_LENGTH)
const RIGHT = Buffer.alloc(HASH_LENGTH)

/** Whether two hashes are equal, in a time that does not depend on where they differ. */
export function sameHash(a: string | undefined, b: string): boolean {
  if (a?.length !== HASH_LENGTH || b.length !== HASH_LENGTH) return false
  LEFT.write(a, 'latin1')
  RIGHT.write(b, 'latin1')
  return timingSafeEqual(LEFT, RIGHT)
}

/** Names a session in logs: 12 hexadecimal digits that lead back neither to the credential nor to the store's key. */
export function fingerprint(key: string): string {
  return hash('sha256', `vial fingerprint\0${key}`).slice(0, 12)
}
