/**
 * What the cases of the adapter suite work with: a handler's view of one request, and a running server with its sessions.
 *
 * @module
 */

import type { LifeCycle } from '../core/scope.ts'
import type { Store } from '../core/store.ts'
import type { Client } from './adapter-client.ts'
import type { SuiteTest } from './runner.ts'
import type { StoreBehaviour, StoreSpy } from './store-spy.ts'

/** What the suite does with a session. */
export interface SuiteSession {
  get(key: string): unknown
  set(key: string, value: unknown): void
  login(user: string): void
  destroy(): void
}

/** What the suite needs of a `Sessions`. */
export interface SuiteSessions extends LifeCycle {
  of(request: object): Promise<SuiteSession>
  current(): Promise<SuiteSession>
  readonly session?: SuiteSession
}

/** The options that the suite gives to `createSessions`. */
export interface SuiteOptions {
  readonly store: Store
  readonly cookie?: { readonly name: string }
  readonly ambient?: boolean
  readonly eager?: boolean
  readonly timeout?: number
}

/** The result of a method of {@link Reply}, which the handler returns to the framework. */
export type Answer = unknown

/** Responds in the idiom of the framework: `res.redirect`, `c.json`, `reply.send(stream)`. */
export interface Reply {
  /** Sets a response header; `set-cookie` is added to earlier ones. Called before the body is given. */
  header(name: string, value: string): void
  json(value: unknown): Answer
  html(text: string): Answer
  /** Responds with 302, as the framework does it. */
  redirect(location: string): Answer
  /** Responds with a status and no body. */
  empty(status: number): Answer
  stream(chunks: AsyncIterable<string>): Answer
}

/** One request, in the same form for every framework. */
export interface Exchange {
  readonly method: string
  /** The path of the URL, without its query. */
  readonly path: string
  /** Resolves to the request's body, read by the parser of the framework. */
  body(): Promise<string>
  /** Calls `sessions.of` with what the framework gives to a handler. Absent: the first of the sessions. */
  session(sessions?: SuiteSessions): Promise<SuiteSession>
  readonly reply: Reply
}

/** Responds to every method and path. An error that it throws is handled by the framework. */
export type ExchangeHandler = (exchange: Exchange) => Promise<Answer>

/** What a case checks: the server, its store and one visitor. */
export interface Kit extends StoreSpy {
  readonly sessions: SuiteSessions
  readonly client: Client
  readonly origin: string
  /** Resolves to the number of records. */
  records(): Promise<number>
}

export type ServeOptions = StoreBehaviour & Omit<SuiteOptions, 'store'>

/** Starts a server for one case, and closes it after `check`. */
export type Serve = (
  options: ServeOptions,
  handler: (exchange: Exchange, sessions: SuiteSessions) => Promise<Answer>,
  check: (kit: Kit) => Promise<void>,
) => Promise<void>

export interface RunningServer {
  /** Such as `http://127.0.0.1:40123`. */
  readonly origin: string
  close(): Promise<void>
}

export interface AdapterSuiteOptions {
  /** Registers a case: `test` of vitest, of `node:test` or of another runner. */
  readonly test: SuiteTest
  /** The adapter, for the names of the cases. */
  readonly name: string
  /** Starts a server on 127.0.0.1 with the adapter under test, installed once for each of `sessions`, in front of the handler. */
  readonly start: (
    sessions: readonly SuiteSessions[],
    handler: ExchangeHandler,
  ) => Promise<RunningServer>
  /** `createSessions` of `vial`. */
  readonly createSessions: (options: SuiteOptions) => SuiteSessions
  /** Makes a new store that has `list`, such as `memoryStore`. */
  readonly store: () => Store
  /**
   * Whether the response to a thrown error carries what the handler wrote. False where a framework gives an adapter no
   * response then.
   * @default true
   */
  readonly errorsCommit?: boolean
}

/** Cases by name, which begins with a letter and a number. */
export type Cases = Record<string, (serve: Serve, options: AdapterSuiteOptions) => Promise<void>>
