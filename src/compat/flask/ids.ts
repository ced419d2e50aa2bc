/**
 * Flask-Session's ids: `secrets.token_urlsafe`, and UUIDs in versions before 0.6. The store's key is a prefix and the id.
 *
 * @module
 */

import { type Credential, type IdScheme, type RandomBytes, randomText } from '../../core/ids.ts'
import { ConfigError } from '../../errors.ts'

export interface FlaskIdOptions {
  readonly prefix: string
  /** In bytes of entropy. */
  readonly length: number
  readonly randomBytes: RandomBytes
}

const LEAST = 16
const MOST = 128
/** Every length that `SESSION_ID_LENGTH` can give; a UUID has 36 characters of the same alphabet. */
const SHAPE = /^[A-Za-z0-9_-]{6,171}$/

/** Makes the scheme. Throws {@link ConfigError} when ids could be guessed. */
export function flaskIds({ prefix, length, randomBytes }: FlaskIdOptions): IdScheme {
  if (!Number.isSafeInteger(length) || length < LEAST || length > MOST) {
    throw new ConfigError(
      `idLength is ${length}. Give ${LEAST} to ${MOST} bytes: shorter ids can be guessed. Those that Flask gave out are read whatever their length.`,
    )
  }
  const credential = (id: string): Credential => ({ text: id, key: prefix + id, verifier: '' })
  return {
    make: () => credential(randomText(randomBytes, length)),
    parse: (text) => (SHAPE.test(text) ? credential(text) : undefined),
  }
}
