/**
 * Optimistic commit: draft a record, compare and set it, and retry on the newer record after a conflict.
 *
 * @module
 */

import { ConflictError, isStoreError, StateError, type StoreError } from '../errors.ts'
import type { Expiry } from './expiry.ts'
import type { Credential, IdScheme } from './ids.ts'
import type { Result } from './keyed-queue.ts'
import type { Report } from './rebase.ts'
import type { Meta } from './record.ts'
import type { Entries, Serializer } from './serializer.ts'
import type { Draft } from './session-state.ts'
import type { Store, StoredRecord, Version } from './store.ts'
import { TimeLimit, type WaitTimer } from './time-limit.ts'

/**
 * Makes the record to write from the record that is there. `untouched`: nothing is to be written. `gone`: it is not the
 * record that this request loaded. `stored`: it holds this commit's rotation already.
 */
export type MakeDraft = (onto: Entries) => Draft | 'untouched' | 'gone' | 'stored'

/** A record as this process last saw it. */
export interface Known {
  readonly entries: Entries
  /** Undefined: it has to be read before it can be replaced. */
  readonly version?: Version
  /** Undefined: not known. */
  readonly expiresAt?: number | undefined
}

/** What a commit came to. */
export type CommitResult = Result<Known> & { readonly attempts: number } & (
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
}

/** A record that was created. */
export interface Created {
  readonly credential: Credential
  readonly expiresAt: number
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
  #attempts = 1

  constructor(config: CommitConfig, limit: TimeLimit) {
    this.#config = config
    this.#limit = limit
  }

  /**
   * Stores a record under a new key.
   *
   * @param draft Makes the record, which may hold what belongs to the credential.
   */
  async create(draft: (credential: Credential) => Draft): Promise<Created> {
    const { store, ids, serializer } = this.#config
    for (let collisions = 0; collisions < MOST_COLLISIONS; collisions += 1) {
      const credential = ids.make()
      const made = draft(credential)
      const bytes = serializer.join(made.entries)
      const expiresAt = this.#expiresAt(made, undefined)
      const result = await this.#limit.call('create', (options) =>
        store.create(credential.key, bytes, expiresAt, options),
      )
      if (result.kind === 'created') return { credential, expiresAt }
    }
    throw new StateError('The source of session ids repeats itself: `randomBytes` is not random.')
  }

  /**
   * Replaces the record, or deletes it when nothing is left of it. Never brings back one that is gone.
   *
   * @param from The record to start from. Undefined: it is read first.
   * @param rotation `verifier`: the draft holds a new verifier, so a lost reply can be settled. `key`: the record moves to
   * a new key.
   */
  async replace(
    key: string,
    from: Known | undefined,
    makeDraft: MakeDraft,
    rotation?: 'verifier' | 'key',
  ): Promise<CommitResult> {
    let known = from?.version === undefined ? undefined : from
    /** Whether this commit read `known` itself. What is decided without a compare counts only then. */
    let isRead = false
    let last: Draft | undefined
    let lost: StoreError | undefined
    for (;;) {
      try {
        if (known === undefined) {
          known = await this.#read(key)
          if (known === undefined) break
          isRead = true
        }
        const draft = makeDraft(known.entries)
        if (draft === 'stored' && last !== undefined) return this.#stored(last, known)
        if (typeof draft !== 'string') {
          last = draft
          const step =
            rotation === 'key' ? this.#move(key, draft, known) : this.#put(key, draft, known)
          const result = await step
          if (result.kind === 'gone') break
          if (result.kind !== 'conflict') return result
          known = await this.#afterConflict(result, lost)
          isRead = known !== undefined
          continue
        }
        if (isRead && draft === 'untouched') return this.#ended('untouched')
        if (isRead) break
      } catch (error) {
        if (isStoreError(error)) {
          lost = this.#toSettle(error, rotation, lost)
          await this.#pause(lost)
        } else if (isRead || known === undefined) throw error
      }
      known = undefined
    }
    if (lost === undefined) return this.#ended('gone')
    // The session has ended as it was to, by this commit or another.
    if (last?.empty) return this.#deleted(last)
    // It may have been this commit's before it ended, so a login must not begin another one.
    throw lost
  }

  /**
   * The record for the next attempt: the newer one, when it came with the first conflict. Later ones are read after the
   * pause, as what came with the conflict would be out of date by then.
   */
  async #afterConflict(
    { current }: Conflict,
    lost: StoreError | undefined,
  ): Promise<Known | undefined> {
    if (current !== undefined && this.#attempts === 1 && !this.#limit.isOver) {
      this.#attempts += 1
      return this.#split(current)
    }
    await this.#pause(lost)
    return undefined
  }

  /**
   * The record tells whether a rotation with a lost reply was done. So it is read, and tried again when it was not: the
   * late write cannot land any more then, as the record has other bytes. Throws an error that cannot be settled.
   */
  #toSettle(
    error: StoreError,
    rotation: 'verifier' | 'key' | undefined,
    lost: StoreError | undefined,
  ): StoreError {
    if (lost !== undefined) {
      if (this.#limit.isOver) throw lost
      return lost
    }
    if (rotation !== 'verifier' || error.outcome !== 'unknown') throw error
    const { timer, timeout } = this.#config
    this.#limit = new TimeLimit(timer, Math.max(LEAST_TO_SETTLE, timeout * SHARE_TO_SETTLE))
    return error
  }

  async #put(key: string, draft: Draft, known: Known): Promise<CommitResult | Conflict> {
    if (draft.empty) return this.#delete(key, draft, known)
    const { store, serializer } = this.#config
    const expiresAt = this.#expiresAt(draft, known.expiresAt)
    const bytes = serializer.join(draft.entries)
    const result = await this.#limit.call('replace', (options) =>
      store.replace(key, bytes, expiresAt, known.version, options),
    )
    if (result.kind === 'gone') return this.#ended('gone')
    if (result.kind === 'conflict') return result
    // An end in the past ended the record.
    if (expiresAt <= this.#config.now()) return this.#ended('gone')
    const { version } = result
    const { entries } = draft
    return this.#written(
      draft,
      expiresAt,
      version === undefined ? undefined : { entries, version, expiresAt },
    )
  }

  /**
   * Creates the record under a new key, then deletes the old one at exactly the version that the new one rests on, so
   * that no write to the old one is lost and none comes after.
   */
  async #move(key: string, draft: Draft, known: Known): Promise<CommitResult | Conflict> {
    if (draft.empty) return this.#delete(key, draft, known)
    const created = await this.create(() => draft)
    let result: CommitResult | Conflict
    try {
      result = await this.#delete(key, draft, known)
    } catch (error) {
      // The new id is never sent, so its record is removed, whatever became of the old one.
      await this.#remove(created).catch(() => undefined)
      throw error
    }
    if (result.kind === 'deleted') {
      const { credential, expiresAt } = created
      return { ...this.#written(draft, expiresAt, undefined), credential }
    }
    await this.#remove(created)
    return result
  }

  async #delete(key: string, draft: Draft, known: Known): Promise<CommitResult | Conflict> {
    const { store } = this.#config
    const result = await this.#limit.call('delete', (options) =>
      store.delete(key, known.version, options),
    )
    if (result === 'conflict') return { kind: 'conflict' }
    if (result === 'gone') return this.#ended('gone')
    return this.#deleted(draft)
  }

  /** The record to draft on. Undefined: gone. */
  async #read(key: string): Promise<Known | undefined> {
    const { store, expiry } = this.#config
    const record = await this.#limit.call('read', (options) => store.read(key, options), {
      fresh: true,
      expiry: expiry.compares,
    })
    return record === undefined ? undefined : this.#split(record)
  }

  #split({ bytes, version, expiresAt }: StoredRecord): Known {
    const entries = this.#config.serializer.split(bytes)
    if (entries === undefined) {
      throw new ConflictError('Another program stored something else than a session record there.')
    }
    return { entries, version, expiresAt }
  }

  /** Removes a record whose id was not sent, in a time of its own. */
  async #remove(created: Created): Promise<void> {
    const { store, timer, timeout } = this.#config
    const limit = this.#limit.isOver ? new TimeLimit(timer, timeout) : this.#limit
    await limit.call('delete', (options) =>
      store.delete(created.credential.key, undefined, options),
    )
  }

  async #pause(lost: StoreError | undefined): Promise<void> {
    if (this.#limit.isOver) {
      if (lost !== undefined) throw lost
      throw new ConflictError(
        `Other requests wrote this session faster than this one could, ${this.#attempts} times in a row. Nothing was stored.`,
      )
    }
    await this.#config.backoff(this.#attempts)
    this.#attempts += 1
  }

  #ended(kind: 'gone' | 'untouched'): CommitResult {
    return { kind, attempts: this.#attempts, known: undefined }
  }

  #deleted({ reports }: Draft): CommitResult {
    return { kind: 'deleted', reports, attempts: this.#attempts, known: undefined }
  }

  #stored(draft: Draft, known: Known): CommitResult {
    return this.#written(draft, known.expiresAt ?? this.#expiresAt(draft, undefined), known)
  }

  #written(
    draft: Draft,
    expiresAt: number,
    known: Known | undefined,
  ): Extract<CommitResult, { kind: 'written' }> {
    const { reports, permanent, meta } = draft
    return { kind: 'written', reports, permanent, expiresAt, meta, attempts: this.#attempts, known }
  }

  #expiresAt(draft: Draft, current: number | undefined): number {
    const { expiry, now } = this.#config
    return expiry.moved(draft.meta, draft.before, current, now())
  }
}

interface Conflict {
  readonly kind: 'conflict'
  readonly current?: StoredRecord | undefined
}
