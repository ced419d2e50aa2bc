/** What the tests of the SQL store under faults have in common. */

import type { StoreError } from 'vial'
import { createSessions } from 'vial'
import type { SqlStore } from 'vial/stores/sql'
import { expect } from 'vitest'
import { failureOf as failureWithin } from '../support/failure-of.ts'

/** Of a store's operation, in ms, and how late an answer may be on a busy machine. */
const TIMEOUT = 400
const PATIENCE = 8_000

/** Sessions on a store, used as requests would. */
export function visitor(store: SqlStore, timeout: number = TIMEOUT): () => Promise<number> {
  const sessions = createSessions({ store, timeout, cookie: { secure: false } })
  let cookie: string | undefined
  return async (): Promise<number> => {
    const session = await sessions.load(cookie)
    session.increment('count')
    const { headers } = await sessions.commit(session)
    cookie = headers.find(([name]) => name === 'set-cookie')?.[1].split(';')[0] ?? cookie
    return session.get('count') as number
  }
}

/** The failure of a call, which has to come in time. */
export function failureOf(call: () => Promise<unknown>): Promise<StoreError> {
  return failureWithin(call, PATIENCE)
}

/** Tries until it succeeds: pools need a moment to see that their connections are gone. */
export async function soon<T>(call: () => Promise<T>): Promise<T> {
  let value: T | undefined
  const attempt = async () => {
    value = await call()
    return true
  }
  await expect.poll(attempt, { timeout: 20_000, interval: 50 }).toBe(true)
  return value as T
}
