/**
 * A request's place for its session: loads at most once, when the session is asked for, and commits at most once. An
 * adapter makes one for each request; it costs nothing until the session is asked for.
 *
 * @module
 */

import { cookieValues } from '../cookies/parse.ts'
import type { CookieWriter, RequestLocation } from '../cookies/serialize.ts'
import { ConfigError, StateError } from '../errors.ts'
import { type Commit, NOT_ASKED, type Sender, UNTOUCHED, unshared } from './commit-headers.ts'
import { isDevelopment } from './runtime.ts'
import { type AnySession, stateOf } from './session.ts'
import type { MaybePromise } from './store.ts'
import { warnOnce } from './warnings.ts'

export type { RequestLocation } from '../cookies/serialize.ts'

/** Makes a location of an absolute URL; undefined for another string. Never throws. */
export function locationOfUrl(url: string): RequestLocation | undefined {
  if (!URL.canParse(url)) return undefined
  const { hostname, pathname } = new URL(url)
  return hostname === '' ? undefined : { host: hostname, path: pathname }
}

/** How a session is opened. */
export interface OpenOptions {
  /** A session that refuses writes. */
  readonly readOnly?: boolean
  /** What options that are a function are called with. @default process.env */
  readonly env?: unknown
  /** Gives where the request was sent; called only when a cookie is set or removed. Absent: not known. */
  readonly location?: () => RequestLocation | undefined
}

/** How a request ended. */
export interface CommitOptions {
  /** The handler failed: nothing that it did is stored but a `destroy`. @default false */
  readonly failed?: boolean
  /** Gives {@link Commit.current} as well. @default false */
  readonly current?: boolean
}

/** The options of a scope, and of every adapter. */
export interface AdapterOptions {
  /**
   * What a commit does where the handler failed: where the response has a status of 500 or more, or where the adapter got
   * an error whose status is not below 500. With `'commit'` the session is stored with the error page, as with any
   * response. With `'discard'` nothing is stored, but a session that the handler destroyed ends.
   *
   * @default 'commit'
   */
  readonly onError?: 'commit' | 'discard'
  /**
   * With `'always'` every response has `Vary: Cookie` and is private. A page that streams can then ask for its session
   * after the headers have left, and read it. Absent: only the responses of requests that asked for their session.
   */
  readonly vary?: 'always'
}

const DEFAULTS: AdapterOptions = {}

/** The part of a `Sessions` that a scope and its adapter need, whatever the data. */
export interface LifeCycle {
  /**
   * Finds the session of a `Cookie` header, at once when nothing has to be waited for. Never fails because of what the
   * header holds.
   */
  open(cookieHeader: string | null | undefined, options: OpenOptions): MaybePromise<AnySession>
  commit(session: AnySession, options?: CommitOptions): MaybePromise<Commit>
  /**
   * Ties a request to its scope, unless it has one of these sessions already, so that `of(request)` finds it, and calls
   * `next`: at once and with its result; with `eager` after the session was loaded, in a promise that rejects when
   * loading fails. With `ambient` or `eager`, what runs inside `next` finds the scope without the request.
   */
  begin<T>(request: object, scope: Scope, next: () => T): MaybePromise<T>
}

/** @throws {ConfigError} When an adapter is given something else than sessions, naming what to give. */
export function checkSessions(adapter: string, sessions: unknown): void {
  const { begin, then } = Object(sessions) as Readonly<Record<string, unknown>>
  if (typeof begin === 'function') return
  throw new ConfigError(
    typeof then === 'function'
      ? `${adapter} got a promise. Await the sessions first.`
      : `${adapter} takes what createSessions returns. Give ${adapter}(createSessions({ … })).`,
  )
}

/** Extended by each adapter with where its framework keeps the `Cookie` header. */
export abstract class Scope implements Sender {
  readonly #sessions: LifeCycle
  readonly #options: AdapterOptions
  #opened = false
  #loading: Promise<AnySession> | undefined
  #session: AnySession | undefined
  #committed = false
  #sent = false
  #owner: LifeCycle | undefined
  /** A ring of the scopes of one request whose cookies have the same name. Undefined: there is no other. Set by `begin`. */
  beside: Scope | undefined

  constructor(sessions: LifeCycle, options: AdapterOptions = DEFAULTS) {
    this.#sessions = sessions
    this.#options = options
  }

  /** The life cycle that began this scope. */
  get owner(): LifeCycle | undefined {
    return this.#owner
  }

  /** Called by `begin`. */
  begun(owner: LifeCycle): void {
    this.#owner = owner
    if (this.#options.vary !== undefined && !this.#isLate) this.#open()
  }

  /** The request's `Cookie` header, read when the session is first asked for. */
  protected abstract cookieHeader(): string | null | undefined

  /** Where the request was sent. Undefined: the framework does not say. */
  protected location(): RequestLocation | undefined {
    return undefined
  }

  /**
   * What options that are a function are called with: the bindings of the request, where the runtime gives them with each
   * one. Undefined: `process.env`.
   */
  get env(): unknown {
    return undefined
  }

  /** True over plain http, as far as the connection and the headers of proxies show. Called when a cookie is sent. */
  protected isPlainHttp(): boolean {
    return false
  }

  /**
   * Called once, just before the session is loaded for the first time, such as to hold the response. With `vary: 'always'`
   * it is called when the request begins.
   */
  protected opening(): void {}

  /** True when the headers have left: a session is not loaded any more then, unless one of the next two is true. */
  protected get headersSent(): boolean {
    return false
  }

  /** True when the whole response has left. A session loaded then, such as by a logger, is read-only. */
  protected get responseEnded(): boolean {
    return false
  }

  /**
   * True when the response's headers keep it from caches: `Vary` with `Cookie` or `*`, `Cache-Control` with `private` or
   * `no-store`. A session loaded after they have left is read-only.
   */
  protected get responseVaries(): boolean {
    return false
  }

  /** A macrotask after the commit. An adapter that knows when its response has left overrides it. */
  afterResponse(task: () => void): void {
    setTimeout(task, 0)
  }

  /** The loaded session; undefined before {@link load} has resolved. */
  get session(): AnySession | undefined {
    return this.#session
  }

  /**
   * Loads the session on the first call; all calls share one promise. Rejects with a {@link StateError} when the headers
   * left before the first call, because a cache could then give the response to other visitors.
   */
  load(): Promise<AnySession> {
    if (this.#loading !== undefined) return this.#loading
    if (this.#isLate && !this.responseEnded && !this.#varies) return Promise.reject(tooLate())
    this.#loading = this.#start()
    return this.#loading
  }

  /**
   * Stores what changed and gives the headers for the response. Synchronous when there is nothing to store, so that
   * such a response need not be held. Throws or rejects with what prevented the commit; then the response must not
   * claim success. A second call does nothing.
   *
   * @param options.failed Without effect unless the scope has `onError: 'discard'`.
   */
  commit(options?: CommitOptions): MaybePromise<Commit> {
    const commit = this.#commit(
      options?.failed === true && !this.discards ? { ...options, failed: false } : options,
    )
    if (this.#options.vary === undefined) return commit
    return commit instanceof Promise ? commit.then(unshared) : unshared(commit)
  }

  #commit(options: CommitOptions | undefined): MaybePromise<Commit> {
    if (this.#committed) return NOT_ASKED
    this.#committed = true
    if (this.#loading === undefined) return NOT_ASKED
    if (this.#session !== undefined) return this.#sessions.commit(this.#session, options)
    return this.#loading.then(
      (session) => this.#sessions.commit(session, options),
      // The rejected load was reported to its caller; the response still depends on the cookie.
      () => UNTOUCHED,
    )
  }

  /** Whether another scope, begun while this one is open, has the same session: the values of its cookie are equal. */
  covers(other: Scope, cookieName: string): boolean {
    const values = (scope: Scope): string => cookieValues(scope.cookieHeader(), cookieName).join()
    return !this.#committed && values(this) === values(other)
  }

  /** The scope that a life cycle began, among those of one request. */
  ownedBy(owner: LifeCycle): Scope | undefined {
    let scope: Scope = this
    while (scope.owner !== owner) {
      if (scope.beside === undefined || scope.beside === this) return undefined
      scope = scope.beside
    }
    return scope
  }

  /**
   * Called when the response is about to set or remove the cookie.
   *
   * @throws {ConfigError} In development, when another kind of session sends a cookie of that name in the same response.
   */
  sending({ name, removal }: CookieWriter): void {
    this.#sent = true
    for (let other = this.beside; other !== undefined && other !== this; other = other.beside) {
      if (!other.#sent) continue
      const message = `Two kinds of session send a cookie named '${name}' in one response, so each ends the sessions of the other. Give each its own \`cookie.name\`.`
      if (isDevelopment()) throw new ConfigError(message)
      warnOnce('VIAL_COOKIE_NAME', message)
    }
    if (!removal.secure || !this.isPlainHttp() || LOCAL.test(this.location()?.host ?? '')) return
    warnOnce(
      'VIAL_PLAIN_HTTP',
      "A session's cookie is Secure, and this response leaves over plain http: browsers drop the cookie, and each request begins a new session. Serve https. Behind a proxy that does, let it send `X-Forwarded-Proto`: docs/proxy.md. On a developer's machine give `cookie: { secure: 'development' }`.",
    )
  }

  get #isLate(): boolean {
    return this.#committed || this.headersSent
  }

  /** Whether a request that failed stores nothing. */
  protected get discards(): boolean {
    return this.#options.onError === 'discard'
  }

  get #varies(): boolean {
    return this.responseVaries || (this.#committed && this.#options.vary !== undefined)
  }

  #open(): void {
    if (this.#opened) return
    this.#opened = true
    this.opening()
  }

  async #start(): Promise<AnySession> {
    const readOnly = this.#isLate
    if (!readOnly) this.#open()
    const options: OpenOptions = { readOnly, location: () => this.location() }
    const opened = this.#sessions.open(this.cookieHeader(), options)
    // A session that is there at once is kept at once, so that a commit need not wait for the promise.
    this.#session = opened instanceof Promise ? await opened : opened
    stateOf(this.#session).sender = this
    return this.#session
  }
}

/** Hosts from which browsers take a Secure cookie over plain http. */
const LOCAL = /^(?:(?:.+\.)?localhost|127(?:\.\d+){3}|\[::1\])$/

function tooLate(): StateError {
  return new StateError(
    "The session was first asked for after the response's headers were final, so they do not say that the response depends on the cookie, and a cache could give it to other visitors. Ask for the session before the response begins. Where pages stream, give the adapter `vary: 'always'`.",
  )
}
