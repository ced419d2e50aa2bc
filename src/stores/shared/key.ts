/**
 * The keys of a store: its prefix and then the id, together 1 to 200 visible ASCII characters.
 *
 * @module
 */

import { ConfigError } from '../../errors.ts'

/** The longest prefix: it leaves 100 characters to the id. */
const MAX_PREFIX = 100

/** Checks the prefix of a store, which may be empty. @throws {ConfigError} When ids behind it would not be valid keys. */
export function checkPrefix(store: string, prefix: string): void {
  if (/^[!-~]*$/.test(prefix) && prefix.length <= MAX_PREFIX) return
  throw new ConfigError(
    `${store}: prefix has to be at most ${MAX_PREFIX} visible ASCII characters, without spaces.`,
  )
}
