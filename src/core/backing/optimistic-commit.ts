/**
 * Optimistic commit: draft a record, compare and set it, and retry on the newer record after a conflict.
 *
 * @module
 */

import { ConflictError, isStoreError, StateError, type StoreError } from '../../errors.ts'
import type { Expiry } from '../expiry.ts'
import type { Credential, IdScheme } from '../ids.ts'
import type { Draft } from '../origin.ts'
import type { Report } from '../rebase.ts'
import type { Meta } from '../record.ts'
import type { Entries, Serializer } from '../serializer.ts'
import type { Store, StoredRecord, Version } from '../store.ts'
import { TimeLimit, type WaitTimer } from '../time-limit.ts'
import type { UserLists } from '../users/index.ts'
import type { Result } from './keyed-queue.ts'

/**
 * Makes the record to write from the record that is there. `untouched`: nothing is to be written. `gone`: it is not the
 * record that this request loaded. `stored`: it holds this commit's rotation already.
 */
export type MakeDraft = (onto: Entries) => Draft | 'untouched' | 'gone' | 'stored'

/**
 * How a draft changes what opens the session. `verifier`: it holds a new verifier, so a lost reply can be settled.
 * `key`: the record moves to a new key.
 */
export type Rotation = 'none' | 'verifier' | 'key'

/** A record as this process last saw it. */
export interface Known {
  readonly entries: Entries
  /** Undefined: it has to be read before it can be replaced. */
  readonly version?: Version
  /** Undefined: not known. */
  readonly expiresAt?: number | undefined
}

/** What a commit came to. */
export type CommitResult = Result<Known> &
  (
    | { readonly kind: 'gone' }
    | { readonly kind: 'untouched' }
    | { readonly kind: 'deleted'; readonly reports: readonly Report[] }
    | {
        readonly kind: 'written'
        readonly reports: readonly Report[]
        readonly permanent: boolean
        readonly expiresAt: number
        readonly meta: Meta
        /** Of the new key. Absent: the key is as before. */
        readonly credential?: Credential
      }
  )

/** The record to draft on. */
interface Base extends Known {
  /** This commit read it itself. Only such a record decides anything without a compare. */
  readonly isRead: boolean
}

/** An attempt that decided nothing. `stale`: the record that was handed over does not do, so it is read. */
type Undecided =
  | { readonly kind: 'stale' }
  | { readonly kind: 'conflict'; readonly current?: StoredRecord | undefined }

export interface CommitConfig {
  readonly store: Store
  readonly serializer: Serializer
  readonly expiry: Expiry
  readonly ids: IdScheme
  readonly timer: WaitTimer
  /** In ms; over all steps of one load or commit. */
  readonly timeout: number
  readonly now: () => number
  /** Waits before another attempt. */
  readonly backoff: (attempt: number) => Promise<void>
  /** Undefined: the sessions of a user are not listed. */
  readonly lists?: UserLists | undefined
}

const MOST_COLLISIONS = 3
/** The least time for settling a rotation whose reply was lost, in ms, and its share of the time limit. */
const LEAST_TO_SETTLE = 250
const SHARE_TO_SETTLE = 0.25

/** Full jitter up to 20 ms: many writers of one session spread out, and one loser loses little time. */
export function backoff(attempt: number): Promise<void> {
  const longest = Math.min(20, 2 ** attempt)
  return new Promise((resolve) => setTimeout(resolve, Math.random() * longest))
}

/** One commit's way into the store. */
export class OptimisticCommit {
  readonly #config: CommitConfig
  #limit: TimeLimit
  /** Conflicts, and the attempt that ended the commit. */
  attempts = 1
  /** The last draft that was sent. */
  #sent: Draft | undefined
  /** The lost reply of a rotation that is being settled. */
  #lost: StoreError | undefined

  constructor(config: CommitConfig, limit: TimeLimit) {
    this.#config = config
    this.#limit = limit
  }

  /**
   * Stores a record under a new key.
   *
   * @param makeDraft Makes the record, which may hold what belongs to the credential.
   */
  async create(
    makeDraft: (credential: Credential) => Draft,
  ): Promise<{ readonly credential: Credential; readonly expiresAt: number }> {
    const { store, ids, serializer } = this.#config
    for (let collisions = 0; collisions < MOST_COLLISIONS; collisions += 1) {
      const credential = ids.make()
      const draft = makeDraft(credential)
      const bytes = serializer.join(draft.entries)
      const expiresAt = this.#expiresAt(draft, undefined)
      const result = await this.#limit.call('create', (options) =>
        store.create(credential.key, bytes, expiresAt, options),
      )
      if (result.kind !== 'created') continue
      await this.#listNew(credential, draft)
      return { credential, expiresAt }
    }
    throw new StateError('The source of session ids repeats itself: `randomBytes` is not random.')
  }

  /**
   * Replaces the record, or deletes it when nothing is left of it. Never brings back one that is gone.
   *
   * @param from The record to start from. Undefined: it is read first.
   */
  async replace(
    key: string,
    from: Known | undefined,
    makeDraft: MakeDraft,
    rotation: Rotation,
  ): Promise<CommitResult> {
    let base: Base | undefined
    if (from?.version !== undefined) {
      const { entries, version, expiresAt } = from
      base = { entries, version, expiresAt, isRead: false }
    }
    for (;;) {
      const result = await this.#attempt(key, base, makeDraft, rotation)
      if (result.kind === 'stale') base = undefined
      else if (result.kind === 'conflict') base = await this.#afterConflict(result.current)
      else return result.kind === 'gone' ? this.#gone() : result
    }
  }

  /** One draft and its write. Without a base, the record is read first. */
  async #attempt(
    key: string,
    given: Base | undefined,
    makeDraft: MakeDraft,
    rotation: Rotation,
  ): Promise<CommitResult | Undecided> {
    let base = given
    try {
      base ??= await this.#read(key)
      if (base === undefined) return { kind: 'gone' }
      const draft = makeDraft(base.entries)
      if (typeof draft !== 'string') {
        this.#sent = draft
        if (draft.empty) return await this.#delete(key, draft, base)
        return rotation === 'key'
          ? await this.#move(key, draft, base)
          : await this.#put(key, draft, base)
      }
      if (draft === 'stored' && this.#sent !== undefined) {
        const expiresAt = base.expiresAt ?? this.#expiresAt(this.#sent, undefined)
        return this.#written(this.#sent, expiresAt, base)
      }
      if (!base.isRead) return { kind: 'stale' }
      // Another login's record is there, so a deletion whose reply was lost has not been done.
      if (draft === 'gone' && this.#sent?.empty) this.#lost = undefined
      return { kind: draft === 'untouched' ? draft : 'gone' }
    } catch (error) {
      if (isStoreError(error)) await this.#settle(error, rotation)
      else if (base === undefined || base.isRead) throw error
      return { kind: 'stale' }
    }
  }

  /**
   * The record for the next attempt: the newer one, when it came with the first conflict. Later ones are read after the
   * pause, as what came with the conflict would be out of date by then.
   */
  async #afterConflict(current: StoredRecord | undefined): Promise<Base | undefined> {
    if (current !== undefined && this.attempts === 1 && !this.#limit.isOver) {
      this.attempts += 1
      return this.#split(current)
    }
    await this.#pause()
    return undefined
  }

  /**
   * The record shows whether a rotation with a lost reply was done. So it is read, and tried again when it was not: the
   * late write cannot land any more then, as the record has other bytes. Throws an error that cannot be settled.
   */
  async #settle(error: StoreError, rotation: Rotation): Promise<void> {
    if (this.#lost === undefined) {
      if (rotation !== 'verifier' || error.outcome !== 'unknown') throw error
      const { timer, timeout } = this.#config
      this.#limit = new TimeLimit(timer, Math.max(LEAST_TO_SETTLE, timeout * SHARE_TO_SETTLE))
      this.#lost = error
    }
    await this.#pause()
  }

  async #pause(): Promise<void> {
    if (this.#limit.isOver) {
      throw (
        this.#lost ??
        new ConflictError(
          `Other requests wrote this session faster than this one could, ${this.attempts} times in a row. Nothing was stored.`,
        )
      )
    }
    await this.#config.backoff(this.attempts)
    this.attempts += 1
  }

  async #put(key: string, draft: Draft, base: Base): Promise<CommitResult | Undecided> {
    const { store, serializer, now, lists } = this.#config
    const { entries } = draft
    const expiresAt = this.#expiresAt(draft, base.expiresAt)
    const bytes = serializer.join(entries)
    // Before the write: a session that its user could not find would live on after `revokeAll`.
    if (lists?.isDue(draft)) await lists.add(key, draft, this.#limit)
    const result = await this.#limit.call('replace', (options) =>
      store.replace(key, bytes, expiresAt, base.version, options),
    )
    if (result.kind === 'conflict') return result
    // An end in the past ended the record.
    if (result.kind === 'gone' || expiresAt <= now()) return { kind: 'gone' }
    const { version } = result
    const known = version === undefined ? undefined : { entries, version, expiresAt }
    return this.#written(draft, expiresAt, known)
  }

  /** Lists a session whose cookie has not been sent. One that cannot be listed is removed again. */
  async #listNew(credential: Credential, draft: Draft): Promise<void> {
    const { lists } = this.#config
    if (!lists?.isDue(draft)) return
    try {
      await lists.add(credential.key, draft, this.#limit)
    } catch (error) {
      await this.#remove(credential).catch(() => undefined)
      throw error
    }
  }

  /**
   * Creates the record under a new key, then deletes the old one at exactly the version that the new one rests on, so
   * that no write to the old one is lost and none comes after.
   */
  async #move(key: string, draft: Draft, base: Base): Promise<CommitResult | Undecided> {
    const { credential, expiresAt } = await this.create(() => draft)
    let result: CommitResult | Undecided
    try {
      result = await this.#delete(key, draft, base)
    } catch (error) {
      // The new id is never sent, so its record is removed, whatever became of the old one.
      await this.#remove(credential).catch(() => undefined)
      throw error
    }
    if (result.kind === 'deleted') {
      return { ...this.#written(draft, expiresAt, undefined), credential }
    }
    await this.#remove(credential)
    return result
  }

  async #delete(key: string, draft: Draft, base: Base): Promise<CommitResult | Undecided> {
    const { store } = this.#config
    const kind = await this.#limit.call('delete', (options) =>
      store.delete(key, base.version, options),
    )
    if (kind === 'conflict') return { kind }
    return kind === 'gone' ? { kind } : { kind, reports: draft.reports }
  }

  /** The record to draft on. Undefined: gone. */
  async #read(key: string): Promise<Base | undefined> {
    const { store, expiry } = this.#config
    const record = await this.#limit.call('read', (options) => store.read(key, options), {
      fresh: true,
      expiry: expiry.compares,
    })
    return record === undefined ? undefined : this.#split(record)
  }

  #split({ bytes, version, expiresAt }: StoredRecord): Base {
    const entries = this.#config.serializer.split(bytes)
    if (entries === undefined) {
      throw new ConflictError('Another program stored something else than a session record there.')
    }
    return { entries, version, expiresAt, isRead: true }
  }

  /** Removes a record whose id was not sent, in a time of its own. */
  async #remove({ key }: Credential): Promise<void> {
    const { store, timer, timeout } = this.#config
    const limit = this.#limit.isOver ? new TimeLimit(timer, timeout) : this.#limit
    await limit.call('delete', (options) => store.delete(key, undefined, options))
  }

  #gone(): CommitResult {
    if (this.#lost === undefined) return { kind: 'gone' }
    // The session has ended as it was to, by this commit or another.
    if (this.#sent?.empty) return { kind: 'deleted', reports: this.#sent.reports }
    // It may have been this commit's before it ended, so a login must not begin another one.
    throw this.#lost
  }

  #written(
    { reports, permanent, meta }: Draft,
    expiresAt: number,
    known: Known | undefined,
  ): Extract<CommitResult, { kind: 'written' }> {
    return { kind: 'written', reports, permanent, expiresAt, meta, known }
  }

  #expiresAt(draft: Draft, current: number | undefined): number {
    const { expiry, now } = this.#config
    return expiry.moved(draft.meta, draft.before, current, now())
  }
}
