/**
 * Edits of users' lists by compare and set. A session whose cookie was given to a visitor is in its user's list, or has
 * ended: a login adds its selector before the cookie leaves, and only a session that has ended is taken out.
 *
 * @module
 */

import {
  ConfigError,
  ConflictError,
  isStoreError,
  StoreError,
  TooManySessionsError,
} from '../../errors.ts'
import type { Expiry } from '../expiry.ts'
import type { Label } from '../label.ts'
import { type Meta, readMeta } from '../record.ts'
import { isRequestBound } from '../runtime.ts'
import type { Serializer } from '../serializer.ts'
import type { Store, StoredRecord } from '../store.ts'
import { TimeLimit, type WaitTimer } from '../time-limit.ts'
import { endOfList, type Listed, listKey, readList, type UserList, writeList } from './list.ts'

export interface UserListsConfig {
  readonly store: Store
  readonly serializer: Serializer
  readonly expiry: Expiry
  readonly timer: WaitTimer
  /** In ms; over all steps of one edit. */
  readonly timeout: number
  readonly now: () => number
  /** Waits before another attempt. */
  readonly backoff: (attempt: number) => Promise<void>
  /** Keeps the users of applications on one store apart. */
  readonly realm: string
  /** The most sessions of a user. */
  readonly most: number
  /** What a login over the limit does. */
  readonly over: 'end-oldest' | 'refuse'
}

/** What a commit makes of a record. */
export interface Written {
  readonly meta: Meta
  /** What the record said before. */
  readonly before: Meta
  readonly label?: Label | undefined
}

/** A login that has not been stored after this time, in ms, never will be. */
const LONGEST_LOGIN = 60_000

/** Selectors to take out. A time: only while the list says that the session was added then. */
export type Removals = ReadonlyMap<string, number | undefined>

/** What one request asks of a list. */
interface Edit {
  readonly add?: { readonly selector: string; readonly listed: Listed; readonly isLogin: boolean }
  readonly remove: Removals
  /** What the edit's last attempt wrote as the time of its addition. */
  addedAt?: number
  /** Set when the limit left no room for it. */
  refused: boolean
}

/** The edits of one list that are done in one replace. */
interface Batch {
  readonly edits: Edit[]
  readonly done: Promise<void>
}

/** What a selector of a list stands for. */
export type Standing =
  | { readonly kind: 'live'; readonly meta: Meta; readonly record: StoredRecord }
  /** A login that has not given its cookie yet. */
  | { readonly kind: 'beginning' }
  | { readonly kind: 'dead' }

export class UserLists {
  readonly #config: UserListsConfig
  /** By list: the edits that wait for those that are under way, as many become one replace. */
  readonly #waiting = new Map<string, Batch>()

  /** Why the server may drop records. Undefined: it was not asked yet, or it did. */
  #evicting: Promise<string | undefined> | undefined

  constructor(config: UserListsConfig) {
    this.#config = config
  }

  /** Whether a session has a user and is not in the user's list, or ends later than the list says. */
  lacks(meta: Meta): boolean {
    if (meta.user === undefined) return false
    return meta.listed !== true || (this.#config.expiry.until(meta) ?? 0) > (meta.until ?? 0)
  }

  /** Whether a draft has to be in the list before it is stored, or before its cookie leaves. */
  isDue({ meta, before }: Written): boolean {
    if (meta.user === undefined) return false
    return (
      before.listed !== true ||
      before.user !== meta.user ||
      before.loggedInAt !== meta.loggedInAt ||
      (meta.until ?? 0) > (before.until ?? 0)
    )
  }

  /**
   * Adds a session, or renews what the list says of it. At the limit, selectors of ended sessions go first, then the
   * oldest sessions are ended.
   *
   * @throws {TooManySessionsError} When a login is over the limit and `over` is `refuse`.
   * @throws {StoreError} Always `not-done`, as the session is stored, or its cookie sent, only after this.
   */
  async add(selector: string, { meta, before, label }: Written, limit: TimeLimit): Promise<void> {
    const { user = '' } = meta
    const listed: Listed = {
      at: meta.loggedInAt ?? this.#config.now(),
      until: this.#config.expiry.until(meta) ?? 0,
      label,
    }
    // A session that was logged in before `users` was switched on only joins.
    const isLogin = before.user !== user
    const edit: Edit = { add: { selector, listed, isLogin }, remove: new Map(), refused: false }
    try {
      await this.#edit(user, edit, limit)
    } catch (error) {
      if (!isStoreError(error)) throw error
      const { operation, retriable } = error
      throw new StoreError("The session could not be added to its user's list.", {
        operation,
        outcome: 'not-done',
        retriable,
        cause: error,
      })
    }
    if (edit.refused) {
      const { most } = this.#config
      throw new TooManySessionsError(
        `The user has ${most} ${most === 1 ? 'session' : 'sessions'}, which is the most that \`users.most\` allows. End one before this login.`,
      )
    }
  }

  /** Takes out the selectors of sessions that have ended. */
  async remove(user: string, selectors: Removals, limit: TimeLimit): Promise<void> {
    await this.#edit(user, { remove: selectors, refused: false }, limit)
  }

  /** The list as the store has it now. */
  async read(user: string, limit: TimeLimit): Promise<UserList> {
    const key = listKey(this.#config.realm, user)
    const record = await this.#readRecord(key, limit)
    return record === undefined ? new Map() : readList(key, record.bytes)
  }

  /** What became of a session of the list. */
  async standing(
    user: string,
    selector: string,
    { at }: Listed,
    limit: TimeLimit,
  ): Promise<Standing> {
    const { expiry, now: clock } = this.#config
    const record = await this.#readRecord(selector, limit)
    const meta = record && this.#metaOf(record)
    if (record === undefined || meta === undefined) return { kind: 'dead' }
    const now = clock()
    if (expiry.outlived(meta, now) || expiry.passed(record.expiresAt, now)) return { kind: 'dead' }
    if (meta.user === user) return { kind: 'live', meta, record }
    return { kind: meta.user === undefined && now - at < LONGEST_LOGIN ? 'beginning' : 'dead' }
  }

  /** When a session was last active and when it ends, as far as its record says. */
  life({ meta, record }: Extract<Standing, { readonly kind: 'live' }>): {
    readonly seenAt: number | undefined
    readonly expiresAt: number
  } {
    const { expiry, now } = this.#config
    const { expiresAt } = record
    return { seenAt: expiry.seen(meta, expiresAt), expiresAt: expiresAt ?? expiry.end(meta, now()) }
  }

  /**
   * Ends a session of the list, or the login that has not given its cookie yet: at exactly the version that shows whose
   * it is. Resolves to whether it ended one.
   */
  async end(user: string, selector: string, limit: TimeLimit): Promise<boolean> {
    const { store, backoff } = this.#config
    for (let attempt = 1; ; attempt++) {
      const record = await this.#readRecord(selector, limit)
      const meta = record && this.#metaOf(record)
      if (record === undefined || meta === undefined) return false
      if (meta.user !== undefined && meta.user !== user) return false
      const result = await limit.call('delete', (options) =>
        store.delete(selector, record.version, options),
      )
      if (result !== 'conflict') return result === 'deleted'
      if (limit.isOver) throw busy('The session')
      await backoff(attempt)
    }
  }

  #metaOf({ bytes }: StoredRecord): Meta | undefined {
    const { serializer } = this.#config
    const entries = serializer.split(bytes)
    return entries && readMeta(entries, serializer)
  }

  async #readRecord(key: string, limit: TimeLimit): Promise<StoredRecord | undefined> {
    const { store } = this.#config
    return limit.call('read', (options) => store.read(key, options), { fresh: true, expiry: true })
  }

  /** Fails where the server may drop records: the store cannot see that when it is made. Asked once. */
  async #checkRetention(limit: TimeLimit): Promise<void> {
    const { store } = this.#config
    // A server that refuses the question counts as one that keeps its records.
    this.#evicting ??= Promise.resolve(store.evicting?.()).catch(() => undefined)
    const reason = await limit.wait(this.#evicting, timedOut)
    if (reason === undefined) return
    this.#evicting = undefined
    throw new ConfigError(
      `\`users\` needs a store that keeps each record until its end, and this ${store.name} server may drop some: ${reason}. Use a server that does not evict.`,
    )
  }

  /** Does an edit together with others that wait for the same list. */
  async #edit(user: string, edit: Edit, limit: TimeLimit): Promise<void> {
    if (isRequestBound()) return this.#apply(user, [edit])
    const key = listKey(this.#config.realm, user)
    const waiting = this.#waiting.get(key)
    const open = waiting !== undefined && waiting.edits.length > 0 ? waiting : undefined
    const batch = open ?? this.#startBatch(key, user, waiting)
    batch.edits.push(edit)
    await limit.wait(batch.done, timedOut)
  }

  #startBatch(key: string, user: string, before: Batch | undefined): Batch {
    const edits: Edit[] = []
    const run = async (): Promise<void> => {
      await before?.done.catch(() => undefined)
      // One turn, so that edits of the same moment join.
      await undefined
      try {
        await this.#apply(user, edits.splice(0))
      } finally {
        if (this.#waiting.get(key) === batch) this.#waiting.delete(key)
      }
    }
    const batch: Batch = { edits, done: run() }
    this.#waiting.set(key, batch)
    return batch
  }

  /** Idempotent, so that an attempt without an answer may be made again. */
  async #apply(user: string, edits: readonly Edit[]): Promise<void> {
    const { timer, timeout, realm, backoff } = this.#config
    const key = listKey(realm, user)
    const limit = new TimeLimit(timer, timeout)
    await this.#checkRetention(limit)
    for (let attempt = 1; ; attempt++) {
      const record = await this.#readRecord(key, limit)
      const before = record === undefined ? new Map<string, Listed>() : readList(key, record.bytes)
      const after = await this.#edited(user, before, edits, limit)
      if (after === undefined) return
      try {
        if (await this.#write(key, record, after, limit)) return
      } catch (error) {
        if (!isStoreError(error) || error.outcome !== 'unknown') throw error
        if (limit.isOver) throw error
      }
      if (limit.isOver) throw busy("The list of the user's sessions")
      await backoff(attempt)
    }
  }

  /** The list with these edits. Undefined: it is as it was. */
  async #edited(
    user: string,
    before: UserList,
    edits: readonly Edit[],
    limit: TimeLimit,
  ): Promise<UserList | undefined> {
    const { most, over } = this.#config
    const list = new Map(before)
    for (const { remove } of edits) {
      for (const [selector, at] of remove) {
        if (at === undefined || list.get(selector)?.at === at) list.delete(selector)
      }
    }
    const added = edits.filter(({ add }) => add !== undefined && !list.has(add.selector))
    if (list.size + added.length > most) await this.#dropDead(user, list, limit)
    for (const edit of edits) {
      if (edit.add === undefined) continue
      const { selector, listed, isLogin } = edit.add
      const known = list.get(selector)
      edit.refused = known === undefined && isLogin && over === 'refuse' && list.size >= most
      if (edit.refused) continue
      // A login takes the place of another session. One that joins the list may be the oldest itself.
      if (known === undefined && isLogin) await this.#endOldest(user, list, most - 1, limit)
      // A later time than before, so that a removal that was decided before this login does not take it out.
      if (known === undefined || known.at !== edit.addedAt) {
        edit.addedAt = Math.max(listed.at, (known?.at ?? 0) + 1)
      }
      list.set(selector, {
        at: edit.addedAt ?? listed.at,
        until: Math.max(listed.until, known?.until ?? 0),
        label: listed.label ?? known?.label,
      })
      await this.#endOldest(user, list, most, limit)
    }
    return isSame(list, before) ? undefined : list
  }

  async #dropDead(user: string, list: Map<string, Listed>, limit: TimeLimit): Promise<void> {
    const all = Array.from(list, async ([selector, listed]) => {
      const { kind } = await this.standing(user, selector, listed, limit)
      if (kind === 'dead') list.delete(selector)
    })
    await Promise.all(all)
  }

  /** Ends the oldest sessions until no more than these are left. */
  async #endOldest(
    user: string,
    list: Map<string, Listed>,
    left: number,
    limit: TimeLimit,
  ): Promise<void> {
    const oldestFirst = [...list].toSorted(([, a], [, b]) => a.at - b.at)
    for (const [selector] of oldestFirst.slice(0, Math.max(0, list.size - left))) {
      await this.end(user, selector, limit)
      list.delete(selector)
    }
  }

  /** False: another process wrote the list meanwhile. */
  async #write(
    key: string,
    record: StoredRecord | undefined,
    list: UserList,
    limit: TimeLimit,
  ): Promise<boolean> {
    const { store } = this.#config
    if (list.size === 0) {
      if (record === undefined) return true
      const result = await limit.call('delete', (options) =>
        store.delete(key, record.version, options),
      )
      return result !== 'conflict'
    }
    const bytes = writeList(list)
    const expiresAt = Math.max(endOfList(list), record?.expiresAt ?? 0)
    if (record === undefined) {
      const result = await limit.call('create', (options) =>
        store.create(key, bytes, expiresAt, options),
      )
      return result.kind === 'created'
    }
    const result = await limit.call('replace', (options) =>
      store.replace(key, bytes, expiresAt, record.version, options),
    )
    return result.kind === 'replaced'
  }
}

function timedOut(): StoreError {
  return new StoreError("The list of the user's sessions was not written in time.", {
    operation: 'replace',
    outcome: 'unknown',
    retriable: true,
  })
}

function busy(what: string): ConflictError {
  return new ConflictError(`${what} was written by other requests faster than this one could.`)
}

function isSame(a: UserList, b: UserList): boolean {
  return JSON.stringify([...a]) === JSON.stringify([...b])
}
