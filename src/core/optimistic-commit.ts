/**
 * One commit's way into the store: draft, compare and set, and again on the newer record when somebody was faster.
 *
 * @module
 */

import { ConflictError, StateError } from '../errors.ts'
import type { Expiry } from './expiry.ts'
import type { IdScheme } from './ids.ts'
import type { Outcome } from './keyed-queue.ts'
import { after, type MaybePromise } from './maybe-promise.ts'
import type { Report } from './rebase.ts'
import type { Entries, Serializer } from './serializer.ts'
import type { Draft, Origin } from './session-state.ts'
import type { Store, StoredRecord, Version } from './store.ts'
import type { Deadline } from './time-limit.ts'

/** A record as this process last saw it. */
export interface Known {
  readonly entries: Entries
  /** Undefined: it has to be read before it can be replaced. */
  readonly version?: Version
}

/** Makes the record to write from the record that is there; undefined: leave it as it is. */
export type Drafting = (onto: Entries) => Draft | undefined

export type Written = Outcome<Known> & { readonly attempts: number } & (
    | { readonly kind: 'gone' }
    | { readonly kind: 'untouched' }
    | { readonly kind: 'deleted'; readonly reports: readonly Report[] }
    | {
        readonly kind: 'written'
        readonly reports: readonly Report[]
        readonly id: string
        readonly expiresAt: number
        readonly permanent: boolean
      }
  )

export interface WritingConfig {
  readonly store: Store
  readonly serializer: Serializer
  readonly expiry: Expiry
  readonly ids: IdScheme
  readonly now: () => number
  readonly backoff: (attempt: number) => Promise<void>
}

/** An id that was given out and not told to anybody yet. */
interface Fresh {
  readonly id: string
  readonly expiresAt: number
  readonly version?: Version
}
type Stepping = (draft: Draft, known: Known) => MaybePromise<Step>
type Step =
  | { readonly kind: 'done'; readonly written: Written }
  | { readonly kind: 'conflict'; readonly current?: StoredRecord | undefined }
  | { readonly kind: 'gone' }

const MOST_COLLISIONS = 3

export class Writing {
  readonly #config: WritingConfig
  readonly #id: string
  readonly #key: string
  readonly #deadline: Deadline
  #known: Known | undefined
  #attempts = 0
  #fresh: Fresh | undefined

  /**
   * @param origin Where the record is; undefined for one that is not stored yet.
   * @param known The record to start from.
   */
  constructor(
    config: WritingConfig,
    origin: Pick<Origin, 'id' | 'key'> | undefined,
    deadline: Deadline,
    known: Known | undefined,
  ) {
    this.#config = config
    this.#id = origin?.id ?? ''
    this.#key = origin?.key ?? ''
    this.#deadline = deadline
    this.#known = known
  }

  /** Stores a record under a new id. */
  async create(draft: Draft): Promise<Fresh> {
    const { store, ids, serializer } = this.#config
    const bytes = serializer.join(draft.entries)
    const expiresAt = this.#expiresAt(draft)
    for (let collisions = 0; collisions < MOST_COLLISIONS; collisions += 1) {
      const id = ids.make()
      const fresh = await this.#deadline.run(
        'create',
        (options) => store.create(ids.key(id), bytes, expiresAt, options),
        (made) => (made.kind === 'created' ? { id, expiresAt, version: made.version } : undefined),
      )
      if (fresh !== undefined) return fresh
    }
    throw new StateError('The source of session ids repeats itself: `randomBytes` is not random.')
  }

  /** Replaces the record, or deletes it when nothing is left of it. Never brings back one that is gone. */
  run(drafting: Drafting): MaybePromise<Written> {
    return this.#until(drafting, (draft, known) => this.#replace(draft, known))
  }

  /**
   * Moves the record to a new id: creates the new one, then deletes the old one at exactly the version it rests on, so
   * that no write to the old id is lost and none comes after.
   *
   * @param anew When the old one was ended meanwhile, start on these entries with this request's writes only. Absent:
   * give up.
   */
  async renew(drafting: Drafting, anew: Entries | undefined): Promise<Written> {
    try {
      const written = await this.#until(drafting, (draft, known) => this.#move(draft, known))
      if (written.kind !== 'gone') return written
      if (anew !== undefined) return await this.#anew(drafting, anew)
      await this.#forget()
      return written
    } catch (error) {
      // Whatever became of the old record, nobody will be told of the new one.
      await this.#forget().catch(() => undefined)
      throw error
    }
  }

  /** Tries one step again and again on what is there then, until it is done or the deadline ends. */
  #until(drafting: Drafting, step: Stepping): MaybePromise<Written> {
    this.#attempts += 1
    const known = this.#known
    return known?.version === undefined
      ? after(this.#read(), (read) => this.#attempt(read, drafting, step))
      : this.#attempt(known, drafting, step)
  }

  #attempt(known: Known | undefined, drafting: Drafting, step: Stepping): MaybePromise<Written> {
    if (known === undefined) return this.#gone()
    const draft = drafting(known.entries)
    if (draft === undefined) return { kind: 'untouched', attempts: this.#attempts, known }
    return after(step(draft, known), (result) => {
      if (result.kind === 'done') return result.written
      if (result.kind === 'gone') return this.#gone()
      this.#known = result.current === undefined ? undefined : this.#cut(result.current)
      return this.#pause().then(() => this.#until(drafting, step))
    })
  }

  #gone(): Written {
    return { kind: 'gone', attempts: this.#attempts, known: undefined }
  }

  #replace(draft: Draft, known: Known): MaybePromise<Step> {
    if (draft.empty) return this.#delete(draft, known)
    const { store, serializer } = this.#config
    const expiresAt = this.#expiresAt(draft)
    const bytes = serializer.join(draft.entries)
    return this.#deadline.run(
      'replace',
      (options) => store.replace(this.#key, bytes, expiresAt, known.version, options),
      (result) =>
        result.kind === 'replaced'
          ? this.#written(draft, { id: this.#id, expiresAt, version: result.version })
          : result,
    )
  }

  async #move(draft: Draft, known: Known): Promise<Step> {
    if (draft.empty) {
      await this.#forget()
      return this.#delete(draft, known)
    }
    this.#fresh = await this.#keepFresh(draft)
    const { id, expiresAt } = this.#fresh
    return this.#deleteOld(known, () => this.#written(draft, { id, expiresAt }))
  }

  #delete({ reports }: Draft, known: Known): MaybePromise<Step> {
    return this.#deleteOld(known, () => {
      const attempts = this.#attempts
      return { kind: 'done', written: { kind: 'deleted', reports, attempts, known: undefined } }
    })
  }

  /** A login outlives the end of the session that it began in. */
  async #anew(drafting: Drafting, blank: Entries): Promise<Written> {
    const draft = drafting(blank)
    if (draft === undefined) {
      return { kind: 'untouched', attempts: this.#attempts, known: undefined }
    }
    return this.#written(draft, await this.#keepFresh(draft)).written
  }

  /** Removes the record under the new id: nobody was told of it. */
  async #forget(): Promise<undefined> {
    const fresh = this.#fresh
    this.#fresh = undefined
    if (fresh === undefined) return
    const { store, ids } = this.#config
    await this.#deadline.run(
      'delete',
      (options) => store.delete(ids.key(fresh.id), undefined, options),
      () => {},
    )
  }

  /** Makes the record under the new id this draft. */
  async #keepFresh(draft: Draft): Promise<Fresh> {
    // Nobody else knows the new id, so a second version of it may as well be a second id.
    await this.#forget()
    this.#fresh = await this.create(draft)
    return this.#fresh
  }

  #deleteOld(known: Known, done: () => Step): MaybePromise<Step> {
    const { store } = this.#config
    return this.#deadline.run(
      'delete',
      (options) => store.delete(this.#key, known.version, options),
      (deleted) => (deleted === 'deleted' ? done() : { kind: deleted }),
    )
  }

  /** The record to draft on. Undefined: gone. */
  #read(): MaybePromise<Known | undefined> {
    const { store } = this.#config
    return this.#deadline.run(
      'read',
      (options) => store.read(this.#key, options),
      (record) => {
        this.#known = record === undefined ? undefined : this.#cut(record)
        return this.#known
      },
    )
  }

  #cut(record: StoredRecord): Known {
    const entries = this.#config.serializer.split(record.bytes)
    if (entries === undefined) {
      throw new ConflictError('Another program stored something else than a session record there.')
    }
    return { entries, version: record.version }
  }

  async #pause(): Promise<void> {
    if (this.#deadline.left === 0) {
      throw new ConflictError(
        `Other requests wrote this session faster than this one could, ${this.#attempts} times in a row. Nothing was stored.`,
      )
    }
    await this.#config.backoff(this.#attempts)
  }

  #written(draft: Draft, fresh: Fresh): Extract<Step, { kind: 'done' }> {
    const { entries, reports, permanent } = draft
    const { id, expiresAt, version } = fresh
    const known = id === this.#id && version !== undefined ? { entries, version } : undefined
    const attempts = this.#attempts
    return {
      kind: 'done',
      written: { kind: 'written', reports, permanent, id, expiresAt, attempts, known },
    }
  }

  #expiresAt(draft: Draft): number {
    const { expiry, now } = this.#config
    return expiry.deadline(draft.meta.createdAt, now())
  }
}
