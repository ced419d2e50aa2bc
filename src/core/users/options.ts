/**
 * The option `users`, checked and filled in.
 *
 * @module
 */

import { ConfigError } from '../../errors.ts'
import type { Store } from '../store.ts'

export interface UsersOptions {
  /** The most sessions of a user, from 1 to 1,000. @default 100 */
  readonly most?: number
  /**
   * What a login over the limit does: `end-oldest` ends the sessions with the oldest logins, `refuse` rejects the commit
   * with a {@link TooManySessionsError}. @default 'end-oldest'
   */
  readonly over?: 'end-oldest' | 'refuse'
  /**
   * Keeps users apart whose sessions are in one store and who are not the same people, such as those of two tenants.
   * @default the cookie's name
   */
  readonly realm?: string
}

/** The option with its defaults. */
export type Users = Required<UsersOptions>

const HIGHEST = 1_000

/**
 * Undefined: users' sessions are not listed.
 *
 * @throws {ConfigError} When the options or the store cannot keep what they promise.
 */
export function usersOf(
  given: boolean | UsersOptions | undefined,
  store: Store,
  cookieName: string,
): Users | undefined {
  if (given === undefined || given === false) return undefined
  const options = given === true ? {} : given
  const { most = 100, over = 'end-oldest', realm = cookieName } = options
  if (over !== 'end-oldest' && over !== 'refuse') {
    throw new ConfigError(`users.over is ${String(over)}. Give 'end-oldest' or 'refuse'.`)
  }
  if (!Number.isInteger(most) || most < 1 || most > HIGHEST) {
    throw new ConfigError(
      `users.most is ${String(most)}. Give a whole number from 1 to ${HIGHEST}.`,
    )
  }
  if (typeof realm !== 'string' || !realm.isWellFormed()) {
    throw new ConfigError('users.realm is not a well-formed string.')
  }
  if (store.atomic === false) {
    throw new ConfigError(
      `\`users\` needs a store that can compare and set, and the ${store.name} store cannot: a login could be missing from its user's list. Use another store.`,
    )
  }
  if (store.evicts === true) {
    throw new ConfigError(
      `\`users\` needs a store that keeps each record until its end, and the ${store.name} store may drop some: a session could be missing from its user's list. ${store.name === 'memory' ? "Give memoryStore({ whenFull: 'refuse' })" : 'Use another store, or one that does not evict'}.`,
    )
  }
  return { most, over, realm }
}
