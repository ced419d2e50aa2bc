/**
 * Stored sessions: the id is in the cookie, the record in a store. Commit is a rebase over compare-and-set, so no
 * update is lost and an ended session stays ended.
 *
 * @module
 */

import type { CookieWriter } from '../cookies/serialize.ts'
import type { Backing, Found } from './backing.ts'
import { decodeOf } from './changes.ts'
import { UNTOUCHED, withCookie, withoutCookie, withRemoval } from './commit-headers.ts'
import type { OnEvent } from './events.ts'
import type { Expiry } from './expiry.ts'
import { fingerprint, type IdScheme } from './ids.ts'
import { Turns } from './keyed-queue.ts'
import { after, type MaybePromise } from './maybe-promise.ts'
import { type Known, Writing, type Written } from './optimistic-commit.ts'
import type { Habits } from './policy.ts'
import { isPermanent, PERMANENT, readMeta } from './record.ts'
import type { Commit } from './scope.ts'
import type { Seal } from './seal.ts'
import type { Serializer } from './serializer.ts'
import type { Origin, Work } from './session-state.ts'
import type { Store, StoredRecord } from './store.ts'
import { Deadline } from './time-limit.ts'
import { Watch } from './watch.ts'

/** More cookies of one name than this are not looked up: a visitor must not choose how much work we do. */
const MOST_CANDIDATES = 4

export interface StoredConfig {
  readonly store: Store
  readonly serializer: Serializer
  readonly cookie: CookieWriter
  readonly expiry: Expiry
  readonly ids: IdScheme
  /** Signs the id. Undefined: the cookie holds the id as it is. */
  readonly seal: Seal | undefined
  /** In ms; over all steps of one load or commit. */
  readonly timeout: number
  readonly now: () => number
  /** Waits before another attempt. */
  readonly backoff: (attempt: number) => Promise<void>
  readonly emit: OnEvent
  readonly habits: Habits
}

export class StoredBacking implements Backing {
  readonly #config: StoredConfig
  readonly #turns = new Turns<Known>()
  readonly #watch = new Watch()

  constructor(config: StoredConfig) {
    this.#config = config
  }

  find(values: readonly string[]): MaybePromise<Found> {
    const ids: string[] = []
    let forged = false
    for (const value of values) {
      const id = this.#idIn(value)
      if (id === null) forged = true
      else if (id !== undefined && !ids.includes(id) && ids.push(id) === MOST_CANDIDATES) break
    }
    const [only] = ids
    if (only === undefined) return forged ? 'forged' : 'malformed'
    const deadline = new Deadline(this.#watch, this.#config.timeout)
    return ids.length === 1 ? this.#read(only, deadline) : this.#among(ids, deadline)
  }

  commit(work: Work): MaybePromise<Commit> {
    const { expiry, now } = this.#config
    const { origin, meta } = work
    if (work.modified) {
      return origin !== undefined && work.ended.length === 0
        ? this.#change(work, origin, new Deadline(this.#watch, this.#config.timeout))
        : this.#end(work)
    }
    const due =
      origin !== undefined &&
      expiry.moves &&
      work.refreshes &&
      expiry.due(origin.expiresAt, meta.createdAt, now())
    return due ? this.#touch(work, origin) : UNTOUCHED
  }

  async claim(work: Work, key: string): Promise<unknown> {
    const { origin } = work
    if (origin === undefined) return undefined
    const { serializer, timeout } = this.#config
    const deadline = new Deadline(this.#watch, timeout)
    let entry: unknown
    let left = false
    const written = await this.#turns.take(origin.key, deadline, (before) =>
      new Writing(this.#config, origin, deadline, before ?? origin).run((onto) => {
        entry = onto.get(key)
        // Nothing to take: the record stays as it is.
        if (entry === undefined) return undefined
        const entries = new Map(onto)
        entries.delete(key)
        const meta = readMeta(onto, serializer)
        left = work.isEmpty(entries, meta)
        // Emptied or not, the record stays for this request's own writes; its commit removes an empty one.
        return { entries, reports: [], meta, empty: false, permanent: false }
      }),
    )
    if (written.kind !== 'written') return undefined
    work.claimed(key, left)
    return decodeOf(serializer, key, entry)
  }

  /** The id in a cookie. Undefined: none; null: one that somebody else made. */
  #idIn(value: string): string | null | undefined {
    const { seal, ids, cookie, now } = this.#config
    if (seal === undefined) return ids.valid(value) ? value : undefined
    const opened = seal.open(value, now(), cookie.name)
    if (!opened.ok) return opened.reason === 'malformed' ? undefined : null
    const id = textOf(opened.bytes)
    return ids.valid(id) ? id : undefined
  }

  #read(id: string, deadline: Deadline): MaybePromise<Found> {
    const { store, ids, expiry } = this.#config
    const key = ids.key(id)
    return deadline.run(
      'read',
      (options) => store.read(key, options),
      (record) => (record === undefined ? 'unknown' : this.#cut(id, key, record)),
      expiry.compares,
    )
  }

  #cut(id: string, key: string, { bytes, version, expiresAt }: StoredRecord): Found {
    const { serializer, expiry, now } = this.#config
    const entries = serializer.split(bytes)
    if (entries === undefined) return 'invalid'
    const meta = readMeta(entries, serializer)
    if (expiry.outlived(meta.createdAt, now())) return 'expired'
    return { id, key, entries, meta, version, expiresAt }
  }

  /** Of several cookies of the same name, the one that the store knows. */
  async #among(ids: readonly string[], deadline: Deadline): Promise<Found> {
    let origin: Origin | undefined
    for (const id of ids) {
      const found = await this.#read(id, deadline)
      if (found === 'unknown') continue
      if (typeof found === 'string') return found
      if (origin !== undefined) return 'ambiguous'
      origin = found
    }
    return origin ?? 'unknown'
  }

  #touch(work: Work, origin: Origin): MaybePromise<Commit> {
    const { store, expiry, now } = this.#config
    const deadline = new Deadline(this.#watch, this.#config.timeout)
    const expiresAt = expiry.deadline(work.meta.createdAt, now())
    return deadline.run(
      'touch',
      (options) => store.touch(origin.key, expiresAt, origin.version, options),
      (result) => {
        if (result === 'gone') return this.#gone(work, origin)
        // Another request wrote meanwhile, and moved the expiry itself.
        if (result === 'conflict') return UNTOUCHED
        return work.changes.peek(PERMANENT) === true
          ? this.#give('touched', origin.id, expiresAt)
          : withoutCookie('touched')
      },
    )
  }

  async #end(work: Work): Promise<Commit> {
    const { store, cookie, now } = this.#config
    const deadline = new Deadline(this.#watch, this.#config.timeout)
    for (const ended of work.ended) {
      await deadline.run(
        'delete',
        (options) => store.delete(ended.key, undefined, options),
        () => {},
      )
    }
    const { origin } = work
    if (origin !== undefined) return this.#change(work, origin, deadline)
    const draft = work.draft(work.changes.base, now())
    if (!draft.empty) {
      const writing = new Writing(this.#config, undefined, deadline, undefined)
      const written = await writing.create(draft)
      return this.#give('saved', written.id, draft.permanent ? written.expiresAt : undefined)
    }
    return work.ended.length > 0 ? withRemoval('deleted', cookie) : UNTOUCHED
  }

  /** Brings the changes of a session that has a record to the store. */
  #change(work: Work, origin: Origin, deadline: Deadline): MaybePromise<Commit> {
    const written = this.#turns.take(origin.key, deadline, (before) => {
      const writing = new Writing(this.#config, origin, deadline, before ?? origin)
      const draft = (onto: Origin['entries']) => work.draft(onto, this.#config.now())
      return work.renewal === 'none'
        ? writing.run(draft)
        : writing.renew(draft, work.renewal === 'login' ? work.blank() : undefined)
    })
    return after(written, (written) => this.#changed(work, origin, written))
  }

  #changed(work: Work, origin: Origin, written: Written): Commit {
    const { emit, expiry, habits } = this.#config
    if (written.kind === 'gone') return this.#gone(work, origin)
    if (written.attempts > 1) {
      emit({ type: 'retried', fingerprint: fingerprint(origin.id), attempts: written.attempts })
    }
    if (written.kind === 'untouched') return UNTOUCHED
    for (const report of written.reports) emit({ ...report, fingerprint: fingerprint(origin.id) })
    if (written.kind === 'deleted') return withRemoval('deleted', this.#config.cookie)
    const fresh = written.id !== origin.id
    const moved = expiry.idle !== undefined && written.permanent
    const changed = written.permanent !== isPermanent(origin.entries, work.serializer)
    return fresh || moved || changed || habits.cookieOnSave
      ? this.#give('saved', written.id, written.permanent ? written.expiresAt : undefined)
      : withoutCookie('saved')
  }

  /**
   * The session was ended while this request ran. The browser's cookie is left alone: another response may have given
   * it a new one by now.
   */
  #gone(work: Work, origin: Origin): Commit {
    const keys = work.changes.edited().map(([key]) => key)
    this.#config.emit({ type: 'gone', fingerprint: fingerprint(origin.id), keys })
    return withoutCookie('gone')
  }

  #give(outcome: 'saved' | 'touched', id: string, expiresAt: number | undefined): Commit {
    const { seal, cookie, now } = this.#config
    const text = seal === undefined ? id : seal.seal(Buffer.from(id, 'latin1'), now(), cookie.name)
    return withCookie(
      outcome,
      cookie,
      text,
      expiresAt === undefined ? undefined : { expiresAt, now: now() },
    )
  }
}

/** One character for each byte, as the seal was given them. */
function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}
