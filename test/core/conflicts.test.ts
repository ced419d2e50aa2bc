/** The rebase table, row by row: two requests load, both change, the second commit meets the first. */

import { createSessions, type SessionEvent, type Store, type StoredSession } from 'vial'
import { memoryStore } from 'vial/stores/memory'
import { expect, test } from 'vitest'
import { cookieIn, lifeCycle, sessionOf } from './life-cycle.ts'
import { Browser, listener, setCookie } from './requests.ts'

type Work = (session: StoredSession) => unknown

interface Met {
  readonly data: object | undefined
  readonly events: readonly SessionEvent[]
  readonly outcome: string
}

/** What is left when `mine` loads before `theirs` commits, and commits after it. */
async function meet(begin: object, mine: Work, theirs: Work): Promise<Met> {
  const { events, onEvent } = listener()
  const sessions = createSessions({ store: memoryStore(), onEvent })
  const browser = new Browser(sessions)
  await browser.visit((session) => {
    for (const [key, value] of Object.entries(begin)) session.set(key, value)
  })
  const session = await sessions.load(browser.cookie)
  await mine(session)
  const other = await sessions.load(browser.cookie)
  await theirs(other)
  await sessions.commit(other)
  events.length = 0
  const commit = await sessions.commit(session)
  const reported = [...events]
  const after = await sessions.load(setCookie(commit)?.split(';')[0] ?? browser.cookie)
  const data = after.isNew ? undefined : after.toJSON()
  return { data, events: reported, outcome: commit.outcome }
}

const types = (met: Met): string[] =>
  met.events.map((event) => event.type).filter((type) => type !== 'retried')

test('different keys: both stay', async () => {
  const met = await meet(
    { x: 0 },
    (s) => s.set('a', 1),
    (s) => s.set('b', 2),
  )
  expect(met.data).toEqual({ x: 0, b: 2, a: 1 })
  expect(met.events).toEqual([expect.objectContaining({ type: 'retried', attempts: 2 })])
})

test('set against set: the later commit stays; blind writes overwrite nothing that was read', async () => {
  const met = await meet(
    { a: 0 },
    (s) => s.set('a', 1),
    (s) => s.set('a', 2),
  )
  expect([met.data, types(met)]).toEqual([{ a: 1 }, []])
})

test('get then set is the later writer’s, and is reported', async () => {
  const count: Work = (s) => s.set('a', Number(s.get('a', 0)) + 1)
  for (const begin of [{ a: 0 }, { x: 1 }]) {
    const met = await meet(begin, count, count)
    expect(types(met)).toEqual(['overwritten'])
    expect(met.data).toMatchObject({ a: 1 })
  }
})

test('set against delete: written', async () => {
  const met = await meet(
    { a: 0, x: 1 },
    (s) => s.set('a', 1),
    (s) => s.delete('a'),
  )
  expect(met.data).toEqual({ a: 1, x: 1 })
})

test('a nested change writes the whole value, and reports what it overwrote', async () => {
  const push =
    (item: number): Work =>
    (s) =>
      (s.get('a') as number[]).push(item)
  const met = await meet({ a: [0] }, push(1), push(2))
  expect([met.data, types(met)]).toEqual([{ a: [0, 1] }, ['overwritten']])
})

test('a nested change of a key that was deleted is dropped, and reported', async () => {
  const met = await meet(
    { user: { name: 'x' }, a: 1 },
    (s) => {
      ;(s.get('user') as { name: string }).name = 'y'
      s.set('a', 2)
    },
    (s) => s.pop('user'),
  )
  expect([met.data, types(met)]).toEqual([{ a: 2 }, ['dropped']])
})

test('delete against change: deleted', async () => {
  const met = await meet(
    { a: 0, x: 1 },
    (s) => s.delete('a'),
    (s) => s.set('a', 5),
  )
  expect(met.data).toEqual({ x: 1 })
})

test('increment, append and update apply to the newer value', async () => {
  const work: Work = (s) => {
    s.increment('n')
    s.append('list', 'x')
    s.update('u', (value) => Number(value) + 1)
  }
  const met = await meet({ n: 1, list: [], u: 1 }, work, work)
  expect(met.data).toEqual({ n: 3, list: ['x', 'x'], u: 3 })
})

test('increment, append and update start again where the key is gone', async () => {
  const work: Work = (s) => {
    s.increment('n')
    s.append('list', 'x')
    s.update('u', (value) => (value === undefined ? 'none' : 'some'))
  }
  const met = await meet({ n: 1, list: ['a'], u: 1, x: 0 }, work, (s) => {
    for (const key of ['n', 'list', 'u']) s.delete(key)
  })
  expect(met.data).toEqual({ n: 1, list: ['x'], u: 'none', x: 0 })
})

test('an edit that no longer fits is a ConflictError, and nothing is stored', async () => {
  const met = meet(
    { n: 1 },
    (s) => s.increment('n'),
    (s) => s.set('n', 'text'),
  )
  await expect(met).rejects.toMatchObject({ code: 'ERR_VIAL_CONFLICT', key: 'n' })
})

test('clear removes what others wrote meanwhile', async () => {
  const met = await meet(
    { a: 1 },
    (s) => {
      s.clear()
      s.set('new', 1)
    },
    (s) => s.set('b', 2),
  )
  expect(met.data).toEqual({ new: 1 })
})

test('left empty, the record is deleted; a write in flight is dropped and reported', async () => {
  const emptied = await meet(
    { a: 1 },
    (s) => s.increment('n'),
    (s) => s.clear(),
  )
  expect(emptied).toMatchObject({ data: undefined, outcome: 'gone' })
  expect(emptied.events).toEqual([expect.objectContaining({ type: 'gone', keys: ['n'] })])
  const kept = await meet(
    { a: 1 },
    (s) => s.delete('a'),
    (s) => s.set('b', 2),
  )
  expect(kept).toMatchObject({ data: { b: 2 }, outcome: 'saved' })
})

test('logged out stays logged out: a write in flight does not bring the session back', async () => {
  const met = await meet(
    { user: 'x' },
    (s) => s.set('a', 1),
    (s) => s.destroy(),
  )
  expect(met).toMatchObject({ data: undefined, outcome: 'gone' })
})

test('destroy counts as done when another request was faster', async () => {
  const met = await meet(
    { user: 'x' },
    (s) => s.destroy(),
    (s) => s.destroy(),
  )
  expect(met).toMatchObject({ data: undefined, outcome: 'deleted' })
})

test('regenerate takes along what others wrote meanwhile, and is dropped when the session was ended', async () => {
  const kept = await meet(
    { a: 1 },
    (s) => s.regenerate(),
    (s) => s.set('b', 2),
  )
  expect(kept.data).toEqual({ a: 1, b: 2 })
  const gone = await meet(
    { a: 1 },
    (s) => s.regenerate(),
    (s) => s.destroy(),
  )
  expect(gone).toMatchObject({ data: undefined, outcome: 'gone' })
})

test('a login meets the end of its session: it begins one with its own writes only', async () => {
  const met = await meet(
    { secret: 1 },
    (s) => {
      s.login('ann')
      s.set('a', 1)
    },
    (s) => s.destroy(),
  )
  expect(met).toMatchObject({ data: { a: 1 }, outcome: 'saved' })
})

test('a regenerate that is left with nothing leaves no record behind', async () => {
  const store = memoryStore()
  // The lost race is made by hand: their write comes just before ours.
  let theirs: (() => Promise<unknown>) | undefined
  const racing: Store = {
    ...store,
    replace: async (...args) => {
      const race = theirs
      theirs = undefined
      await race?.()
      return store.replace(...args)
    },
  }
  const [mine, others] = [lifeCycle({ store: racing }), lifeCycle({ store })]
  const first = await sessionOf(mine)
  first.set('a', 1)
  first.set('b', 1)
  const cookie = cookieIn(await mine.commit(first))
  const session = await sessionOf(mine, cookie)
  session.regenerate()
  session.delete('a')
  theirs = async () => {
    const other = await sessionOf(others, cookie)
    other.delete('b')
    return others.commit(other)
  }
  expect((await mine.commit(session)).outcome).toBe('deleted')
  const left: string[] = []
  for await (const key of store.list?.() ?? []) left.push(key)
  expect(left).toEqual([])
})

test('500 requests of one process at once on one session: every key and every count is kept', async () => {
  const sessions = createSessions({ store: memoryStore(), timeout: '30s' })
  const browser = new Browser(sessions)
  await browser.visit((session) => session.set('n', 0))
  await Promise.all(
    Array.from({ length: 500 }, (_, i) =>
      new Browser(sessions, browser.cookie).visit(async (session) => {
        await new Promise((resolve) => setImmediate(resolve))
        session.set(`key${i}`, i)
        session.increment('n')
      }),
    ),
  )
  await browser.visit((session) => {
    expect(session.size).toBe(501)
    expect(session.get('n')).toBe(500)
  })
})

test('what a handler changes after its commit began is not stored, in no attempt', async () => {
  const sessions = createSessions({ store: memoryStore() })
  const browser = new Browser(sessions)
  await browser.visit((session) => session.set('cart', ['a']))
  const session = await sessions.load(browser.cookie)
  const cart = session.get('cart') as string[]
  cart.push('b')
  const other = await sessions.load(browser.cookie)
  other.set('c', 1)
  await sessions.commit(other)
  const commit = sessions.commit(session)
  cart.push('too late')
  await commit
  const after = await sessions.load(browser.cookie)
  expect(after.toJSON()).toEqual({ cart: ['a', 'b'], c: 1 })
})
