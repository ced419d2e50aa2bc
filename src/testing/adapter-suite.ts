/**
 * The conformance suite of adapters: the behaviour of a session as a browser sees it, over a real server. It imports no
 * test runner; any `test(name, run)` will do.
 *
 * @module
 */

import type { Store } from '../core/store.ts'
import { type AdapterSuiteOptions, application, type SuiteSessions } from './adapter-case.ts'
import { Client } from './adapter-client.ts'
import { headerCases } from './adapter-headers.ts'
import { timingCases } from './adapter-timing.ts'
import { spyOn } from './store-spy.ts'

/** Registers the cases for one adapter. Each name begins with a letter and a number that never change. */
export function adapterSuite(options: AdapterSuiteOptions): void {
  const { test, name, errorsCommit = true } = options
  for (const [title, make] of Object.entries({ ...headerCases, ...timingCases })) {
    test(`${name}: ${title}`, async () => {
      const { cookies = ['__Host-session'], handler = application, check, ...modes } = make()
      const spy = spyOn(options.store())
      const all = cookies.map((cookie) =>
        options.createSessions({ ...modes, cookie: { name: cookie }, store: spy.store }),
      )
      const [sessions, other = sessions] = all as [SuiteSessions, SuiteSessions?]
      const server = await options.start(all, (exchange) => handler(exchange, sessions, other))
      try {
        const { origin } = server
        const records = () => countOf(spy.store)
        await check({ ...spy, origin, client: new Client(origin), errorsCommit, records })
      } finally {
        await server.close()
      }
    })
  }
}

async function countOf(store: Store): Promise<number> {
  let count = 0
  for await (const _id of store.list?.() ?? []) count++
  return count
}
