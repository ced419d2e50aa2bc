/**
 * A request's place for its session: loads at most once, when the session is asked for, and commits at most once. An
 * adapter makes one for each request; it costs nothing until the session is asked for.
 *
 * @module
 */

import { type Commit, NOT_ASKED, UNTOUCHED } from './commit-headers.ts'
import type { AnySession } from './session.ts'
import type { MaybePromise } from './store.ts'

/** Where a request was sent. */
export interface RequestLocation {
  /** In lower case, without a port. IPv6 addresses are in brackets. */
  readonly host: string
  /** Begins with `/` and has no query. */
  readonly path: string
}

/** How a session is opened. */
export interface OpenOptions {
  /** A session that refuses writes. */
  readonly readOnly?: boolean
  /** Gives where the request was sent; called only when cookies have to be removed elsewhere. Absent: not known. */
  readonly location?: () => RequestLocation | undefined
}

/** The part of a `Sessions` that a scope and its adapter need, whatever the data. */
export interface LifeCycle {
  /**
   * Finds the session of a `Cookie` header, at once when nothing has to be waited for. Never fails because of what the
   * header holds.
   */
  open(cookieHeader: string | null | undefined, options: OpenOptions): MaybePromise<AnySession>
  commit(session: AnySession): MaybePromise<Commit>
  /**
   * Ties a request to its scope, unless it has one of these sessions already, so that `of(request)` finds it, and calls
   * `next`: at once and with its result; with `eager` after the session was loaded, in a promise that rejects when
   * loading fails. With `ambient` or `eager`, what runs inside `next` finds the scope without the request.
   */
  begin<T>(request: object, scope: Scope, next: () => T): MaybePromise<T>
}

/** Extended by each adapter with where its framework keeps the `Cookie` header. */
export abstract class Scope {
  readonly #sessions: LifeCycle
  #loading: Promise<AnySession> | undefined
  #session: AnySession | undefined
  #committed = false

  constructor(sessions: LifeCycle) {
    this.#sessions = sessions
  }

  /** The request's `Cookie` header, read when the session is first asked for. */
  protected abstract cookieHeader(): string | null | undefined

  /** Where the request was sent. Undefined: the framework does not say. */
  protected location(): RequestLocation | undefined {
    return undefined
  }

  /** Called once, just before the session is loaded for the first time, such as to hold the response. */
  protected opening(): void {}

  /** True when the headers have left: a session loaded then is read-only. */
  protected get headersSent(): boolean {
    return false
  }

  /** The loaded session; undefined before {@link load} has resolved. */
  get session(): AnySession | undefined {
    return this.#session
  }

  /** Loads the session on the first call; all calls share one promise. */
  load(): Promise<AnySession> {
    this.#loading ??= this.#start()
    return this.#loading
  }

  /**
   * Stores what changed and gives the headers for the response. Synchronous when there is nothing to store, so that
   * such a response need not be held. Throws or rejects with what prevented the commit; then the response must not
   * claim success. A second call does nothing.
   */
  commit(): MaybePromise<Commit> {
    if (this.#committed) return NOT_ASKED
    this.#committed = true
    if (this.#loading === undefined) return NOT_ASKED
    if (this.#session !== undefined) return this.#sessions.commit(this.#session)
    return this.#loading.then(
      (session) => this.#sessions.commit(session),
      // The rejected load was reported to its caller; the response still depends on the cookie.
      () => UNTOUCHED,
    )
  }

  async #start(): Promise<AnySession> {
    const readOnly = this.#committed || this.headersSent
    if (!readOnly) this.opening()
    const options: OpenOptions = { readOnly, location: () => this.location() }
    const opened = this.#sessions.open(this.cookieHeader(), options)
    // A session that is there at once is kept at once, so that a commit need not wait for the promise.
    this.#session = opened instanceof Promise ? await opened : opened
    return this.#session
  }
}
