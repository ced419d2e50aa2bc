/**
 * Sessions with a record in a store; the cookie holds the credential. A commit is a rebase over compare-and-set, so no
 * update is lost and an ended session stays ended.
 *
 * @module
 */

import type { CookieWriter } from '../../cookies/serialize.ts'
import { isConflictError, isStoreError, StateError, StoreError } from '../../errors.ts'
import {
  type Commit,
  type CommitOutcome,
  UNTOUCHED,
  withCookie,
  withoutCookie,
  withRemoval,
} from '../commit-headers.ts'
import type { OnEvent, Rejection } from '../events.ts'
import { type Credential, credentialOf, fingerprint, keyOf, type RandomBytes } from '../ids.ts'
import type { Draft, NewVerifier, Origin, Stamp } from '../origin.ts'
import type { Report } from '../rebase.ts'
import { isPermanent, readMeta } from '../record.ts'
import { isRequestBound } from '../runtime.ts'
import type { Seal } from '../seal.ts'
import type { Backing, Found } from '../session-life-cycle.ts'
import type { SessionState } from '../session-state.ts'
import type { MaybePromise, StoredRecord } from '../store.ts'
import { TimeLimit } from '../time-limit.ts'
import { StoredUserSessions, type UserSessions } from '../users/index.ts'
import { Claim } from './claim.ts'
import { KeyedQueue } from './keyed-queue.ts'
import { Membership } from './membership.ts'
import {
  type CommitConfig,
  type CommitResult,
  type Known,
  OptimisticCommit,
  type Rotation,
} from './optimistic-commit.ts'
import { candidatesOf, choose, type Identity, onlyEnded } from './several.ts'
import { type Issued, Verifiers } from './verifiers.ts'

export interface StoreBackingConfig extends CommitConfig, Identity {
  readonly cookie: CookieWriter
  /** Signs the credential. Undefined: the cookie holds it as it is. */
  readonly seal: Seal | undefined
  readonly emit: OnEvent
  readonly randomBytes: RandomBytes
  /** The age of a verifier, in ms, at which a commit gives the session a new one. Undefined: never. */
  readonly renewAfter?: number | undefined
}

export class StoreBacking implements Backing {
  readonly #config: StoreBackingConfig
  /** Undefined where one request must not wait for another. */
  readonly #queue: KeyedQueue<Known> | undefined
  /** Undefined where the id is key and secret in one. */
  readonly #verifiers: Verifiers | undefined
  /** Undefined: the sessions of a user are not listed. */
  readonly #membership: Membership | undefined

  constructor(config: StoreBackingConfig) {
    const { ids, randomBytes, renewAfter, now } = config
    const { verifiers: scheme } = ids
    this.#config = config
    this.#queue = isRequestBound() ? undefined : new KeyedQueue()
    this.#membership = config.lists && new Membership({ ...config, lists: config.lists })
    this.#verifiers = scheme && new Verifiers({ scheme, randomBytes, renewAfter, now })
  }

  find(values: readonly string[], readOnly: boolean): MaybePromise<Found> {
    const [value] = values
    if (value === undefined || values.length > 1) return this.#among(values)
    const credential = this.#parse(value)
    if (typeof credential === 'string') return credential
    const found = this.#read(credential, this.#limit())
    return found instanceof Promise
      ? found.then((found) => this.#found(found, credential, readOnly))
      : this.#found(found, credential, readOnly)
  }

  commit(state: SessionState): MaybePromise<Commit> {
    const { origin } = state
    if (state.modified) return this.#store(state)
    if (origin === undefined) return UNTOUCHED
    if (this.#verifiers?.isRenewalDue(origin) || this.#verifiers?.isFirstPresented(origin)) {
      return this.#noteVerifier(state, origin)
    }
    // The cookie that another response was to bring, or the one that is left of several.
    if (isToSend(state, origin)) return this.resend(state, origin)
    const { expiry, now: clock } = this.#config
    const now = clock()
    return state.isRefreshDue(expiry, now) ? this.#touch(state, origin, now) : UNTOUCHED
  }

  resend(state: SessionState, origin: Origin): Commit {
    const { expiry, now } = this.#config
    const expiresAt = origin.expiresAt ?? expiry.end(origin.meta, now())
    const credential = credentialOf(origin)
    return this.#send(state, 'touched', credential, state.permanent ? expiresAt : undefined)
  }

  async claim(state: SessionState, key: string): Promise<unknown> {
    const { origin, changes } = state
    if (changes.isEdited(key)) {
      throw new StateError(
        `claim('${key}') comes after a change of this key in the same request. Claim it first, then write it.`,
      )
    }
    if (origin === undefined) return undefined
    const claim = new Claim(state, key)
    // Nothing is handed on to it, so the store is always asked.
    const limit = this.#limit()
    const commit = new OptimisticCommit(this.#config, limit)
    const result = await this.#inTurn(origin, limit, () =>
      commit.replace(keyOf(origin), undefined, claim.draft, 'none'),
    )
    if (result.kind !== 'written') return undefined
    // A session that the request ended or emptied meanwhile has changes of its own.
    if (state.changes === changes) state.claimed(key, claim.isLeftEmpty, result.known)
    return claim.value
  }

  #limit(): TimeLimit {
    return new TimeLimit(this.#config.timer, this.#config.timeout)
  }

  #parse(value: string): Credential | Rejection {
    const { seal, ids, cookie, now } = this.#config
    if (seal === undefined) return ids.parse(value) ?? 'malformed'
    const opened = seal.open(value, now(), cookie.name)
    if (!opened.ok) return opened.reason
    const { buffer, byteOffset, byteLength } = opened.bytes
    const text = Buffer.from(buffer, byteOffset, byteLength).toString('latin1')
    const credential = ids.parse(text) ?? 'malformed'
    const { keyIndex } = opened
    return keyIndex === undefined || typeof credential === 'string'
      ? credential
      : { ...credential, keyIndex }
  }

  #found(
    found: Origin | Rejection,
    credential: Credential,
    readOnly: boolean,
  ): MaybePromise<Found> {
    return typeof found === 'string' || readOnly || this.#membership?.isMissing(found) !== true
      ? this.#reported(found, credential)
      : this.#join(this.#membership, found, credential)
  }

  /** A session that began before users' sessions were listed joins the list before the handler sees its user. */
  async #join(membership: Membership, origin: Origin, credential: Credential): Promise<Found> {
    const limit = this.#limit()
    await this.#inTurn(origin, limit, (known) => membership.join(origin, known ?? origin, limit))
    // Others may have written it meanwhile, and the limit may have ended it.
    return this.#reported(await this.#read(credential, limit), credential)
  }

  /** Reports a credential that may have been stolen. */
  #reported(found: Origin | Rejection, { key }: Credential): Found {
    if (typeof found !== 'string') return found.standing === 'superseded' ? onlyEnded(found) : found
    if (found === 'replayed') {
      this.#config.emit({ type: 'replayed', fingerprint: fingerprint(key) })
    }
    return found
  }

  forUser(user: string): UserSessions {
    const { lists, timer, timeout, emit } = this.#config
    if (lists === undefined) {
      throw new StateError('forUser() needs `users: true` in createSessions.')
    }
    return new StoredUserSessions(user, { lists, timer, timeout, emit })
  }

  async probe(): Promise<void> {
    await this.#limit().call('read', (options) => this.#config.store.read('check', options))
  }

  #read(credential: Credential, limit: TimeLimit): MaybePromise<Origin | Rejection> {
    const { store, expiry } = this.#config
    const answer = limit.call('read', (options) => store.read(credential.key, options), {
      expiry: expiry.compares,
    })
    return answer instanceof Promise
      ? answer.then((record) => this.#admit(credential, record))
      : this.#admit(credential, answer)
  }

  #admit(credential: Credential, record: StoredRecord | undefined): Origin | Rejection {
    if (record === undefined) return 'unknown'
    const { serializer, expiry, now: clock } = this.#config
    const { bytes, version, expiresAt } = record
    const now = clock()
    const entries = serializer.split(bytes)
    if (entries === undefined) return 'invalid'
    const meta = readMeta(entries, serializer)
    if (expiry.outlived(meta, now) || expiry.passed(expiresAt, now)) return 'expired'
    const verified = this.#verifiers?.verify(credential, meta)
    if (verified === 'replayed') return verified
    const { standing = 'current', credential: current = credential } = verified ?? {}
    const { keyIndex } = credential
    return { credential: current, standing, entries, meta, version, expiresAt, keyIndex }
  }

  /** Of several cookies of the same name, the one that opens a session. */
  async #among(values: readonly string[]): Promise<Found> {
    const shortest = this.#config.seal?.shortest ?? 0
    const candidates = candidatesOf(values, shortest, (value) => this.#parse(value))
    const limit = this.#limit()
    const origins: Origin[] = []
    let rejected: { readonly reason: Rejection; readonly candidate: Credential } | undefined
    for (const candidate of candidates.found) {
      const opened = await this.#read(candidate, limit)
      if (typeof opened === 'string') rejected ??= { reason: opened, candidate }
      else origins.push(opened)
    }
    const chosen = choose(origins, candidates.isMore, new Set(values).size, this.#config)
    if (chosen !== undefined) return chosen
    return rejected === undefined
      ? candidates.reason
      : this.#reported(rejected.reason, rejected.candidate)
  }

  async #touch(state: SessionState, origin: Origin, now: number): Promise<Commit> {
    const { store, expiry } = this.#config
    const expiresAt = expiry.moved(state.meta, state.meta, origin.expiresAt, now)
    const result = await this.#limit().call('touch', (options) =>
      store.touch(keyOf(origin), expiresAt, origin.version, options),
    )
    if (result === 'gone') return this.#gone(state, origin)
    // Another request wrote meanwhile, and moved the expiry itself.
    if (result === 'conflict') return UNTOUCHED
    return state.permanent
      ? this.#send(state, 'touched', credentialOf(origin), expiresAt)
      : withoutCookie('touched')
  }

  async #store(state: SessionState): Promise<Commit> {
    const { cookie, store } = this.#config
    const { origin, ended } = state
    const limit = this.#limit()
    // What cannot be drafted fails before anything is deleted.
    const isEmpty = origin === undefined && state.draftNew(this.#stamp(undefined)).empty
    for (const record of ended) {
      await limit.call('delete', (options) => store.delete(keyOf(record), undefined, options))
      await this.#membership?.leave(record, limit)
    }
    if (isEmpty) return state.endsCookie ? withRemoval(state.sender, 'deleted', cookie) : UNTOUCHED
    try {
      return await (origin === undefined
        ? this.#create(state, new OptimisticCommit(this.#config, limit))
        : this.#change(state, origin, limit))
    } catch (error) {
      throw ended.length === 0 ? error : afterDeletion(error)
    }
  }

  /** Stores a session that has no record, or none any more, with this request's writes only. */
  async #create(state: SessionState, commit: OptimisticCommit): Promise<Commit> {
    let draft: Draft | undefined
    const { credential, expiresAt } = await commit.create((credential) => {
      draft = state.draftNew(this.#stamp(this.#verifiers?.first(credential)))
      return draft
    })
    this.#report(credential.key, draft?.reports ?? [])
    return this.#send(state, 'saved', credential, draft?.permanent ? expiresAt : undefined)
  }

  /** Brings the changes of a session that has a record to the store. */
  async #change(state: SessionState, origin: Origin, limit: TimeLimit): Promise<Commit> {
    const issued = this.#issue(state, origin)
    // The reply of a renewal need not be settled: until the new verifier is presented, the old one stays good.
    const rotation: Rotation =
      state.rotation === 'none' ? 'none' : issued === undefined ? 'key' : 'verifier'
    const commit = new OptimisticCommit(this.#config, limit)
    const result = await this.#inTurn(origin, limit, (known) =>
      commit.replace(
        keyOf(origin),
        known ?? origin,
        (onto) => state.draft(onto, this.#stamp(issued?.verifier)),
        rotation,
      ),
    )
    if (result.kind === 'gone') {
      // A login outlives the end of the session that it began in.
      return state.rotation === 'login' ? this.#create(state, commit) : this.#gone(state, origin)
    }
    const { attempts } = commit
    if (attempts > 1) {
      this.#config.emit({ type: 'retried', fingerprint: fingerprint(keyOf(origin)), attempts })
    }
    if (result.kind === 'deleted') await this.#membership?.leave(origin, limit)
    return this.#changed(state, origin, result, issued)
  }

  #inTurn(
    origin: Origin,
    limit: TimeLimit,
    task: (known: Known | undefined) => Promise<CommitResult>,
  ): Promise<CommitResult> {
    return this.#queue === undefined ? task(undefined) : this.#queue.run(keyOf(origin), limit, task)
  }

  #stamp(verifier: NewVerifier | undefined): Stamp {
    const { now, expiry, lists } = this.#config
    return { now: now(), expiry, verifier, lists: lists !== undefined }
  }

  /** The verifier that this commit gives to the session. Undefined: it keeps its own, or has none. */
  #issue(state: SessionState, origin: Origin): Issued | undefined {
    const credential = credentialOf(origin)
    if (state.rotation !== 'none') return this.#verifiers?.rotate(credential, state.rotation)
    return this.#verifiers?.isRenewalDue(origin) ? this.#verifiers.renew(credential) : undefined
  }

  /** A commit that renews the verifier, or notes that it was presented. That it fails does not fail the request. */
  async #noteVerifier(state: SessionState, origin: Origin): Promise<Commit> {
    try {
      return await this.#change(state, origin, this.#limit())
    } catch (error) {
      if (isStoreError(error)) this.#config.emit({ type: 'store-failed', error })
      else if (!isConflictError(error)) throw error
      return UNTOUCHED
    }
  }

  #changed(
    state: SessionState,
    origin: Origin,
    result: Exclude<CommitResult, { readonly kind: 'gone' }>,
    issued: Issued | undefined,
  ): Commit {
    const { expiry, cookie } = this.#config
    if (result.kind === 'untouched') return UNTOUCHED
    this.#report(keyOf(origin), result.reports)
    if (result.kind === 'deleted') return withRemoval(state.sender, 'deleted', cookie)
    const { permanent, expiresAt, meta } = result
    const loaded = credentialOf(origin)
    const credential =
      result.credential ??
      this.#verifiers?.credentialFor(loaded, origin.meta, meta, issued) ??
      loaded
    const isNew = credential !== loaded || isToSend(state, origin)
    const isMoved =
      permanent &&
      (expiry.slides(meta) || meta.until !== origin.meta.until || meta.idle !== origin.meta.idle)
    const isChanged = permanent !== isPermanent(origin.entries, state.serializer)
    return isNew || isMoved || isChanged || state.policy.cookieOnSave
      ? this.#send(state, 'saved', credential, permanent ? expiresAt : undefined)
      : withoutCookie('saved')
  }

  #report(key: string, reports: readonly Report[]): void {
    for (const report of reports) {
      this.#config.emit({ ...report, fingerprint: fingerprint(key) })
    }
  }

  /**
   * The session was ended, or given a new verifier, while this request ran. The browser's cookie is left alone: another
   * response may have set a new one by now.
   */
  #gone(state: SessionState, origin: Origin): Commit {
    const keys = state.changes.edited().map(([key]) => key)
    this.#config.emit({ type: 'gone', fingerprint: fingerprint(keyOf(origin)), keys })
    return withoutCookie('gone')
  }

  #send(
    { sender }: SessionState,
    outcome: CommitOutcome,
    { text }: Credential,
    expiresAt: number | undefined,
  ): Commit {
    const { seal, cookie, now: clock } = this.#config
    const now = clock()
    const value =
      seal === undefined ? text : seal.seal(Buffer.from(text, 'latin1'), now, cookie.name)
    const life = expiresAt === undefined ? undefined : { expiresAt, now }
    return withCookie(sender, outcome, cookie, value, life)
  }
}

/** Whether the response brings the cookie although this request does not change it. */
function isToSend(state: SessionState, { standing }: Origin): boolean {
  return standing === 'renewed' || state.cookies > 0
}

/** The old session has been deleted, so the request as a whole is not `not-done`. */
function afterDeletion(error: unknown): unknown {
  if (!isStoreError(error)) return error
  const { operation, retriable } = error
  return new StoreError('The session was ended, and the new one could not be stored.', {
    operation,
    outcome: 'unknown',
    retriable,
    cause: error,
  })
}
