/**
 * Ids as Memcached's keys.
 *
 * @module
 */

import { createHash } from 'node:crypto'

/** The longest key, in bytes. */
const KEY_LIMIT = 250

/** What the keys of ids begin with that cannot be keys themselves. */
const DIGEST = 'sha256:'

/** The longest prefix that leaves room for a digest. */
export const LONGEST_PREFIX: number = KEY_LIMIT - DIGEST.length - 64

/** What the protocol takes as a key in any encoding: 1 to 250 visible ASCII characters. */
export function isKey(text: string): boolean {
  return text.length <= KEY_LIMIT && /^[!-~]+$/.test(text)
}

/**
 * The key of an id: the id itself behind the prefix, or a digest where that is no key. No two ids have the same key:
 * an id that looks like a digest is made one.
 */
export function keyOf(id: string, prefix: string): string {
  const key = prefix + id
  if (isKey(key) && !key.startsWith(prefix + DIGEST)) return key
  // UTF-16, as lone surrogates are all the same in UTF-8.
  return prefix + DIGEST + createHash('sha256').update(id, 'utf16le').digest('hex')
}
