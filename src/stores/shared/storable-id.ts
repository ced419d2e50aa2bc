/**
 * Ids that a database cannot keep as they are (empty, longer than its keys, or a lone surrogate, which has no UTF-8) are
 * kept as their digest. Ids that this package makes are kept as they are.
 *
 * @module
 */

import { createHash } from 'node:crypto'

const DIGEST = 'sha256:'

/** The text that an id is kept under: the id itself, or its digest; no two ids have the same. */
export function storableId(id: string, mostBytes: number): string {
  const malformed = /\p{Surrogate}/u.test(id)
  const fits = id !== '' && !malformed && Buffer.byteLength(id) <= mostBytes
  if (fits && !id.startsWith(DIGEST)) return id
  const hash = createHash('sha256')
  // After a byte that UTF-8 never has.
  if (malformed) hash.update(Uint8Array.of(0xff)).update(id, 'utf16le')
  else hash.update(id, 'utf8')
  return DIGEST + hash.digest('hex')
}

/** Whether a text that {@link storableId} gave is a digest, from which the id cannot be told. */
export function isDigest(text: string): boolean {
  return text.startsWith(DIGEST)
}
