/**
 * One request's place for its session: loads at most once, when somebody asks, and commits at most once. An adapter
 * makes one for each request; it costs nothing until the session is asked for.
 *
 * @module
 */

import type { AnySession } from './any-session.ts'
import { UNTOUCHED } from './commit-headers.ts'
import type { HeaderPatch } from './headers.ts'
import type { MaybePromise } from './maybe-promise.ts'

/** What became of a session at the end of its request. */
export type CommitOutcome = 'untouched' | 'touched' | 'saved' | 'deleted' | 'gone'

/** What {@link Scope.commit} tells an adapter: merge `headers` into the response. */
export interface Commit {
  readonly outcome: CommitOutcome
  readonly headers: HeaderPatch
}

/** Where a request was sent to. */
export interface RequestLocation {
  /** In lower case, without a port. IPv6 addresses are in brackets. */
  readonly host: string
  /** Begins with `/` and has no query. */
  readonly path: string
}

/** The part of a `Sessions` that a scope and its adapter need, whatever the data. */
export interface LifeCycle {
  /**
   * Finds the session of a `Cookie` header, at once when nothing has to be waited for. Never fails because of what the
   * header holds. A read-only session refuses writes.
   */
  open(cookieHeader: string | null | undefined, readOnly: boolean): MaybePromise<AnySession>
  commit(session: AnySession): MaybePromise<Commit>
  /**
   * Ties a request to its scope, unless it has one of these sessions already, so that `of(request)` finds it, and calls `next`: at once and with its result; with
   * `eager` after the session was loaded, in a promise that rejects when loading fails. With `ambient` or `eager`, what
   * runs inside `next` finds the scope without the request.
   */
  begin<T>(request: object, scope: Scope, next: () => T): MaybePromise<T>
}

const NOTHING: Commit = { outcome: 'untouched', headers: [] }

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

  /**
   * Host and path of the request; undefined where the adapter does not know them. Called only when they are needed,
   * which most requests do not.
   */
  protected location(): RequestLocation | undefined {
    return undefined
  }

  /** Called once, just before the session is loaded for the first time, such as to watch the response. */
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
    if (this.#committed) return NOTHING
    this.#committed = true
    if (this.#loading === undefined) return NOTHING
    if (this.#session !== undefined) return this.#sessions.commit(this.#session)
    return this.#loading.then(
      (session) => this.#sessions.commit(session),
      // Whoever asked for the session has been told by the rejected load; the response depends on the cookie still.
      () => UNTOUCHED,
    )
  }

  #start(): Promise<AnySession> {
    try {
      const readOnly = this.#committed || this.headersSent
      if (!readOnly) this.opening()
      const opened = this.#sessions.open(this.cookieHeader(), readOnly)
      if (opened instanceof Promise) return opened.then((session) => this.#keep(session))
      return Promise.resolve(this.#keep(opened))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #keep(session: AnySession): AnySession {
    this.#session = session
    return session
  }
}
