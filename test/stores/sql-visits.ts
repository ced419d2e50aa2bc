/** What the tests of the SQL store under faults have in common. */

import { createSessions } from 'vial'
import type { SqlStore } from 'vial/stores/sql'
import { expect } from 'vitest'
import { PATIENCE } from '../support/patience.ts'

/** How long a request waits for the store under a fault that lasts until the request has failed, in ms. */
const TIMEOUT = 400

/** A visit that counts; `hasty` has the short time limit. */
export interface Visit {
  (): Promise<number>
  hasty(): Promise<number>
}

/** Sessions on a store, used as requests would. */
export function visitor(store: SqlStore): Visit {
  let cookie: string | undefined
  function visit(timeout: number): () => Promise<number> {
    const sessions = createSessions({ store, timeout, cookie: { secure: false } })
    return async () => {
      const session = await sessions.load(cookie)
      session.increment('count')
      const { headers } = await sessions.commit(session)
      cookie = headers.find(([name]) => name === 'set-cookie')?.[1].split(';')[0] ?? cookie
      return session.get('count') as number
    }
  }
  return Object.assign(visit(PATIENCE), { hasty: visit(TIMEOUT) })
}

/** Tries until it succeeds: pools need a moment to see that their connections are gone. */
export async function soon<T>(call: () => Promise<T>): Promise<T> {
  let value: T | undefined
  const attempt = async () => {
    value = await call()
    return true
  }
  await expect.poll(attempt, { timeout: PATIENCE, interval: 50 }).toBe(true)
  return value as T
}
