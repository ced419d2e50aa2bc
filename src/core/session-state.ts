/**
 * Per-request state of a session: the loaded record, the pending changes, and what the commit has to do. `Session` is
 * its public view.
 *
 * @module
 */

import type { RequestLocation } from '../cookies/serialize.ts'
import { StateError, type StoreError } from '../errors.ts'
import { Changes } from './changes.ts'
import type { Sender } from './commit-headers.ts'
import type { Asked } from './events.ts'
import { type Expiry, type OwnLife, ownLife } from './expiry.ts'
import type { Label } from './label.ts'
import type { Draft, Origin, Several, Stamp } from './origin.ts'
import type { SessionPolicy } from './policy.ts'
import { rebase } from './rebase.ts'
import {
  isEmpty,
  isPermanent,
  type Meta,
  NO_META,
  PERMANENT,
  readMeta,
  sameMeta,
  writeMeta,
} from './record.ts'
import type { DataSchema } from './schema.ts'
import type { Entries, Serializer } from './serializer.ts'

const NO_RECORDS: readonly Origin[] = []

export class SessionState {
  readonly serializer: Serializer
  readonly policy: SessionPolicy
  /** Undefined: the data may be anything. */
  readonly schema: DataSchema | undefined
  /** The clock, in ms since the epoch. */
  readonly now: () => number
  /** Undefined: nothing is stored of this session yet. */
  origin: Origin | undefined
  /** Records that other cookies of the request named, or one that a login took the place of. They can only be ended. */
  beside: readonly Origin[] = NO_RECORDS
  /** The cookies named records, and none is the session: what the request writes is not stored. */
  detached = false
  /** Where the request was sent. Undefined: it had one cookie of the name, so none is removed elsewhere. */
  location: (() => RequestLocation | undefined) | undefined
  /** The number of cookies of the name, where the response removes some. 0: it need not. */
  cookies = 0
  changes: Changes
  meta: Meta
  phase: 'open' | 'committed' | 'read-only' = 'open'
  /** Undefined: no adapter loaded the session. */
  sender: Sender | undefined
  /** What the store failed with on load: nothing of this session is stored. */
  failure: StoreError | undefined
  rotation: 'none' | 'regenerate' | 'login' = 'none'
  /** The life that this request asked for its session alone. */
  #asked: OwnLife | undefined
  /** What this request's login tells about the session. */
  #label: Label | undefined
  /** What the user confirmed in this request, with the time. */
  #confirmed: Readonly<Record<string, number>> | undefined
  /** A claim took the last key of the record, so the record goes unless something is stored. */
  emptied = false
  /** The handler called `destroy`. */
  destroyed = false
  /** The records that this request ended. They are deleted, whatever else happens. */
  ended: readonly Origin[] = NO_RECORDS

  constructor(
    {
      serializer,
      policy,
      schema,
      now,
    }: Pick<SessionState, 'serializer' | 'policy' | 'schema' | 'now'>,
    found?: Origin | Several,
  ) {
    this.serializer = serializer
    this.policy = policy
    this.schema = schema
    this.now = now
    if (found !== undefined && 'beside' in found) {
      this.origin = found.origin
      this.beside = found.beside
      this.cookies = found.cookies
      this.detached = found.origin === undefined
    } else this.origin = found
    this.changes = new Changes(serializer, this.origin?.entries ?? this.#blank())
    this.meta = this.origin?.meta ?? NO_META
  }

  get modified(): boolean {
    return (
      this.emptied ||
      this.endsCookie ||
      this.changes.modified ||
      this.#asked !== undefined ||
      this.#confirmed !== undefined ||
      this.rotation === 'login' ||
      (this.rotation === 'regenerate' && this.origin !== undefined)
    )
  }

  /** Whether the request ended what its cookies stand for. */
  get endsCookie(): boolean {
    return this.ended.length > 0 || (this.destroyed && this.cookies > 0)
  }

  /** What the handler asked for that must not be lost in silence: a visitor would stay logged in, or out. */
  get asked(): readonly Asked[] {
    const asked: Asked[] = []
    if (this.destroyed) asked.push('destroy')
    if (this.changes.cleared) asked.push('clear')
    if (this.rotation !== 'none') asked.push(this.rotation)
    return asked
  }

  /** Whether the cookie outlives the browser, as the handler left it. */
  get permanent(): boolean {
    return this.changes.peek(PERMANENT) === true
  }

  set permanent(value: boolean) {
    if (this.permanent !== value) this.changes.put(PERMANENT, value)
  }

  /** The session's own life. */
  get own(): OwnLife {
    return { ...ownLife(this.meta), ...this.#asked }
  }

  /** Gives the session a life of its own. Throws {@link StateError} where the record cannot hold it. */
  ask({ lifetime, idle }: OwnLife): void {
    this.#assertOwns({ lifetime, idle })
    const { own } = this
    if (lifetime !== undefined && lifetime !== own.lifetime) {
      this.#asked = { ...this.#asked, lifetime }
    }
    if (idle !== undefined && idle !== own.idle) this.#asked = { ...this.#asked, idle }
  }

  #assertOwns({ lifetime, idle }: OwnLife): void {
    if (this.policy.metadata || (lifetime === undefined && idle === undefined)) return
    throw new StateError(
      'A session of this preset has no lifetime or idle time of its own, as its record belongs to another library. Use `permanent`, and the options of the preset.',
    )
  }

  /** Whether a request that changes nothing moves the expiry of this session now. */
  isRefreshDue(expiry: Expiry, now: number): boolean {
    const { refreshes } = this.policy
    return (
      expiry.moves(this.meta) &&
      (refreshes === 'permanent'
        ? this.permanent
        : refreshes === 'all' || !this.isEmpty(this.changes.base, this.meta)) &&
      expiry.due(this.meta, this.origin?.expiresAt, now)
    )
  }

  /** Throws {@link StateError} when it is too late for a change. */
  assertOpen(): void {
    if (this.phase === 'open') return
    throw new StateError(
      this.phase === 'read-only'
        ? 'This session can only be read: it was loaded with `readOnly`, after the response headers have left, or in middleware on an upgrade, where no response can carry a cookie. To write in an upgrade or a job, use `sessions.load` and `sessions.commit`.'
        : 'This session was committed already, and the response headers have left where there is a response. Change it before; in a job or a WebSocket, load it again with `sessions.load`.',
    )
  }

  /** Whether a record with these entries says nothing about its visitor. */
  isEmpty(entries: Entries, meta: Meta): boolean {
    return isEmpty(entries, meta, this.policy.keepsPermanent)
  }

  /** Throws {@link SerializationError} when the key must not have this value. */
  put(key: string, value: unknown): void {
    this.schema?.check(key, value)
    this.changes.put(key, value)
  }

  clear(): void {
    const { clearsTo } = this.policy
    const { permanent } = this
    this.changes.clear()
    if (clearsTo === 'permanent') this.changes.put(PERMANENT, permanent)
    this.meta = { ...this.meta, user: undefined, factors: undefined, own: undefined }
    this.#asked = undefined
    this.#confirmed = undefined
    if (this.rotation === 'login') this.rotation = 'regenerate'
  }

  /** A session of another user is ended: the new user must not see its data. */
  login(user: string, own: OwnLife, label?: Label): void {
    this.#assertOwns(own)
    if (this.meta.user !== undefined && this.meta.user !== user) this.#end()
    this.#endOthers()
    this.detached = false
    this.meta = { ...this.meta, user, factors: undefined, own: undefined }
    this.#confirmed = undefined
    this.ask(own)
    this.#label = label
    this.rotation = 'login'
  }

  /** Notes that the user has just shown who it is. */
  confirm(method: string): void {
    if (this.meta.user === undefined) {
      throw new StateError('confirm() is for a session with a user. Call login() first.')
    }
    if (!this.policy.metadata) {
      throw new StateError(
        'A session of this preset notes no confirmation, as its record belongs to another library. Keep the time under a key of your own.',
      )
    }
    this.#confirmed = { ...this.#confirmed, [method]: this.now() }
    this.meta = { ...this.meta, factors: this.#factors(this.meta) }
  }

  /** When the user last did so, in ms since the epoch: in this way, or in any, a login included. */
  confirmedAt(method: string | undefined): number | undefined {
    const { user, factors = {}, loggedInAt } = this.meta
    if (user === undefined) return undefined
    if (method !== undefined) return Object.hasOwn(factors, method) ? factors[method] : undefined
    const login = this.rotation === 'login' ? this.now() : loggedInAt
    const all = [...Object.values(factors), ...(login === undefined ? [] : [login])]
    return all.length === 0 ? undefined : Math.max(...all)
  }

  #factors(theirs: Meta | undefined): Meta['factors'] {
    return this.#confirmed === undefined
      ? theirs?.factors
      : { ...theirs?.factors, ...this.#confirmed }
  }

  regenerate(): void {
    if (this.rotation === 'none') this.rotation = 'regenerate'
    this.#endOthers()
  }

  destroy(): void {
    this.destroyed = true
    this.#end()
  }

  /** Forgets what this request did to its session. What it destroyed still ends. */
  discard(): void {
    if (!this.destroyed) {
      this.ended = NO_RECORDS
      // The response does not bring the cookie to keep, so it removes none.
      if (!this.detached) this.cookies = 0
    }
    this.#reset()
  }

  /**
   * Ends the records of the other cookies. One whose verifier was replaced is left alone: a second click on a login
   * button must not end what the first one began.
   */
  #endOthers(): void {
    if (this.cookies === 0) return
    const isLive = ({ standing }: Origin): boolean => standing !== 'superseded'
    this.ended = [...this.ended, ...this.beside.filter(isLive)]
    this.beside = this.beside.filter((origin) => !isLive(origin))
    this.detached = false
  }

  #end(): void {
    const { origin } = this
    this.ended = [...this.ended, ...(origin === undefined ? [] : [origin]), ...this.beside]
    this.detached = false
    this.#reset()
  }

  #reset(): void {
    this.origin = undefined
    this.beside = NO_RECORDS
    this.changes = new Changes(this.serializer, this.#blank())
    this.meta = NO_META
    this.rotation = 'none'
    this.#asked = undefined
    this.#confirmed = undefined
    this.emptied = false
  }

  /** Notes that a key was taken out of the record. Without `known`, the record left, the commit reads it first. */
  claimed(key: string, leftEmpty: boolean, known?: Pick<Origin, 'entries' | 'version'>): void {
    this.changes.withdraw(key)
    this.emptied = leftEmpty
    if (this.origin !== undefined) {
      this.origin = { ...this.origin, version: undefined, ...known }
    }
  }

  /**
   * The record that results when this request's changes are made to `onto`. `stored`: it holds this commit's new verifier
   * already. `gone`: it is not this request's session any more.
   */
  draft(onto: Entries, stamp: Stamp): Draft | 'gone' | 'stored' {
    const theirs =
      onto === this.origin?.entries ? this.origin.meta : readMeta(onto, this.serializer)
    const { verifier } = stamp
    if (
      verifier !== undefined &&
      (theirs.verifierHash === verifier.hash || theirs.previousHash === verifier.hash)
    ) {
      return 'stored'
    }
    if (!this.isStill(theirs)) return 'gone'
    // Another request renewed it meanwhile, and one renewal is enough.
    const isRenewed = theirs.verifierHash !== this.origin?.meta.verifierHash
    return isRenewed && verifier?.changedBy === 'renew'
      ? this.#draft(onto, theirs, { ...stamp, verifier: undefined })
      : this.#draft(onto, theirs, stamp)
  }

  /**
   * Whether a record is still the session that this request loaded: no login or `regenerate` has given it a new verifier
   * since. A renewal does not end a request's session.
   */
  isStill({ verifierHash, previousHash, changedBy }: Meta): boolean {
    const loaded = this.origin?.meta.verifierHash
    return (
      loaded === undefined ||
      verifierHash === loaded ||
      (changedBy === 'renew' && previousHash === loaded)
    )
  }

  /** The record of a session that is not stored, or not any more: this request's changes only. */
  draftNew(stamp: Stamp): Draft {
    const onto = this.origin === undefined ? this.changes.base : this.#blank()
    return this.#draft(onto, readMeta(onto, this.serializer), stamp)
  }

  #draft(onto: Entries, theirs: Meta, stamp: Stamp): Draft {
    const { entries, reports } = rebase(this.changes, onto)
    this.schema?.checkEdited(this.changes, entries)
    const meta = this.#stamped(theirs, stamp)
    if (this.changes.cleared || !sameMeta(meta, theirs)) writeMeta(entries, this.serializer, meta)
    return {
      entries,
      reports,
      meta,
      before: theirs,
      empty: this.isEmpty(entries, meta),
      permanent: isPermanent(entries, this.serializer),
      label: this.#label,
    }
  }

  /** What a session begins with. */
  #blank(): Entries {
    return new Map(this.policy.permanent ? [[PERMANENT, this.serializer.encode(true)]] : [])
  }

  #stamped(theirs: Meta, { now, expiry, verifier, lists }: Stamp): Meta {
    const { metadata } = this.policy
    const { cleared } = this.changes
    const isLogin = this.rotation === 'login'
    // The beginning of a record that another library began stays unknown until a login.
    const isBeginning = isLogin || (metadata && this.origin === undefined)
    const createdAt = theirs.createdAt ?? (isBeginning ? now : undefined)
    const loggedInAt = isLogin ? now : theirs.loggedInAt
    const own = isLogin || cleared ? undefined : theirs.own
    const user = isLogin ? this.meta.user : cleared ? undefined : theirs.user
    const isPresented =
      theirs.changedBy === 'renew' &&
      this.origin?.standing === 'current' &&
      this.origin.meta.verifierHash === theirs.verifierHash
    const meta: Meta = {
      ...theirs,
      createdAt,
      loggedInAt,
      own,
      user,
      factors: user === undefined ? undefined : this.#factors(isLogin ? undefined : theirs),
      listed: isLogin ? lists || undefined : cleared ? undefined : theirs.listed,
      // The first request that presents a renewed verifier begins the grace of the one before.
      graceFrom: isPresented ? (theirs.graceFrom ?? now) : theirs.graceFrom,
    }
    const noted = metadata ? expiry.noted(meta, this.#asked, now) : meta
    if (verifier === undefined) return noted
    const { hash, changedBy, nonce } = verifier
    return {
      ...noted,
      verifierHash: hash,
      previousHash: theirs.verifierHash,
      changedBy,
      graceFrom: changedBy === undefined || changedBy === 'renew' ? undefined : now,
      nonce,
    }
  }
}
