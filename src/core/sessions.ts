/**
 * What `createSessions` gives: the public types of a life cycle.
 *
 * @module
 */

import type { Commit } from './commit-headers.ts'
import type { Duration } from './duration.ts'
import type { CommitOptions, LifeCycle, OpenOptions } from './scope.ts'
import type { Fields, Keys, Session, StoredSession } from './session.ts'
import type { MaybePromise } from './store.ts'
import type { UserSessions } from './users/index.ts'

/** How a session is loaded without an adapter. */
export interface LoadOptions extends Pick<OpenOptions, 'env' | 'readOnly'> {
  /**
   * The URL of the request. With it, a response to a request that has several cookies of the name can remove those at other
   * domains and paths. Absent, or not an absolute URL: only what is known without it is removed.
   */
  readonly url?: string | URL | undefined
}

/** What `requireUser` asks for besides a user. */
export interface RequiredUser {
  /** The longest time since the user has shown who it is. Absent: a login is enough, however old. */
  readonly confirmed?: Duration
  /** The way in which it has to be. Absent: any, a login included. */
  readonly method?: string
}

/** The life cycle of one kind of session; made by `createSessions`. */
export interface Sessions<Data extends object = Fields, S extends Session<Data> = Session<Data>>
  extends LifeCycle {
  /**
   * The session of a request that went through the adapter's middleware. Loads on the first call and only then.
   *
   * @param request What the framework hands to a handler: `c`, `req`, `ctx`, `request`, `event`, or the `Request`.
   * @throws {StateError} When no middleware of these sessions has seen the request.
   * @throws {StoreError} When the store fails, unless `onStoreFailure` says otherwise.
   */
  of(request: object): Promise<S>
  /**
   * The session of a request, and its user.
   *
   * @throws {UnauthorizedError} With status 401, when no user is logged in (`reason` is `anonymous`), or the last
   * confirmation is older than `confirmed` (`not-confirmed`). Otherwise as {@link of}.
   */
  requireUser(
    request: object,
    options?: RequiredUser,
  ): Promise<{ readonly session: S; readonly user: string }>
  /** The session of the request being served, without the request; needs `ambient` or `eager`. */
  current(): Promise<S>
  /** Loads from a `Cookie` header, for WebSocket upgrades and jobs. Never rejects because of what the header holds. */
  load(cookieHeader: string | null | undefined, options?: LoadOptions): Promise<S>
  /**
   * Stores what changed, and gives the headers for the response. Once for each session.
   *
   * @throws {StoreError} When the store fails. With `onStoreFailure: 'anonymous'` also when it had failed on load and the
   * handler asked for a login, a logout, `regenerate` or `clear`, which cannot be done then.
   */
  commit(session: S, options?: CommitOptions): MaybePromise<Commit>
  /**
   * Evaluates options that were given as a function, so that a mistake shows when the program starts.
   *
   * @param options.connect Also reads from the store once.
   * @throws {ConfigError} When the options cannot work.
   * @throws {StoreError} When the store fails.
   */
  check(options?: { readonly connect?: boolean; readonly env?: unknown }): Promise<void>
  /** Ends what the store itself started, such as timers. */
  close(): Promise<void>
}

/** What sessions in a store can do besides. */
export interface StoredSessions<Data extends object = Fields>
  extends Sessions<Data, StoredSession<Data>> {
  /**
   * Takes a key out of the stored session, now; of any number of requests exactly one gets the value.
   *
   * @returns Undefined: the key is not there, another request got it, or `data` does not allow its value.
   * @throws {StateError} When this request changed the key, or emptied the session, before.
   * @throws {StoreError} When the store fails, or had failed when the session was loaded.
   */
  claim<K extends Keys<Data>>(
    session: StoredSession<Data>,
    key: K,
  ): Promise<Exclude<Data[K], undefined> | undefined>
  /**
   * The sessions of a user: to show them, to end them. They are there where `users` is on.
   *
   * @param user As `login` was given it.
   * @throws {StateError} Without `users`.
   */
  forUser(user: string): UserSessions
}

/** What `eager` adds. */
export interface Eager<S> {
  /** The session of the request being served: ambient, synchronous, loaded before the handler. */
  readonly session: S
}

/** The data of a `Sessions`. */
export type InferData<T> = T extends { of(request: object): Promise<Session<infer Data>> }
  ? Data
  : never
