/**
 * The life cycle: `load` turns a `Cookie` header into a session, `commit` stores what changed and gives the response
 * headers. Everything else here finds the session of a request.
 *
 * @module
 */

import { AsyncLocalStorage } from 'node:async_hooks'
import { cookieValues } from '../cookies/parse.ts'
import type { CookieWriter } from '../cookies/serialize.ts'
import { isStoreError, StateError, UnauthorizedError } from '../errors.ts'
import {
  type Commit,
  type HeaderPatch,
  UNTOUCHED,
  withoutCookie,
  withRemovals,
} from './commit-headers.ts'
import type { OnEvent, Rejection } from './events.ts'
import { fingerprint } from './ids.ts'
import type { Origin, Several } from './origin.ts'
import type { SessionPolicy } from './policy.ts'
import { isDevelopment } from './runtime.ts'
import type { DataSchema } from './schema.ts'
import {
  type CommitOptions,
  type LifeCycle,
  locationOfUrl,
  type OpenOptions,
  type Scope,
} from './scope.ts'
import type { Serializer } from './serializer.ts'
import { type AnySession, stateOf, writing } from './session.ts'
import { SessionState } from './session-state.ts'
import type { LoadOptions, RequiredUser } from './sessions.ts'
import { eagerSession, toAwait } from './stand-ins.ts'
import type { MaybePromise } from './store.ts'
import type { UserSessions } from './users/index.ts'
import { warnOfLateChange } from './warnings.ts'

/** What a request's cookies led to: a record, more than one, or why none of them is honoured. */
export type Found = Origin | Several | Rejection

/**
 * Where a session lives. With a store, the cookie holds a credential and the store the record; without one, the cookie
 * holds the record itself.
 */
export interface Backing {
  /**
   * Finds the record behind a cookie. What a visitor can send gives a rejection, never an error.
   *
   * @param values All values of the session's cookie, at least one.
   * @param readOnly The request must not write.
   */
  find(values: readonly string[], readOnly: boolean): MaybePromise<Found>
  /** Ends a session's request: stores what changed and gives the headers. Synchronous when nothing is to be stored. */
  commit(state: SessionState): MaybePromise<Commit>
  /** Gives a commit that sets the cookie of a record as it is. Stores nothing. */
  resend(state: SessionState, origin: Origin): Commit
  /** Takes a key out of the record, for exactly one of many callers. Absent where nothing can decide which one that is. */
  claim?(state: SessionState, key: string): Promise<unknown>
  /** The sessions of a user. Absent: they are not listed. */
  forUser?(user: string): UserSessions
  /** Asks the store for an id that no session has, and rejects when it fails. Absent where there is no store. */
  probe?(): Promise<void>
}

export interface LifeCycleConfig {
  readonly backing: Backing
  readonly cookie: CookieWriter
  readonly serializer: Serializer
  readonly policy: SessionPolicy
  readonly sessionClass: new (state: SessionState) => AnySession
  /** Of the data. Undefined: it may be anything. */
  readonly schema: DataSchema | undefined
  readonly onStoreFailure: 'reject' | 'anonymous'
  readonly now: () => number
  readonly ambient: boolean
  readonly eager: boolean
  readonly emit: OnEvent
  readonly close: () => Promise<void>
}

/** The start of the name of {@link SessionLifeCycle.#mark}. */
const MARK = 'vial.scope '

export class SessionLifeCycle implements LifeCycle {
  readonly #config: LifeCycleConfig
  /**
   * The property under which a request carries its scopes, one for each name of a cookie; a WeakMap would cost microseconds
   * per request.
   */
  readonly #mark: symbol
  /** Made only where it is configured: on Node 20 its mere existence slows every `await` of the process. */
  readonly #ambient: AsyncLocalStorage<Scope> | undefined
  readonly #eager: AnySession | undefined
  readonly #isDevelopment = isDevelopment()
  /** Makes a forgotten `await` an error, in development. */
  readonly #toAwait: (session: Promise<AnySession>) => Promise<AnySession>

  constructor(config: LifeCycleConfig) {
    this.#config = config
    this.#mark = Symbol.for(MARK + config.cookie.name)
    this.#ambient = config.ambient || config.eager ? new AsyncLocalStorage() : undefined
    this.#toAwait = toAwait(config.sessionClass.prototype, this.#isDevelopment)
    this.#eager = config.eager
      ? eagerSession(config.sessionClass.prototype, () => {
          const session = this.#ambient?.getStore()?.session
          if (session !== undefined) return session
          throw new StateError('No request is being served here: `session` works inside a handler.')
        })
      : undefined
  }

  get session(): AnySession {
    if (this.#eager !== undefined) return this.#eager
    throw new StateError(
      '`session` needs `eager: true`. Without it, use `await sessions.of(request)`.',
    )
  }

  load(header: string | null | undefined, options?: LoadOptions): Promise<AnySession> {
    return this.#toAwait(this.#load(header, options))
  }

  async #load(
    header: string | null | undefined,
    { url, ...options }: LoadOptions & OpenOptions = {},
  ): Promise<AnySession> {
    const location = url === undefined ? {} : { location: () => locationOfUrl(String(url)) }
    return this.open(header, { ...options, ...location })
  }

  open(cookieHeader: string | null | undefined, options: OpenOptions): MaybePromise<AnySession> {
    const { readOnly = false } = options
    const { backing, cookie } = this.#config
    const values = cookieValues(cookieHeader, cookie.name)
    if (values.length === 0) return this.#make(undefined, readOnly)
    const location = values.length > 1 ? (options.location ?? (() => undefined)) : undefined
    let found: MaybePromise<Found>
    try {
      found = backing.find(values, readOnly)
    } catch (error) {
      return this.#withoutStore(error, readOnly)
    }
    return found instanceof Promise
      ? found.then(
          (found) => this.#sessionOf(found, readOnly, location),
          (error: unknown) => this.#withoutStore(error, readOnly),
        )
      : this.#sessionOf(found, readOnly, location)
  }

  commit(session: AnySession, options?: CommitOptions): MaybePromise<Commit> {
    const state = stateOf(session)
    const commit = this.#end(state, options)
    if (options?.current !== true) return commit
    const withCurrent = (commit: Commit): Commit => ({
      ...commit,
      current: this.#current(state, commit),
    })
    return commit instanceof Promise ? commit.then(withCurrent) : withCurrent(commit)
  }

  #end(state: SessionState, options: CommitOptions | undefined): MaybePromise<Commit> {
    if (state.phase === 'committed') {
      throw new StateError('This session has been committed already. Load it again.')
    }
    const readOnly = state.phase === 'read-only'
    state.phase = 'committed'
    if (readOnly) {
      if (this.#isDevelopment) warnOfLateChange(state.changes.lateKeys())
      return UNTOUCHED
    }
    if (options?.failed === true) state.discard()
    state.changes.end()
    if (state.failure !== undefined) {
      const keys = state.changes.edited().map(([key]) => key)
      const { asked } = state
      if (keys.length + asked.length > 0) this.#config.emit({ type: 'unsaved', keys, asked })
      return asked.length > 0 ? Promise.reject(state.failure) : UNTOUCHED
    }
    if (state.detached) return this.#healed(state, this.#dropped(state))
    try {
      const commit = this.#config.backing.commit(state)
      if (this.#isDevelopment) this.#watch(state, commit)
      if (!(commit instanceof Promise)) return this.#healed(state, commit)
      return state.location === undefined
        ? commit.catch(this.#failed)
        : commit.then((commit) => this.#healed(state, commit), this.#failed)
    } catch (error) {
      return this.#failed(error)
    }
  }

  begin<T>(request: object, scope: Scope, next: () => T): MaybePromise<T> {
    const marked = request as Record<symbol, Scope | undefined>
    // A middleware that is registered twice must not make two sessions of one request.
    const first = marked[this.#mark]
    const own = first?.ownedBy(this) ?? this.#enclosing(scope)
    if (first === undefined) marked[this.#mark] = own
    else if (own.owner === undefined) {
      own.beside = first.beside ?? first
      first.beside = own
    }
    own.begun(this)
    const ambient = this.#ambient
    if (ambient === undefined) return next()
    if (!this.#config.eager) return ambient.run(own, next)
    return own.load().then(() => ambient.run(own, next))
  }

  /** A sub-request of the same visitor, which an application sends to itself, belongs to the request around it. */
  #enclosing(scope: Scope): Scope {
    const around = this.#ambient?.getStore()
    return around?.covers(scope, this.#config.cookie.name) === true ? around : scope
  }

  of(request: object): Promise<AnySession> {
    const scope =
      findOn(request, this.#on) ?? (isRequest(request) ? this.#ambient?.getStore() : undefined)
    return this.#toAwait(scope?.load() ?? Promise.reject(unseen(request)))
  }

  current(): Promise<AnySession> {
    const scope = this.#ambient?.getStore()
    const message =
      this.#ambient === undefined
        ? 'current() needs `ambient: true` in createSessions.'
        : 'No request is being served here: current() works inside a handler.'
    return this.#toAwait(scope?.load() ?? Promise.reject(new StateError(message)))
  }

  async claim(session: AnySession, key: string): Promise<unknown> {
    const state = writing(session, key)
    const { backing } = this.#config
    if (state.failure !== undefined) throw state.failure
    if (backing.claim === undefined) {
      throw new StateError(
        'claim() needs a store: a cookie cannot decide which request came first. Give createSessions a `store`.',
      )
    }
    const value = await backing.claim(state, key).catch(this.#failed)
    if (value === undefined || this.#config.schema?.problem(key, value) === undefined) return value
    this.#hid(session, [key])
    return undefined
  }

  async requireUser(
    request: object,
    { confirmed, method }: RequiredUser = {},
  ): Promise<{ readonly session: AnySession; readonly user: string }> {
    const session = await this.of(request)
    const { user } = session
    if (user === undefined) throw new UnauthorizedError('No user is logged in.', 'anonymous')
    if (confirmed !== undefined && !session.confirmedWithin(confirmed, method)) {
      throw new UnauthorizedError('The user has to confirm again.', 'not-confirmed')
    }
    return { session, user }
  }

  forUser(user: string): UserSessions {
    const { backing } = this.#config
    if (backing.forUser !== undefined) return backing.forUser(user)
    throw new StateError('forUser() needs `users: true` in createSessions, and a `store`.')
  }

  async check({ connect = false }: { readonly connect?: boolean } = {}): Promise<void> {
    if (connect) await this.#config.backing.probe?.()
  }

  close(): Promise<void> {
    return this.#config.close()
  }

  /** Compares the values that the handler may hold once more when the response has left. */
  #watch({ sender, changes }: SessionState, commit: MaybePromise<Commit>): void {
    const watch = (): void => sender?.afterResponse(() => warnOfLateChange(changes.lateKeys()))
    if (commit instanceof Promise) commit.then(watch, () => undefined)
    else watch()
  }

  /** A record that is not honoured gives a fresh one. */
  #sessionOf(found: Found, readOnly: boolean, location: OpenOptions['location']): AnySession {
    let reason: Rejection = 'invalid'
    if (typeof found === 'string') reason = found
    else {
      this.#reportOldKey(found)
      const session = this.#make(found, readOnly, location)
      const { cookies, detached, changes } = stateOf(session)
      if (cookies > 0) {
        this.#config.emit({ type: 'several-cookies', cookies, used: detached ? 'none' : 'newest' })
      }
      const hidden = this.#config.schema?.admit(changes)
      if (hidden !== undefined || this.#config.schema === undefined) {
        if (hidden !== undefined && hidden.length > 0) this.#hid(session, hidden)
        return session
      }
    }
    // `replayed` has an event of its own.
    if (reason !== 'replayed') this.#config.emit({ type: 'rejected', reason })
    return this.#make(undefined, readOnly, location)
  }

  /** Reports a cookie that was not opened by the first key, once for a request. */
  #reportOldKey(found: Origin | Several): void {
    const old =
      'beside' in found ? [found.origin, ...found.beside].find((one) => one?.keyIndex) : found
    if (old?.keyIndex === undefined) return
    const { credential, keyIndex: index } = old
    const named = credential === undefined ? 'sealed' : fingerprint(credential.key)
    const { name: cookie } = this.#config.cookie
    this.#config.emit({ type: 'old-key', fingerprint: named, cookie, index })
  }

  /** Reports keys whose values the program does not get. */
  #hid({ fingerprint }: AnySession, keys: readonly string[]): void {
    this.#config.emit({ type: 'hidden', fingerprint, keys })
  }

  #make(
    found: Origin | Several | undefined,
    readOnly: boolean,
    location?: OpenOptions['location'],
  ): AnySession {
    const state = new SessionState(this.#config, found)
    state.location = location
    if (readOnly) state.phase = 'read-only'
    return new this.#config.sessionClass(state)
  }

  #withoutStore(error: unknown, readOnly: boolean): AnySession {
    if (!isStoreError(error)) throw error
    this.#config.emit({ type: 'store-failed', error })
    if (this.#config.onStoreFailure === 'reject') throw error
    const session = this.#make(undefined, readOnly)
    stateOf(session).failure = error
    return session
  }

  /** The end of a request whose cookies named records of which none is its session: nothing is stored. */
  #dropped(state: SessionState): Commit {
    const { asked, beside, changes, cookies } = state
    const keys = changes.edited().map(([key]) => key)
    const [superseded] = beside
    if (keys.length + asked.length === 0) return UNTOUCHED
    if (cookies > 0 || superseded?.credential === undefined) {
      this.#config.emit({ type: 'unsaved', keys, asked })
      return UNTOUCHED
    }
    // A login or `regenerate` took the place of its verifier. The cookie may be a new one by now, so it is left alone.
    this.#config.emit({ type: 'gone', fingerprint: fingerprint(superseded.credential.key), keys })
    return withoutCookie('gone')
  }

  /**
   * Removes the cookies of the name that the browser holds in other places, so that the next request has one: after a
   * logout, and where several named records. The one to keep is set by the same response.
   */
  #healed(state: SessionState, commit: Commit): Commit {
    const { location, cookies, origin } = state
    if (location === undefined) return commit
    const heals = cookies > 0 && (origin === undefined || commit.cookies.length > 0)
    return heals || commit.outcome === 'deleted'
      ? withRemovals(commit, this.#config.cookie.elsewhere(location()))
      : commit
  }

  /** The session's own cookie after a commit. It is the last that a commit sets. */
  #current(state: SessionState, { outcome, headers }: Commit): string | undefined {
    if (state.detached || outcome === 'gone') return undefined
    const own = setCookieOf(headers)
    if (own !== undefined || state.origin === undefined) return own
    const loaded = new SessionState(this.#config, state.origin)
    loaded.sender = state.sender
    return setCookieOf(this.#config.backing.resend(loaded, state.origin).headers)
  }

  readonly #failed = (error: unknown): never => {
    if (isStoreError(error)) this.#config.emit({ type: 'store-failed', error })
    throw error
  }

  readonly #on = (object: unknown): Scope | undefined =>
    (Object(object) as Record<symbol, Scope | undefined>)[this.#mark]?.ownedBy(this)
}

/** Frameworks wrap requests: what is looked for is on the object itself or on the one inside it. */
function findOn<T>(request: unknown, on: (object: unknown) => T | undefined): T | undefined {
  const own = on(request)
  if (own !== undefined) return own
  const { raw, req, request: inner, node } = Object(request) as Readonly<Record<string, unknown>>
  return on(raw) ?? on(req) ?? on(Object(req).raw) ?? on(inner) ?? on(Object(node).req)
}

/** The error of a request that the middleware of these sessions has not seen. */
function unseen(request: unknown): StateError {
  const isMarked = (object: unknown): true | undefined =>
    Object.getOwnPropertySymbols(Object(object)).some(({ description }) =>
      description?.startsWith(MARK),
    ) || undefined
  return new StateError(
    findOn(request, isMarked)
      ? 'The middleware of other sessions has seen this request, and not that of these. Use one `sessions` for both, or register the middleware of these too.'
      : 'This request has not been through the session middleware. Register it before the routes, and pass of() what the framework hands to the handler.',
  )
}

/** Whether a value may be a request, or what a framework hands out in place of one. */
function isRequest(value: unknown): boolean {
  const object: object = Object(value)
  return ['method', 'raw', 'req', 'request', 'node'].some((name) => name in object)
}

function setCookieOf(headers: HeaderPatch): string | undefined {
  return headers.findLast(([name]) => name === 'set-cookie')?.[1]
}
