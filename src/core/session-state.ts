/**
 * What the core knows of one session during one request: where it came from, what was done to it, what shall become of
 * it. A `Session` is the handler's face of it; a backing brings it to its end.
 *
 * @module
 */

import { StateError } from '../errors.ts'
import { Changes } from './changes.ts'
import type { Habits } from './policy.ts'
import { type Rebased, rebase } from './rebase.ts'
import {
  isEmpty,
  isPermanent,
  type Meta,
  NO_META,
  PERMANENT,
  readMeta,
  writeMeta,
} from './record.ts'
import type { Entries, Serializer } from './serializer.ts'
import type { Version } from './store.ts'

/** The record that a session was loaded from. */
export interface Origin {
  /** The session's id; empty where the record travels in the cookie. */
  readonly id: string
  /** The id under which the store keeps the record. */
  readonly key: string
  readonly entries: Entries
  readonly meta: Meta
  /** Absent where nothing is compared, or where the store tells no version after a write. */
  readonly version?: Version
  /** When the record ends, in ms since the epoch. Undefined: not known. */
  readonly expiresAt: number | undefined
}

/** A record that is ready to be written. */
export interface Draft extends Rebased {
  readonly meta: Meta
  /** Nothing worth keeping is left. */
  readonly empty: boolean
  /** Its cookie outlives the browser. */
  readonly permanent: boolean
}

const NONE: readonly Origin[] = []

export type Phase = 'open' | 'committed' | 'read-only'

export class Work {
  readonly serializer: Serializer
  readonly #habits: Habits
  /** Undefined: a session that nothing is stored of yet. */
  origin: Origin | undefined
  changes: Changes
  meta: Meta
  phase: Phase = 'open'
  /** The store failed on load: nothing of this session is stored. */
  unsaved = false
  renewal: 'none' | 'regenerate' | 'login' = 'none'
  /** A claim took the last key of the record, so it has to go unless something is stored. */
  emptied = false
  /** Sessions that this request ended; their records have to go, whatever else happens. */
  ended: readonly Origin[] = NONE

  constructor(serializer: Serializer, habits: Habits, origin?: Origin) {
    this.serializer = serializer
    this.#habits = habits
    this.origin = origin
    this.changes = new Changes(serializer, origin?.entries ?? this.blank())
    this.meta = origin === undefined ? NO_META : origin.meta
  }

  get modified(): boolean {
    return (
      this.emptied ||
      this.ended.length > 0 ||
      this.changes.modified ||
      this.renewal === 'login' ||
      (this.renewal === 'regenerate' && this.origin !== undefined)
    )
  }

  /** Whether a request that changes nothing moves the deadline of this session. */
  get refreshes(): boolean {
    const { refreshes } = this.#habits
    if (refreshes === 'permanent') return this.changes.peek(PERMANENT) === true
    return refreshes === 'all' || !this.isEmpty(this.changes.base, this.meta)
  }

  get keepsFloats(): boolean {
    return this.#habits.keepsFloats
  }

  /** Throws {@link StateError} when it is too late for a change. */
  assertOpen(): void {
    if (this.phase !== 'open') {
      throw new StateError(
        'The response headers have left, so the session cannot change any more. Change it before the answer begins.',
      )
    }
  }

  /** What a session begins with. */
  blank(): Entries {
    const { permanent } = this.#habits
    return new Map(permanent ? [[PERMANENT, this.serializer.encode(true)]] : [])
  }

  /** Whether a record with these entries says nothing about its visitor. */
  isEmpty(entries: Entries, meta: Meta): boolean {
    return isEmpty(entries, meta, this.#habits.keepsPermanent)
  }

  clear(): void {
    const { clearsTo } = this.#habits
    const permanent = clearsTo === 'permanent' && this.changes.peek(PERMANENT) === true
    this.changes.clear()
    if (clearsTo === 'permanent') this.changes.put(PERMANENT, permanent)
    this.meta = { createdAt: this.meta.createdAt, user: undefined }
    if (this.renewal === 'login') this.renewal = 'regenerate'
  }

  login(user: string): void {
    this.meta = { createdAt: undefined, user }
    this.renewal = 'login'
  }

  destroy(): void {
    if (this.origin !== undefined) this.ended = [...this.ended, this.origin]
    this.origin = undefined
    this.changes = new Changes(this.serializer, this.blank())
    this.meta = NO_META
    this.renewal = 'none'
    this.emptied = false
  }

  /** Notes that a key was taken out of the record in the store. */
  claimed(key: string, leftEmpty: boolean): void {
    this.changes.withdraw(key)
    this.emptied = leftEmpty
  }

  /** The record that results when this request's changes are made to `onto`. */
  draft(onto: Entries, now: number): Draft {
    const { entries, reports } = rebase(this.changes, onto)
    const theirs =
      onto === this.origin?.entries ? this.origin.meta : readMeta(onto, this.serializer)
    const meta = this.#metaOnto(theirs, now)
    if (this.changes.cleared || meta.createdAt !== theirs.createdAt || meta.user !== theirs.user) {
      writeMeta(entries, this.serializer, meta)
    }
    return {
      entries,
      reports,
      meta,
      empty: this.isEmpty(entries, meta),
      permanent: isPermanent(entries, this.serializer),
    }
  }

  #metaOnto(theirs: Meta, now: number): Meta {
    const user =
      this.renewal === 'login' ? this.meta.user : this.changes.cleared ? undefined : theirs.user
    // A login begins anew: it is the one moment at which the lifetime starts over.
    const createdAt = this.renewal === 'login' ? now : (theirs.createdAt ?? this.#beginning(now))
    return { createdAt, user }
  }

  /** When a record without metadata began, as far as it is to be noted. */
  #beginning(now: number): number | undefined {
    return this.#habits.metadata && this.origin === undefined ? now : undefined
  }
}
