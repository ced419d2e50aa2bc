/**
 * The conformance suite of adapters: the behaviour of a session as a browser sees it, over a real server. It imports no
 * test runner; any `test(name, run)` will do.
 *
 * @module
 */

import type { Store } from '../core/store.ts'
import { ambientCases } from './adapter-ambient.ts'
import type { AdapterSuiteOptions, Serve } from './adapter-case.ts'
import { Client } from './adapter-client.ts'
import { faultCases } from './adapter-faults.ts'
import { headerCases } from './adapter-headers.ts'
import { timingCases } from './adapter-timing.ts'
import { spyOn } from './store-spy.ts'

/** Registers the cases for one adapter. Each name begins with a letter and a number that never change. */
export function adapterSuite(options: AdapterSuiteOptions): void {
  const { test, name } = options
  const serve: Serve = async ({ gate, failing, ...rest }, handler, check) => {
    const spy = spyOn(options.store(), {
      ...(gate !== undefined && { gate }),
      ...(failing !== undefined && { failing }),
    })
    const sessions = options.createSessions({ ...rest, store: spy.store })
    const server = await options.start([sessions], (exchange) => handler(exchange, sessions))
    try {
      const { origin } = server
      const records = () => countOf(spy.store)
      await check({ ...spy, sessions, origin, client: new Client(origin), records })
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
