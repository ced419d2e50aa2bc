/**
 * The conformance suite of adapters: the behaviour of a session as a browser sees it, over a real server. It imports no
 * test runner; any `test(name, run)` will do.
 */

import assert from 'node:assert/strict'
import type { AdapterOptions } from '../core/scope.ts'
import type { Store } from '../core/store.ts'
import {
  application,
  Client,
  type ExchangeHandler,
  type StoreSpy,
  type SuiteOptions,
  type SuiteSessions,
  spyOn,
} from './adapter-case.ts'
import { headerCases } from './adapter-headers.ts'
import { timingCases } from './adapter-timing.ts'
import type { SuiteTest } from './runner.ts'

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
  /**
   * Starts a server on 127.0.0.1 with the adapter under test, installed once for each of `sessions`, in front of the handler.
   * The adapter gets the options.
   */
  readonly start: (
    sessions: readonly SuiteSessions[],
    handler: ExchangeHandler,
    options: AdapterOptions,
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
  /**
   * The cases that the framework makes impossible, by their number, each with its reason: `{ A01: 'reason' }`. Such a case
   * must fail, so that an exception without need is noticed.
   */
  readonly exceptions?: Readonly<Record<string, string>>
}

/** Registers the cases for one adapter. Each name begins with a letter and a number that never change. */
export function adapterSuite(options: AdapterSuiteOptions): void {
  const { test, name, errorsCommit = true, exceptions = {} } = options
  for (const [title, run] of Object.entries({ ...headerCases, ...timingCases })) {
    const reason = exceptions[title.slice(0, title.indexOf(' '))]
    const check = async (): Promise<void> => {
      const servers: RunningServer[] = []
      try {
        await run(
          async (
            handler = application,
            { cookies = ['__Host-session'], adapter = {}, ...modes } = {},
          ) => {
            const spy: StoreSpy = spyOn(options.store())
            const all = cookies.map((cookie) =>
              options.createSessions({ ...modes, cookie: { name: cookie }, store: spy.store }),
            )
            const [sessions, other = sessions] = all as [SuiteSessions, SuiteSessions?]
            const visited: ExchangeHandler = (exchange) => {
              const session = (given = sessions) => exchange.session(given)
              return handler({ ...exchange, session }, sessions, other)
            }
            const server = await options.start(all, visited, adapter)
            servers.push(server)
            const { origin } = server
            const records = () => countOf(spy.store)
            return { ...spy, origin, client: new Client(origin), errorsCommit, records }
          },
        )
      } finally {
        for (const server of servers) await server.close()
      }
    }
    if (reason === undefined) test(`${name}: ${title}`, check)
    else test(`${name}: not ${title} (${reason})`, () => assert.rejects(check()))
  }
}

async function countOf(store: Store): Promise<number> {
  let count = 0
  for await (const _id of store.list?.() ?? []) count++
  return count
}
