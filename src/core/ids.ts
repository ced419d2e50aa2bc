/**
 * Session ids: 256 random bits as 43 characters of base64url. The id is the credential, so a store sees only its
 * SHA-256, and logs see only its fingerprint.
 *
 * @module
 */

import { hash } from 'node:crypto'

/** How a kind of session makes, checks and looks up its ids. */
export interface IdScheme {
  make(): string
  /** Whether the text has the shape of such an id. What has not never reaches the store. */
  valid(text: string): boolean
  /** The id under which the store keeps the record. */
  key(id: string): string
}

const LENGTH = 43
const OTHER = /[^A-Za-z0-9_-]/

/**
 * The scheme of vial's own sessions.
 *
 * @param randomBytes The source of ids; it must be unpredictable.
 * @param hashed Whether the store sees the SHA-256 of the id in place of the id.
 */
export function nativeIds(randomBytes: (size: number) => Uint8Array, hashed: boolean): IdScheme {
  return {
    make: () => Buffer.from(randomBytes(32)).toString('base64url'),
    valid: (text) => text.length === LENGTH && !OTHER.test(text),
    key: hashed ? (id) => hash('sha256', id, 'base64url') : (id) => id,
  }
}

/** Names a session in logs: 12 hexadecimal digits that lead back neither to the id nor to the store's key. */
export function fingerprint(id: string): string {
  return hash('sha256', `vial fingerprint\0${id}`).slice(0, 12)
}
