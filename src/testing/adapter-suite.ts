/**
 * The conformance suite of adapters: what a session does, seen from a browser, over a real server. It imports no test
 * runner; any `test(name, run)` will do.
 *
 * @module
 */

import type { LifeCycle } from '../core/scope.ts'
import type { Store } from '../core/store.ts'
import { ambientCases } from './adapter-ambient.ts'
import { Client } from './adapter-client.ts'
import { faultCases } from './adapter-faults.ts'
import { headerCases } from './adapter-headers.ts'
import { timingCases } from './adapter-timing.ts'
import type { SuiteTest } from './runner.ts'
import { type StoreBehaviour, type Watch, watchedStore } from './watched-store.ts'

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

/** What a method of {@link Reply} gives; the handler hands it back to the framework. */
export type Answer = unknown

/** Answers a request in the idiom of the framework: `res.redirect`, `c.json`, `reply.send(stream)`. */
export interface Reply {
  /** Sets a header of the answer; `set-cookie` stands beside those before. Called before the answer is given. */
  header(name: string, value: string): void
  json(value: unknown): Answer
  html(text: string): Answer
  /** Answers 302, as the framework does it. */
  redirect(location: string): Answer
  /** Answers with a status and no body. */
  empty(status: number): Answer
  stream(chunks: AsyncIterable<string>): Answer
}

/** One request, whatever the framework. */
export interface Exchange {
  readonly method: string
  /** The path of the URL, without its query. */
  readonly path: string
  /** The request's body, by the parser of the framework. */
  body(): Promise<string>
  /** `sessions.of` of what the framework hands to a handler. Absent: the first of the sessions. */
  session(sessions?: SuiteSessions): Promise<SuiteSession>
  readonly reply: Reply
}

/** Answers every method and path. An error that it throws is the framework's to handle. */
export type ExchangeHandler = (exchange: Exchange) => Promise<Answer>

export interface RunningServer {
  /** Such as `http://127.0.0.1:40123`. */
  readonly origin: string
  close(): Promise<void>
}

export interface AdapterSuiteOptions {
  /** Registers a case: `test` of vitest, `node:test` or another runner. */
  readonly test: SuiteTest
  /** The adapter, for the names of the cases. */
  readonly name: string
  /** Starts a server on 127.0.0.1 with the adapter under test, once for each of `sessions`, and the handler behind. */
  readonly start: (
    sessions: readonly SuiteSessions[],
    handler: ExchangeHandler,
  ) => Promise<RunningServer>
  /** `createSessions` of `vial`. */
  readonly createSessions: (options: SuiteOptions) => SuiteSessions
  /** A new store, such as `memoryStore`. It must offer `list`. */
  readonly store: () => Store
  /** Whether the answer to a thrown error carries what the handler wrote. False where nobody can: the error is the answer. @default true */
  readonly errorsCommit?: boolean
}

/** What a case works with. */
export interface Kit extends Watch {
  readonly sessions: SuiteSessions
  readonly client: Client
  readonly origin: string
  /** The number of records. */
  records(): Promise<number>
}

export type ServeOptions = StoreBehaviour & Omit<SuiteOptions, 'store'>

/** Starts a server for one case, and closes it after `check`. */
export type Serve = (
  options: ServeOptions,
  handler: (exchange: Exchange, sessions: SuiteSessions) => Promise<Answer>,
  check: (kit: Kit) => Promise<void>,
) => Promise<void>

export type Cases = Record<string, (serve: Serve, options: AdapterSuiteOptions) => Promise<void>>

/** Registers the cases for one adapter. Each name begins with a letter and a number that stay. */
export function adapterSuite(options: AdapterSuiteOptions): void {
  const { test, name } = options
  const serve: Serve = async ({ delay, gate, failing, ...rest }, handler, check) => {
    const watch = watchedStore(options.store(), {
      ...(delay !== undefined && { delay }),
      ...(gate !== undefined && { gate }),
      ...(failing !== undefined && { failing }),
    })
    const sessions = options.createSessions({ ...rest, store: watch.store })
    const server = await options.start([sessions], (exchange) => handler(exchange, sessions))
    try {
      const { origin } = server
      const records = () => countOf(watch.store)
      await check({ ...watch, sessions, origin, client: new Client(origin), records })
    } finally {
      await server.close()
    }
  }
  for (const cases of [headerCases, timingCases, faultCases, ambientCases]) {
    for (const [title, run] of Object.entries(cases)) {
      test(`${name}: ${title}`, () => run(serve, options))
    }
  }
}

async function countOf(store: Store): Promise<number> {
  let count = 0
  for await (const _id of store.list?.() ?? []) count++
  return count
}
