/**
 * The sessions of one user, for "my devices" and "log out everywhere".
 *
 * @module
 */

import { isStoreError, RevocationError, StateError } from '../../errors.ts'
import type { OnEvent } from '../events.ts'
import type { Label } from '../label.ts'
import { type AnySession, stateOf } from '../session.ts'
import { TimeLimit, type WaitTimer } from '../time-limit.ts'
import type { UserList } from './list.ts'
import type { Removals, UserLists } from './user-lists.ts'

/** A session of a user. Times are ms since the epoch. */
export interface UserSession {
  /** Names the session for {@link UserSessions.revoke}. It stays through logins and new cookies, and opens nothing. */
  readonly handle: string
  readonly createdAt: number | undefined
  readonly loggedInAt: number | undefined
  /**
   * The last request, as exact as the expiry is moved: within 60 s or 5 % of `idle`, whichever is longer. Undefined
   * without `idle`, as nothing is stored then for a request that changes nothing.
   */
  readonly seenAt: number | undefined
  /** When it ends unless its user comes back. */
  readonly expiresAt: number
  /** What `login` was given. */
  readonly label: Label | undefined
  /** It is the session that `list` was given. */
  readonly current: boolean
}

/**
 * The sessions of one user in these sessions' store; made by `sessions.forUser`. Each call asks the store.
 *
 * Everything here rejects with a {@link StoreError} when the store fails, and with a {@link ConflictError} when other
 * requests write faster than this one can.
 */
export interface UserSessions {
  /**
   * The sessions in which the user is logged in, the newest login first.
   *
   * @param current The session that asks.
   */
  list(current?: AnySession): Promise<UserSession[]>
  /** The number of sessions in which the user is logged in. */
  count(): Promise<number>
  /** Ends one of the user's sessions. False: the user has none of this handle. */
  revoke(handle: string): Promise<boolean>
  /**
   * Ends every session of the user but this one. Resolves to their number.
   *
   * @throws {RevocationError} When the store fails midway, with what is ended and what is left.
   */
  revokeOthers(session: AnySession): Promise<number>
  /**
   * Ends every session of the user whose login was answered before. Resolves to their number.
   *
   * @throws {RevocationError} As {@link revokeOthers}.
   */
  revokeAll(): Promise<number>
}

interface ListConfig {
  readonly lists: UserLists
  readonly timer: WaitTimer
  /** In ms; over all steps of one call. */
  readonly timeout: number
  readonly emit: OnEvent
}

export class StoredUserSessions implements UserSessions {
  readonly #user: string
  readonly #config: ListConfig

  constructor(user: string, config: ListConfig) {
    if (typeof user !== 'string' || user === '' || !user.isWellFormed()) {
      throw new StateError('forUser() needs the user as login() was given it: a string.')
    }
    this.#user = user
    this.#config = config
  }

  async list(current?: AnySession): Promise<UserSession[]> {
    const limit = this.#limit()
    const { lists } = this.#config
    const own = current && selectorOf(current)
    const dead = new Map<string, number>()
    const listed = await lists.read(this.#user, limit)
    const sessions = Array.from(listed, async ([handle, one]): Promise<UserSession[]> => {
      const standing = await lists.standing(this.#user, handle, one, limit)
      if (standing.kind === 'dead') dead.set(handle, one.at)
      if (standing.kind !== 'live') return []
      const { createdAt, loggedInAt } = standing.meta
      const { label } = one
      const life = lists.life(standing)
      return [{ handle, createdAt, loggedInAt, ...life, label, current: handle === own }]
    })
    const found = (await Promise.all(sessions)).flat()
    await this.#forget(dead, limit)
    return found.toSorted((a, b) => (b.loggedInAt ?? 0) - (a.loggedInAt ?? 0))
  }

  async count(): Promise<number> {
    return (await this.list()).length
  }

  async revoke(handle: string): Promise<boolean> {
    const listed = await this.#config.lists.read(this.#user, this.#limit())
    const one = listed.get(handle)
    return one !== undefined && (await this.#revoke(new Map([[handle, one]]))) > 0
  }

  async revokeOthers(session: AnySession): Promise<number> {
    const own = selectorOf(session)
    const listed = await this.#config.lists.read(this.#user, this.#limit())
    return this.#revoke(new Map([...listed].filter(([handle]) => handle !== own)))
  }

  async revokeAll(): Promise<number> {
    return this.#revoke(await this.#config.lists.read(this.#user, this.#limit()))
  }

  async #revoke(listed: UserList): Promise<number> {
    const limit = this.#limit()
    const handles = [...listed.keys()]
    const { lists } = this.#config
    const results = await Promise.allSettled(
      handles.map((handle) => lists.end(this.#user, handle, limit)),
    )
    const failed = results.find((result) => result.status === 'rejected')
    const isDone = (_: string, at: number): boolean => results[at]?.status === 'fulfilled'
    const ended = handles.filter(isDone)
    await this.#forget(new Map(ended.map((handle) => [handle, listed.get(handle)?.at])), limit)
    if (failed === undefined) {
      return results.filter((result) => result.status === 'fulfilled' && result.value).length
    }
    const left = handles.filter((handle) => !ended.includes(handle))
    throw new RevocationError(ended, left, failed.reason)
  }

  /** Takes ended sessions out of the list. They stay ended when this fails, and the next `list` takes them out. */
  async #forget(handles: Removals, limit: TimeLimit): Promise<void> {
    if (handles.size === 0) return
    try {
      await this.#config.lists.remove(this.#user, handles, limit)
    } catch (error) {
      if (isStoreError(error)) this.#config.emit({ type: 'store-failed', error })
    }
  }

  #limit(): TimeLimit {
    return new TimeLimit(this.#config.timer, this.#config.timeout)
  }
}

/** Undefined: the session has no record. */
function selectorOf(session: AnySession): string | undefined {
  return stateOf(session).origin?.credential?.key
}
