import { createSessions, type Store, type StoredSession } from 'vial'
import { memoryStore } from 'vial/stores/memory'
import { expect, test } from 'vitest'
import { Browser, Clock, countingStore, listener, SECRET } from './requests.ts'

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

/** A store that holds the replies of its replaces until they are released. */
function holding(store: Store): Store & { isHolding: boolean; release(): void } {
  const held: (() => void)[] = []
  const holder: ReturnType<typeof holding> = {
    ...store,
    isHolding: false,
    release() {
      holder.isHolding = false
      for (const go of held.splice(0)) go()
    },
    replace: async (...args) => {
      const result = await store.replace(...args)
      if (holder.isHolding) await new Promise<void>((resolve) => held.push(resolve))
      return result
    },
  }
  return holder
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('a claim asks the store, whatever an earlier commit of this process left or this request loaded', async () => {
  const memory = memoryStore()
  const store = holding(memory)
  const [here, elsewhere] = [createSessions({ store }), createSessions({ store: memory })]
  const browser = new Browser(here)
  await browser.visit((session) => session.set('a', 1))
  for (let round = 0; round < 10; round++) {
    const early = await here.load(browser.cookie)
    const claiming = await here.load(browser.cookie)
    early.set('a', round)
    store.isHolding = true
    const committed = here.commit(early)
    await turn()
    // Another process writes the token while the reply of this one's write is under way.
    const other = await elsewhere.load(browser.cookie)
    other.set('token', round)
    await elsewhere.commit(other)
    const late = await here.load(browser.cookie)
    const claims = [here.claim(claiming, 'token'), here.claim(late, 'token')]
    store.release()
    await committed
    const winners = (await Promise.all(claims)).filter((value) => value !== undefined)
    expect(winners).toEqual([round])
  }
})

test('a claim after a change of the key in the same request is refused, and the change is kept', async () => {
  const sessions = createSessions({ store: memoryStore() })
  const browser = new Browser(sessions)
  await browser.visit((session) => session.set('token', { code: 1 }))
  for (const change of [
    (session: StoredSession) => session.set('token', { code: 2 }),
    (session: StoredSession) => {
      ;(session.get('token') as { code: number }).code = 3
    },
    (session: StoredSession) => session.update('token', () => ({ code: 4 })),
  ]) {
    await browser.visit(async (session) => {
      change(session)
      await expect(sessions.claim(session, 'token')).rejects.toMatchObject({
        code: 'ERR_VIAL_STATE',
        message: expect.stringContaining('Claim it first'),
      })
    })
  }
  await browser.visit((session) => expect(session.get('token')).toEqual({ code: 4 }))
})

test('an edit that does not fit what an earlier commit left is tried on the record as it is now', async () => {
  const memory = memoryStore()
  const store = holding(memory)
  const [here, elsewhere] = [createSessions({ store }), createSessions({ store: memory })]
  const browser = new Browser(here)
  await browser.visit((session) => session.set('n', 1))
  const [first, second] = [await here.load(browser.cookie), await here.load(browser.cookie)]
  first.set('n', 'text')
  second.increment('n')
  store.isHolding = true
  const committed = [here.commit(first), here.commit(second)]
  await turn()
  const other = await elsewhere.load(browser.cookie)
  other.set('n', 10)
  await elsewhere.commit(other)
  store.release()
  await Promise.all(committed)
  await browser.visit((session) => expect(session.get('n')).toBe(11))
})

test('after a claim the commit meets no conflict with it', async () => {
  const { events, onEvent } = listener()
  const clock = new Clock()
  const store = countingStore(clock)
  const sessions = createSessions({ store, now: clock.now, onEvent })
  const browser = new Browser(sessions)
  await browser.visit((session) => session.set('token', 'x'))
  store.calls.length = 0
  await browser.visit(async (session) => {
    await sessions.claim(session, 'token')
    session.set('a', 1)
  })
  expect([store.calls, events]).toEqual([['read', 'read', 'replace', 'replace'], []])
  await browser.visit((session) => expect(session.toJSON()).toEqual({ a: 1 }))
})

test('what the request does to the key while its claim is under way is kept', async () => {
  const sessions = createSessions({ store: memoryStore() })
  const browser = new Browser(sessions)
  await browser.visit((session) => {
    session.set('token', 'old')
    session.set('a', 1)
  })
  await browser.visit(async (session) => {
    const claim = sessions.claim(session, 'token')
    session.set('token', 'new')
    expect(await claim).toBe('old')
    expect([[...session.keys()].sort(), session.size]).toEqual([['a', 'token'], 2])
  })
  await browser.visit((session) => expect(session.get('token')).toBe('new'))
  await browser.visit(async (session) => {
    const claim = sessions.claim(session, 'token')
    session.destroy()
    session.set('token', 'newer')
    await claim
  })
  await browser.visit((session) => expect(session.toJSON()).toEqual({ token: 'newer' }))
})

test.each(['_vial', '_permanent', '_flashes'])(
  'a claim of %s, which belongs to the session itself, is refused and takes nothing',
  async (key) => {
    const sessions = createSessions({ store: memoryStore() })
    const browser = new Browser(sessions)
    await browser.visit((session) => {
      session.flash('hello')
      session.permanent = true
    })
    await browser.visit((session) =>
      expect(sessions.claim(session, key)).rejects.toThrow(/belongs to the session itself/),
    )
    await browser.visit((session) => {
      expect(session.permanent).toBe(true)
      expect(session.flashes()).toHaveLength(1)
    })
  },
)
