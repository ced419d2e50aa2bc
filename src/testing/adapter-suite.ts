/**
 * The conformance suite of adapters: the behaviour of a session as a browser sees it, over a real server. It imports no
 * test runner; any `test(name, run)` will do.
 */

import assert from 'node:assert/strict'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { AdapterOptions } from '../core/scope.ts'
import type { Store } from '../core/store.ts'
import {
  application,
  Client,
  type ExchangeHandler,
  type StoreSpy,
  type SuiteMiddleware,
  type SuiteOptions,
  type SuiteSessions,
  spyOn,
} from './adapter-case.ts'
import { headerCases, silenceCases, subRequestCases } from './adapter-headers.ts'
import { middlewareCases, timingCases } from './adapter-timing.ts'
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
  /** The status with which the framework answers where no handler gives a reply. Absent: it waits for one. */
  readonly silence?: number
  /** Whether an application of the framework sends requests to itself. Then each exchange has `inner`. @default false */
  readonly subRequests?: boolean
  /** Makes the adapter where it is middleware of Connect's form. Absent: it is none. */
  readonly middleware?: (sessions: SuiteSessions) => SuiteMiddleware
  /**
   * The cases that the framework makes impossible, by their number, each with its reason: `{ A01: 'reason' }`. Such a case
   * must fail, so that an exception without need is noticed.
   */
  readonly exceptions?: Readonly<Record<string, string>>
}

/** Registers the cases for one adapter. Each name begins with a letter and a number that never change. */
export function adapterSuite(options: AdapterSuiteOptions): void {
  const { errorsCommit = true, silence = 0, subRequests = false, middleware } = options
  const cases = {
    ...headerCases,
    ...timingCases,
    ...(options.silence !== undefined && silenceCases),
    ...(subRequests && subRequestCases),
  }
  for (const [title, run] of Object.entries(cases)) {
    register(options, title, (servers) =>
      run(async (handler = application, modes = {}) => {
        const { cookies = ['__Host-session'], adapter = {}, twice = false, ...rest } = modes
        const spy: StoreSpy = spyOn(options.store())
        const all = cookies.map((cookie) =>
          options.createSessions({ ...rest, cookie: { name: cookie }, store: spy.store }),
        )
        const [sessions, other = sessions] = all as [SuiteSessions, SuiteSessions?]
        const visited: ExchangeHandler = (exchange) => {
          const session = (given = sessions) => exchange.session(given)
          return handler({ ...exchange, session }, sessions, other)
        }
        const server = await options.start(twice ? [...all, ...all] : all, visited, adapter)
        servers.push(server)
        const { origin } = server
        const records = () => countOf(spy.store)
        return { ...spy, origin, client: new Client(origin), errorsCommit, silence, records }
      }),
    )
  }
  if (middleware === undefined) return
  for (const [title, run] of Object.entries(middlewareCases)) {
    register(options, title, async (servers) => {
      const spy: StoreSpy = spyOn(options.store())
      const sessions = options.createSessions({ store: spy.store })
      const listen = async (server: Server): Promise<string> => {
        servers.push({
          origin: '',
          close: () => new Promise((resolve) => server.close(() => resolve())),
        })
        await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
        return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      }
      await run({ ...spy, sessions, middleware: middleware(sessions), listen })
    })
  }
}

/** Registers one case, whose servers are closed at its end. */
function register(
  { test, name, exceptions = {} }: AdapterSuiteOptions,
  title: string,
  run: (servers: RunningServer[]) => Promise<void>,
): void {
  const check = async (): Promise<void> => {
    const servers: RunningServer[] = []
    try {
      await run(servers)
    } finally {
      for (const server of servers) await server.close()
    }
  }
  const reason = exceptions[title.slice(0, title.indexOf(' '))]
  if (reason === undefined) test(`${name}: ${title}`, check)
  else test(`${name}: not ${title} (${reason})`, () => assert.rejects(check()))
}

async function countOf(store: Store): Promise<number> {
  let count = 0
  for await (const _id of store.list?.() ?? []) count++
  return count
}
