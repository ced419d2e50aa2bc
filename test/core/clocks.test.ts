/** Machines whose clocks differ, and records that are there past their time. */

import { createSessions, type StoredSession } from 'vial'
import { memoryStore } from 'vial/stores/memory'
import { expect, test } from 'vitest'
import { Browser, Clock, listener } from './requests.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

test.each<[string, (session: StoredSession) => unknown]>([
  ['a read', (session) => session.get('a')],
  ['a write', (session) => session.set('a', 2)],
  ['a rotation', (session) => session.regenerate()],
])('%s on a machine whose clock is hours behind does not end a live session', async (_, work) => {
  const [right, behind] = [new Clock(), new Clock()]
  const options = { store: memoryStore({ now: right.now }), idle: '30m' } as const
  const sound = createSessions({ ...options, now: right.now })
  const slow = createSessions({ ...options, now: behind.now })
  const browser = new Browser(sound)
  await browser.visit((session) => session.set('a', 1))
  behind.advance(-3 * HOUR)
  const visitor = new Browser(slow, browser.cookie)
  await visitor.visit(work)
  right.advance(29 * MINUTE)
  await new Browser(sound, visitor.cookie).visit((session) => expect(session.isNew).toBe(false))
})

test('a shorter idle time or lifetime than the record was written under holds from the next write on', async () => {
  const clock = new Clock()
  const store = memoryStore({ now: clock.now })
  const browser = new Browser(createSessions({ store, now: clock.now, idle: '12h' }))
  await browser.visit((session) => session.set('a', 1))
  const selector = browser.cookie?.split('=')[1]?.split('.')[0] ?? ''
  const left = async (): Promise<number> =>
    ((await store.read(selector, { expiry: true }))?.expiresAt ?? 0) - clock.at
  expect(await left()).toBe(12 * HOUR)
  const shorter = createSessions({ store, now: clock.now, idle: '1h' })
  await new Browser(shorter, browser.cookie).visit((session) => session.set('a', 2))
  expect(await left()).toBe(HOUR)
  const shortest = createSessions({ store, now: clock.now, idle: '20m', lifetime: '20m' })
  await new Browser(shortest, browser.cookie).visit((session) => session.set('a', 3))
  expect(await left()).toBe(20 * MINUTE)
})

test('a record that its store still has after its end opens nothing; clocks may differ by 60 s', async () => {
  const clock = new Clock()
  // A store that removes what has ended late, as some databases do.
  const store = memoryStore({ now: () => 0 })
  const { events, onEvent } = listener()
  const sessions = createSessions({ store, now: clock.now, idle: '30m', onEvent })
  const browser = new Browser(sessions)
  await browser.visit((session) => session.set('a', 1))
  clock.advance(31 * MINUTE - 1)
  const within = await sessions.load(browser.cookie, { readOnly: true })
  expect(within.isNew).toBe(false)
  clock.advance(1)
  const after = await sessions.load(browser.cookie, { readOnly: true })
  expect(after.isNew).toBe(true)
  expect(events).toEqual([{ type: 'rejected', reason: 'expired' }])
})
