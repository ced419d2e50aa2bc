import { createSessions } from 'vial'
import { memoryStore } from 'vial/stores/memory'
import { expect, test } from 'vitest'
import { Browser, SECRET } from './requests.ts'

test('of many requests at once exactly one gets the value', async () => {
  const store = memoryStore()
  // Two life cycles are two processes: nothing but the store decides between them.
  const cycles = [createSessions({ store }), createSessions({ store })] as const
  const browser = new Browser(cycles[0])
  await browser.visit((session) => {
    session.set('token', { code: 7 })
    session.set('a', 1)
  })
  const claimed = await Promise.all(
    Array.from({ length: 20 }, async (_, i) => {
      const sessions = cycles[i % 2] ?? cycles[0]
      return sessions.claim(await sessions.load(browser.cookie), 'token')
    }),
  )
  expect(claimed.filter((value) => value !== undefined)).toEqual([{ code: 7 }])
  await browser.visit((session) => expect(session.toJSON()).toEqual({ a: 1 }))
})

test('after a claim the session goes on, without the key', async () => {
  const sessions = createSessions({ store: memoryStore() })
  const browser = new Browser(sessions)
  await browser.visit((session) => session.set('token', 'x'))
  await browser.visit(async (session) => {
    expect(await sessions.claim(session, 'token')).toBe('x')
    expect(await sessions.claim(session, 'token')).toBeUndefined()
    expect([session.has('token'), [...session.keys()]]).toEqual([false, []])
    session.set('user', 'ann')
  })
  await browser.visit((session) => expect(session.toJSON()).toEqual({ user: 'ann' }))
})

test('a claim of the last key leaves nothing behind', async () => {
  const store = memoryStore()
  const sessions = createSessions({ store })
  const browser = new Browser(sessions)
  await browser.visit((session) => session.set('token', 'x'))
  await browser.visit((session) => sessions.claim(session, 'token'))
  expect(browser.cookie).toBeUndefined()
  const left: string[] = []
  for await (const key of store.list?.() ?? []) left.push(key)
  expect(left).toEqual([])
})

test('there is nothing to claim in a new session, and no claim without a store', async () => {
  const stored = createSessions({ store: memoryStore() })
  expect(await stored.claim(await stored.load(null), 'a')).toBeUndefined()
  const sealed: unknown = createSessions({ secret: SECRET })
  const untyped = sealed as typeof stored
  await expect(untyped.claim(await untyped.load(null), 'a')).rejects.toThrow(/needs a store/)
})
