/**
 * Base64url without padding, RFC 4648 section 5, in its one canonical spelling.
 *
 * @module
 */

import { Buffer } from 'node:buffer'

/** Gives the bytes of a text, or undefined when it is not exactly what encoding those bytes gives. Never throws. */
export function decodeBase64url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url')
  // Node skips foreign characters, takes both alphabets and ignores spare bits, so one value has many spellings.
  return bytes.toString('base64url') === text ? bytes : undefined
}
