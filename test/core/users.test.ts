/** From a user to their sessions: what an application sees, and what it costs. */

import {
  createSessions,
  type Duration,
  isSessionError,
  type StoredSession,
  type StoredSessions,
  type UsersOptions,
} from 'vial'
import { memoryStore } from 'vial/stores/memory'
import { describe, expect, test } from 'vitest'
import { Browser, Clock, countingStore, SECRET } from './requests.ts'

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE

function setup(users: boolean | UsersOptions = true, options: { readonly idle?: Duration } = {}) {
  const clock = new Clock()
  const store = countingStore(clock)
  const make = (more: object = {}): StoredSessions =>
    createSessions({
      store,
      users,
      now: clock.now,
      cookie: { name: 'sid', secure: false },
      ...options,
      ...more,
    }) as StoredSessions
  const sessions = make()
  const browser = (cookie?: string) => new Browser(sessions, cookie)
  /** A browser in which a user is logged in. */
  const loggedIn = async (user: string, label?: Record<string, string>) => {
    const one = browser()
    await one.visit((session) => session.login(user, label === undefined ? {} : { label }))
    clock.advance(1)
    return one
  }
  const userOf = async (one: { cookie: string | undefined }) =>
    (await sessions.load(one.cookie)).user
  return { clock, store, make, sessions, browser, loggedIn, userOf }
}

describe('list', () => {
  test('has the sessions of the user, the newest login first, with what login was told', async () => {
    const { clock, sessions, loggedIn } = setup()
    const begun = clock.at
    const first = await loggedIn('ann', { device: 'Firefox' })
    await loggedIn('ann')
    await loggedIn('bob')
    const current = await sessions.load(first.cookie)
    expect(await sessions.forUser('ann').list(current)).toEqual([
      {
        handle: expect.stringMatching(/^[\w-]{22}$/),
        createdAt: begun + 1,
        loggedInAt: begun + 1,
        seenAt: undefined,
        expiresAt: begun + 1 + 31 * DAY,
        label: undefined,
        current: false,
      },
      {
        handle: first.cookie?.split('=')[1]?.slice(0, 22),
        createdAt: begun,
        loggedInAt: begun,
        seenAt: undefined,
        expiresAt: begun + 31 * DAY,
        label: { device: 'Firefox' },
        current: true,
      },
    ])
    expect(await sessions.forUser('ann').count()).toBe(2)
    expect(await sessions.forUser('nobody').list()).toEqual([])
  })

  test('says when a session was last seen where idle moves its expiry', async () => {
    const { clock, sessions, loggedIn } = setup(true, { idle: '30m' })
    const ann = await loggedIn('ann')
    clock.advance(10 * MINUTE)
    await ann.visit()
    const [one] = await sessions.forUser('ann').list()
    expect(one?.seenAt).toBe(clock.at)
    expect(one?.expiresAt).toBe(clock.at + 30 * MINUTE)
  })

  test('leaves out what expired, was destroyed or was emptied, and forgets it', async () => {
    const { clock, store, sessions, loggedIn } = setup(true, { idle: '30m' })
    await loggedIn('ann')
    clock.advance(31 * MINUTE)
    const destroyed = await loggedIn('ann')
    const cleared = await loggedIn('ann')
    const kept = await loggedIn('ann')
    await destroyed.visit((session) => session.destroy())
    await cleared.visit((session) => {
      session.clear()
      session.set('a', 1)
    })
    clock.advance(2 * MINUTE)
    const listed = await sessions.forUser('ann').list()
    expect(listed.map(({ handle }) => handle)).toEqual([handleOf(kept)])
    store.calls.length = 0
    await sessions.forUser('ann').list()
    expect(store.calls).toEqual(['read', 'read'])
  })

  test('keeps a handle through regenerate and another login', async () => {
    const { sessions, loggedIn } = setup()
    const ann = await loggedIn('ann')
    const handle = handleOf(ann)
    await ann.visit((session) => session.regenerate())
    await ann.visit((session) => session.login('ann', { label: { device: 'Safari' } }))
    const listed = await sessions.forUser('ann').list()
    expect(listed.map((one) => [one.handle, one.label])).toEqual([[handle, { device: 'Safari' }]])
    expect(handleOf(ann)).toBe(handle)
  })

  test('a login over an anonymous session, and one of another user', async () => {
    const { sessions, browser, userOf } = setup()
    const one = browser()
    await one.visit((session) => session.set('cart', 1))
    await one.visit((session) => session.login('ann'))
    expect(await sessions.forUser('ann').count()).toBe(1)
    await one.visit((session) => session.login('bob'))
    expect(await sessions.forUser('ann').count()).toBe(0)
    expect(await sessions.forUser('bob').count()).toBe(1)
    expect(await userOf(one)).toBe('bob')
  })

  test('a session that gets a longer life stays listed for all of it', async () => {
    const { clock, sessions, loggedIn } = setup()
    const ann = await loggedIn('ann')
    await ann.visit((session) => {
      session.lifetime = '90d'
    })
    clock.advance(60 * DAY)
    expect(await sessions.forUser('ann').count()).toBe(1)
  })
})

describe('revoke', () => {
  test('ends one session, and only one of this user', async () => {
    const { sessions, loggedIn, userOf } = setup()
    const [ann, other, bob] = [await loggedIn('ann'), await loggedIn('ann'), await loggedIn('bob')]
    expect(await sessions.forUser('ann').revoke(handleOf(bob))).toBe(false)
    expect(await sessions.forUser('ann').revoke(handleOf(other))).toBe(true)
    expect(await sessions.forUser('ann').revoke(handleOf(other))).toBe(false)
    expect(await Promise.all([ann, other, bob].map(userOf))).toEqual(['ann', undefined, 'bob'])
  })

  test('a handle opens nothing', async () => {
    const { sessions, loggedIn } = setup()
    const ann = await loggedIn('ann')
    for (const text of [handleOf(ann), `${handleOf(ann)}.${'A'.repeat(43)}`]) {
      expect((await sessions.load(`sid=${text}`)).user).toBeUndefined()
    }
  })

  test('revokeOthers spares the session that asks, revokeAll none', async () => {
    const { sessions, loggedIn, userOf } = setup()
    const all = [await loggedIn('ann'), await loggedIn('ann'), await loggedIn('ann')]
    const session = await sessions.load(all[1]?.cookie)
    expect(await sessions.forUser('ann').revokeOthers(session)).toBe(2)
    expect(await Promise.all(all.map(userOf))).toEqual([undefined, 'ann', undefined])
    expect(await sessions.forUser('ann').revokeAll()).toBe(1)
    expect(await Promise.all(all.map(userOf))).toEqual([undefined, undefined, undefined])
    expect(await sessions.forUser('ann').list()).toEqual([])
  })

  test('says what is ended and what is left when the store fails midway, and may be called again', async () => {
    const { store, sessions, loggedIn } = setup()
    const all = [await loggedIn('ann'), await loggedIn('ann'), await loggedIn('ann')]
    let deletions = 0
    store.fail = (verb) => {
      if (verb === 'delete' && ++deletions === 2) throw new Error('down')
    }
    const error = await sessions
      .forUser('ann')
      .revokeAll()
      .catch((reason: unknown) => reason)
    expect(error).toMatchObject({
      name: 'StoreError',
      status: 503,
      ended: [handleOf(all[0]), handleOf(all[2])],
      left: [handleOf(all[1])],
    })
    delete store.fail
    expect(await sessions.forUser('ann').revokeAll()).toBe(1)
  })
})

describe('most', () => {
  test('a login at the limit ends the oldest login', async () => {
    const { sessions, loggedIn, userOf } = setup({ most: 2 })
    const all = [await loggedIn('ann'), await loggedIn('ann'), await loggedIn('ann')]
    expect(await Promise.all(all.map(userOf))).toEqual([undefined, 'ann', 'ann'])
    expect(await sessions.forUser('ann').count()).toBe(2)
  })

  test('what has expired goes before what lives', async () => {
    const { clock, browser, loggedIn, userOf } = setup({ most: 2 })
    const brief = browser()
    const old = await loggedIn('ann')
    await brief.visit((session) => session.login('ann', { lifetime: '1m' }))
    clock.advance(2 * MINUTE)
    const fresh = await loggedIn('ann')
    expect(await Promise.all([old, fresh].map(userOf))).toEqual(['ann', 'ann'])
  })

  test('refuse: the login is not done, its response is 409, and the next one succeeds after a logout', async () => {
    const { store, browser, loggedIn, userOf } = setup({ most: 1, over: 'refuse' })
    const first = await loggedIn('ann')
    const second = browser()
    const error = await second
      .visit((session) => session.login('ann'))
      .catch((reason: unknown) => reason)
    expect(isSessionError(error)).toBe(true)
    expect(error).toMatchObject({ code: 'ERR_VIAL_TOO_MANY_SESSIONS', status: 409 })
    // Nothing is left of the session that was refused.
    expect(store.calls.slice(-1)).toEqual(['delete'])
    expect(await userOf(second)).toBeUndefined()
    await first.visit((session) => session.login('ann'))
    expect(await userOf(first)).toBe('ann')
    await first.visit((session) => session.destroy())
    await second.visit((session) => session.login('ann'))
    expect(await userOf(second)).toBe('ann')
  })

  test('of 50 logins at once 3 live', async () => {
    const { sessions, browser, userOf } = setup({ most: 3 })
    const all = await Promise.all(
      Array.from({ length: 50 }, async () => {
        const one = browser()
        await one.visit((session) => session.login('ann'))
        return one
      }),
    )
    const users = await Promise.all(all.map(userOf))
    expect(users.filter((user) => user === 'ann')).toHaveLength(3)
    expect(await sessions.forUser('ann').count()).toBe(3)
  })
})

test('sessions that began before it was switched on join when they load, but for a read-only load', async () => {
  const { make, sessions, clock } = setup()
  const before = make({ users: false })
  const ann = new Browser(before)
  await ann.visit((session) => session.login('ann'))
  clock.advance(MINUTE)
  await sessions.load(ann.cookie, { readOnly: true })
  expect(await sessions.forUser('ann').count()).toBe(0)
  expect((await sessions.load(ann.cookie)).user).toBe('ann')
  expect(await sessions.forUser('ann').count()).toBe(1)
  expect(await sessions.forUser('ann').revokeAll()).toBe(1)
  expect((await sessions.load(ann.cookie)).user).toBeUndefined()
})

test('realms keep users apart', async () => {
  const { make } = setup()
  const [one, two] = [make({ users: { realm: 'a' } }), make({ users: { realm: 'b' } })]
  await new Browser(one).visit((session) => session.login('ann'))
  expect(await one.forUser('ann').count()).toBe(1)
  expect(await two.forUser('ann').count()).toBe(0)
})

describe('cost in store calls', () => {
  const calls = async (
    users: boolean,
    work: (made: ReturnType<typeof setup>) => Promise<() => Promise<unknown>>,
  ) => {
    const made = setup(users)
    const run = await work(made)
    made.store.calls.length = 0
    await run()
    return made.store.calls
  }

  test.each([
    ['a read', () => {}, []],
    ['a write', (session) => session.set('a', 2), []],
    ['regenerate', (session) => session.regenerate(), []],
    ['logout', (session) => session.destroy(), ['read', 'delete']],
  ] as const satisfies readonly (readonly [
    string,
    (session: StoredSession) => unknown,
    string[],
  ])[])('%s', async (_, act, more) => {
    const visit = async ({ loggedIn }: ReturnType<typeof setup>) => {
      const one = await loggedIn('ann')
      return () => one.visit(act)
    }
    const [off, on] = [await calls(false, visit), await calls(true, visit)]
    expect(on).toEqual([...off, ...more])
  })

  test('a login, without a record and over one', async () => {
    const fresh =
      async ({ loggedIn }: ReturnType<typeof setup>) =>
      () =>
        loggedIn('ann')
    expect(await calls(false, fresh)).toEqual(['create'])
    expect(await calls(true, fresh)).toEqual(['create', 'read', 'create'])
    const over = async ({ browser }: ReturnType<typeof setup>) => {
      const one = browser()
      await one.visit((session) => session.set('a', 1))
      return () => one.visit((session) => session.login('ann'))
    }
    expect(await calls(false, over)).toEqual(['read', 'replace'])
    expect(await calls(true, over)).toEqual(['read', 'read', 'create', 'replace'])
  })
})

describe('mistakes', () => {
  test.each([
    ['no session at all', { users: { most: 0 } }, 'users.most is 0. Give a whole number from 1'],
    ['an unknown policy', { users: { over: 'kick' } }, "users.over is kick. Give 'end-oldest'"],
    ['an unknown option', { users: { max: 5 } }, "users has no option 'max'."],
    ['a number', { users: 5 }, 'users is 5. Give true, or an object such as `{ most: 5 }`.'],
    ['a store that evicts', { store: memoryStore() }, "Give memoryStore({ whenFull: 'refuse' })"],
    ['no store', { store: undefined, secret: SECRET }, '`users` needs a `store`'],
  ])('%s', (_, options, message) => {
    const store = memoryStore({ whenFull: 'refuse' })
    expect(() => createSessions({ store, users: true, ...options } as never)).toThrow(message)
  })

  test('forUser without users, and labels that do not fit', async () => {
    const sessions = createSessions({ store: memoryStore() })
    expect(() => sessions.forUser('ann')).toThrow('forUser() needs `users: true`')
    const session = await sessions.load(null)
    expect(() => session.login('ann', { label: { a: 'x'.repeat(300) } })).toThrow('256 bytes')
    expect(() => session.login('ann', { label: 'Firefox' as never })).toThrow('object of strings')
  })
})

test('a list that another program wrote over fails the login, and the message says what to delete', async () => {
  const store = memoryStore({ whenFull: 'refuse' })
  const sessions = createSessions({ store, users: true, cookie: { name: 'sid', secure: false } })
  await new Browser(sessions).visit((session) => session.login('ann'))
  let key = ''
  for await (const id of store.list?.() ?? []) if (id.startsWith('user:')) key = id
  await store.delete(key)
  await store.create(key, Buffer.from('{}'), Date.now() + MINUTE)
  const error = await new Browser(sessions)
    .visit((session) => session.login('ann'))
    .catch((reason: unknown) => reason)
  expect(error).toMatchObject({ code: 'ERR_VIAL_SERIALIZATION' })
  expect(String(error)).toContain(`The record ${key} is not the list of a user's sessions`)
})

function handleOf(browser: { cookie: string | undefined } | undefined): string {
  return browser?.cookie?.split('=')[1]?.slice(0, 22) ?? ''
}
