/** The `data` schema: what is set, what is stored, and what was loaded. */

import { createSessions, type SessionEvent, type SessionsOptions, type StoredSession } from 'vial'
import { flaskSession } from 'vial/compat/flask-session'
import { json } from 'vial/serializers/json'
import { memoryStore } from 'vial/stores/memory'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { Browser, Clock, countingStore, listener, SECRET } from './requests.ts'

const data = z
  .object({ views: z.number().max(3), list: z.array(z.number()), name: z.string() })
  .partial()
type Data = z.infer<typeof data>

/** A value from `JSON.parse`, whose type nothing checks. */
const untyped = (text: string): never => JSON.parse(text) as never

const refusal = (key: string): unknown =>
  expect.objectContaining({
    code: 'ERR_VIAL_SERIALIZATION',
    key,
    message: expect.stringContaining(`'${key}' is not what`),
  })

/** A program without a schema and one with it, on one store or one secret. */
function programs(kind: 'stored' | 'sealed', options: Partial<SessionsOptions<Data>> = {}) {
  const { events, onEvent } = listener()
  const place = kind === 'stored' ? { store: memoryStore() } : { secret: SECRET }
  const before = createSessions(place)
  const after = createSessions<Data>({ ...place, data, onEvent, ...options })
  const browser = new Browser(before)
  const typed = new Browser(after)
  return {
    events,
    /** A visit to the old program, then all later ones to the new. */
    async move(work: (session: Awaited<ReturnType<typeof before.load>>) => unknown) {
      await browser.visit(work)
      typed.cookie = browser.cookie
      return typed
    },
    /** What the old program reads now. */
    async raw() {
      browser.cookie = typed.cookie
      return (await before.load(browser.cookie)).toJSON()
    },
  }
}

test.each(['stored', 'sealed'] as const)(
  '%s: set and setDefault refuse what the schema does not allow, at once, and the session stays',
  async (kind) => {
    const { move, events, raw } = programs(kind)
    const browser = await move((session) => session.set('name', 'ann'))
    await browser.visit((session) => {
      expect(() => session.set('views', untyped('"many"'))).toThrow(refusal('views'))
      expect(() => session.setDefault('list', untyped('["a"]'))).toThrow(refusal('list'))
      expect(() => session.set('views', 4)).toThrow(refusal('views'))
      expect([session.has('views'), session.has('list'), session.modified]).toEqual([
        false,
        false,
        false,
      ])
      session.set('views', 1)
    })
    expect(await raw()).toEqual({ name: 'ann', views: 1 })
    expect(events).toEqual([])
  },
)

test.each<[string, (session: StoredSession<Data>) => void, string]>([
  ['a nested change', (session) => session.get('list')?.push(untyped('"a"')), 'list'],
  ['append', (session) => session.append('list', untyped('"a"')), 'list'],
  ['increment', (session) => session.increment('views', 5), 'views'],
  ['update', (session) => session.update('name', () => untyped('7')), 'name'],
  [
    'a change of a value that was set',
    (session) => {
      const list = [1]
      session.set('list', list)
      list.push(untyped('null'))
    },
    'list',
  ],
  [
    'clear() before it',
    (session) => {
      session.clear()
      session.append('list', untyped('{}'))
    },
    'list',
  ],
  [
    'destroy() before it',
    (session) => {
      session.destroy()
      session.increment('views', 9)
    },
    'views',
  ],
])('%s: the commit fails before anything is stored', async (_, work, key) => {
  const clock = new Clock()
  const store = countingStore(clock)
  const sessions = createSessions({ store, data, now: clock.now })
  const browser = new Browser(sessions)
  await browser.visit((session) => {
    session.set('views', 1)
    session.set('list', [1])
  })
  store.calls.length = 0
  await expect(
    browser.visit((session) => {
      session.login('ann')
      work(session)
    }),
  ).rejects.toEqual(refusal(key))
  expect(store.calls.filter((verb) => verb !== 'read')).toEqual([])
  await browser.visit((session) =>
    expect([session.user, session.toJSON()]).toEqual([undefined, { views: 1, list: [1] }]),
  )
})

test('sealed: a nested change that does not fit fails the commit', async () => {
  const sessions = createSessions({ secret: SECRET, data })
  const session = await sessions.load(undefined)
  session.setDefault('list', []).push(untyped('"a"'))
  expect(() => sessions.commit(session)).toThrow(refusal('list'))
})

test('an operation that no longer fits on what another request stored is refused, not stored', async () => {
  const sessions = createSessions({ store: memoryStore(), data })
  const browser = new Browser(sessions)
  await browser.visit((session) => session.set('views', 2))
  const late = await sessions.load(browser.cookie)
  late.increment('views')
  await browser.visit((session) => session.set('views', 3))
  await expect(sessions.commit(late)).rejects.toEqual(refusal('views'))
  await browser.visit((session) => expect(session.get('views')).toBe(3))
})

test('what the format changes is checked as a later request reads it', async () => {
  const sessions = createSessions({
    store: memoryStore(),
    data: z.object({ bytes: z.instanceof(Buffer) }).partial(),
  })
  const browser = new Browser(sessions)
  await expect(browser.visit((session) => session.set('bytes', Buffer.from('a')))).rejects.toEqual(
    refusal('bytes'),
  )
})

test.each(['stored', 'sealed'] as const)(
  '%s: on load, keys that do not fit are hidden; login, the rest and the entries stay',
  async (kind) => {
    const { move, events, raw } = programs(kind)
    const browser = await move((session) => {
      session.login('ann')
      session.set('views', 'many')
      session.set('list', [1, 'a'])
      session.set('name', 'Ann')
    })
    await browser.visit((session) => {
      expect([session.user, session.get('views'), session.get('views', 7)]).toEqual([
        'ann',
        undefined,
        7,
      ])
      expect([session.has('views'), [...session.keys()], session.size]).toEqual([
        false,
        ['name'],
        1,
      ])
      expect([session.toJSON(), session.modified, session.isNew]).toEqual([
        { name: 'Ann' },
        false,
        false,
      ])
    })
    const hidden = { type: 'hidden', fingerprint: expect.any(String), keys: ['views', 'list'] }
    expect(events.splice(0)).toEqual([hidden])
    // Another write, and a login, carry the hidden entries along.
    await browser.visit((session) => session.set('name', 'Ann B.'))
    await browser.visit((session) => session.login('ann'))
    expect(await raw()).toEqual({ views: 'many', list: [1, 'a'], name: 'Ann B.' })
    // Set or deleted, they are gone.
    await browser.visit((session) => {
      session.set('views', 1)
      expect(session.delete('list')).toBe(false)
      expect(session.modified).toBe(true)
    })
    expect(await raw()).toEqual({ views: 1, name: 'Ann B.' })
    events.length = 0
    await browser.visit((session) => expect(session.get('views')).toBe(1))
    expect(events).toEqual([])
  },
)

test('a hidden key begins empty for setDefault, pop, increment and append', async () => {
  for (const [work, left] of [
    [(session) => session.setDefault('views', 1), { views: 1, list: 'x' }],
    [(session) => expect(session.pop('views')).toBe(undefined), { list: 'x' }],
    [(session) => session.increment('views'), { views: 1, list: 'x' }],
    [(session) => session.append('list', 5), { views: 'many', list: [5] }],
    [(session) => session.clear(), {}],
  ] as [(session: StoredSession<Data>) => unknown, object][]) {
    const { move, raw } = programs('stored')
    const browser = await move((session) => {
      session.set('views', 'many')
      session.set('list', 'x')
    })
    await browser.visit(work as never)
    expect(await raw()).toEqual(left)
  }
})

test('a value that its format cannot read is hidden like one that does not fit', async () => {
  const store = memoryStore()
  const { events, onEvent } = listener()
  const sessions = flaskSession({
    store,
    data: z.object({ a: z.number(), b: z.string() }).partial(),
    onEvent,
  })
  // MessagePack: a text that is not UTF-8 beside a number.
  const record = Buffer.from('82a162a1ffa16101', 'hex')
  await store.create('session:an-id-of-Flask', record, Date.now() + 60_000)
  const session = await sessions.load('session=an-id-of-Flask')
  expect(session.toJSON()).toEqual({ a: 1 })
  expect(events).toMatchObject([{ type: 'hidden', keys: ['b'] }])
})

test('an issue that names no key, or one that is not there, gives a fresh session', async () => {
  for (const check of [
    data.refine((all) => all.views === undefined || all.name !== undefined, 'views need a name'),
    data.refine((all) => all.views === undefined || all.name !== undefined, {
      message: 'views need a name',
      path: ['name'],
    }),
  ]) {
    const { move, events } = programs('stored', { data: check })
    const browser = await move((session) => session.set('views', 1))
    await browser.visit((session) => expect(session.isNew).toBe(true))
    expect(events).toEqual([{ type: 'rejected', reason: 'invalid' }])
  }
})

test('a rule over several keys is checked again without the hidden ones', async () => {
  const { move, events } = programs('stored', {
    data: data.refine((all) => all.name === undefined || all.views !== undefined, {
      message: 'a name needs views',
      path: ['name'],
    }),
  })
  const browser = await move((session) => {
    session.set('views', 'many')
    session.set('name', 'ann')
    session.set('list', [1])
  })
  await browser.visit((session) => expect(session.toJSON()).toEqual({ list: [1] }))
  expect(events).toMatchObject([{ type: 'hidden', keys: ['views', 'name'] }])
})

test('claim gives no value that does not fit', async () => {
  const events: SessionEvent[] = []
  const store = memoryStore()
  const browser = new Browser(createSessions({ store }))
  await browser.visit((session) => session.set('views', 'many'))
  const typed = createSessions({ store, data, onEvent: (event) => events.push(event) })
  const session = await typed.load(browser.cookie)
  expect(await typed.claim(session, 'views')).toBeUndefined()
  expect(events).toMatchObject([{ type: 'hidden' }, { type: 'hidden', keys: ['views'] }])
})

test('what a schema transforms is ignored, and what it says about other formats holds', async () => {
  const schema = z.object({ n: z.string().transform(Number) }).partial()
  const sessions = createSessions({ store: memoryStore(), serializer: json, data: schema })
  const browser = new Browser(sessions)
  await browser.visit((session) => session.set('n', '7' as never))
  await browser.visit((session) => expect(session.get('n')).toBe('7'))
})
