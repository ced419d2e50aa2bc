/** What becomes of the cookies of a session: after a login, `regenerate`, a logout beside them, and a renewal. */

import { createSessions, StoreError } from 'vial'
import { memoryStore } from 'vial/stores/memory'
import { describe, expect, test } from 'vitest'
import { cookieIn, keyIn, sessionOf } from './life-cycle.ts'
import { Browser, Clock, countingStore, listener, SECRET, setCookie } from './requests.ts'

const MINUTE = 60_000

function start(options: { readonly secret?: string } = {}) {
  const clock = new Clock()
  const store = countingStore(clock)
  const { events, onEvent } = listener()
  const sessions = createSessions({ ...options, store, now: clock.now, onEvent })
  return { clock, store, sessions, events, browser: new Browser(sessions) }
}

describe.each([{}, { secret: SECRET }])('a cookie that a login took the place of %j', (options) => {
  async function superseded() {
    const site = start(options)
    const { browser, sessions, events } = site
    await browser.visit((session) => session.set('a', 1))
    const old = new Browser(sessions, browser.cookie)
    await browser.visit((session) => session.login('ann'))
    events.length = 0
    return { ...site, old }
  }

  test('opens an anonymous session that is never stored, sets no cookie, and reports its writes', async () => {
    const { store, old, browser, events } = await superseded()
    const read = await old.visit((session) => {
      expect([session.isNew, session.user, session.has('a')]).toEqual([true, undefined, false])
    })
    expect([read.outcome, setCookie(read)]).toEqual(['untouched', undefined])
    store.calls.length = 0
    const written = await old.visit((session) => session.set('b', 2))
    expect([written.outcome, setCookie(written), store.calls]).toEqual([
      'gone',
      undefined,
      ['read'],
    ])
    expect(events).toEqual([expect.objectContaining({ type: 'gone', keys: ['b'] })])
    await browser.visit((session) => expect(session.toJSON()).toEqual({ a: 1 }))
  })

  test('can end the session', async () => {
    const { old, browser } = await superseded()
    const ended = await old.visit((session) => session.destroy())
    expect(ended.outcome).toBe('deleted')
    await browser.visit((session) => expect(session.isNew).toBe(true))
  })

  test('can begin another session by a login', async () => {
    const { old, browser } = await superseded()
    await old.visit((session) => {
      session.set('c', 3)
      session.login('ann')
    })
    await old.visit((session) =>
      expect([session.user, session.toJSON()]).toEqual(['ann', { c: 3 }]),
    )
    await browser.visit((session) => expect(session.toJSON()).toEqual({ a: 1 }))
    expect(keyOf(old)).not.toBe(keyOf(browser))
  })

  test('counts as replayed after 60 s', async () => {
    const { clock, sessions, old, events } = await superseded()
    const again = new Browser(sessions, old.cookie)
    clock.advance(MINUTE - 1)
    await old.visit()
    expect(events).toEqual([])
    clock.advance(1)
    const fresh = await again.visit((session) => session.set('d', 4))
    expect(events).toEqual([{ type: 'replayed', fingerprint: expect.stringMatching(/^\w{12}$/) }])
    expect(fresh.outcome).toBe('saved')
    expect(again.cookie).not.toBe(old.cookie)
  })
})

test('a made-up verifier under a known selector opens nothing and is reported', async () => {
  const { sessions, browser, events } = start()
  await browser.visit((session) => session.login('ann'))
  const thief = new Browser(sessions, browser.cookie?.replace(/.{43}$/, 'A'.repeat(43)))
  await thief.visit((session) => expect([session.isNew, session.user]).toEqual([true, undefined]))
  const session = await sessions.load(browser.cookie)
  expect(events).toEqual([{ type: 'replayed', fingerprint: session.fingerprint }])
})

describe.each([
  ['unsigned', {}],
  ['signed with one secret', { secret: SECRET }],
  ['with users', { users: true }],
])('two kinds of session on one store, %s', (_, options) => {
  function kinds() {
    const store = memoryStore({ whenFull: 'refuse' })
    const { events, onEvent } = listener()
    const kind = (name: string) => createSessions({ store, cookie: { name }, onEvent, ...options })
    return { events, customers: kind('customer'), staff: kind('staff') }
  }

  test('do not open each other’s', async () => {
    const { events, customers, staff } = kinds()
    const browser = new Browser(customers)
    await browser.visit((session) => session.login('ann'))
    const other = await staff.load(`staff=${browser.cookie?.split('=')[1]}`)
    expect([other.isNew, other.user]).toEqual([true, undefined])
    expect(events).toEqual([
      'secret' in options
        ? { type: 'rejected', reason: 'forged' }
        : { type: 'replayed', fingerprint: expect.any(String) },
    ])
  })

  test('end none of the other’s by a login, a logout or a new cookie', async () => {
    const { customers, staff } = kinds()
    const browser = new Browser(customers)
    await browser.visit((session) => session.login('ann'))
    const stolen = `staff=${browser.cookie?.split('=')[1]}`
    for (const act of ['login', 'destroy', 'regenerate'] as const) {
      await new Browser(staff, stolen).visit((session) => session[act]('ann'))
    }
    expect((await customers.load(browser.cookie)).user).toBe('ann')
  })

  test('live beside each other in one browser', async () => {
    const { customers, staff } = kinds()
    const [one, two] = [new Browser(customers), new Browser(staff)]
    await one.visit((session) => session.login('ann'))
    await two.visit((session) => session.login('admin'))
    const both = `${one.cookie}; ${two.cookie}`
    expect((await customers.load(both)).user).toBe('ann')
    expect((await staff.load(both)).user).toBe('admin')
    await two.visit((session) => session.destroy())
    expect((await customers.load(both)).user).toBe('ann')
    expect((await staff.load(both)).user).toBeUndefined()
  })
})

test('login as another user ends the session: its data and messages are gone, what follows stays', async () => {
  for (const make of [() => ({ store: memoryStore() }), () => ({ secret: SECRET })]) {
    const sessions = createSessions(make() as { secret: string })
    const browser = new Browser(sessions)
    await browser.visit((session) => {
      session.login('ann')
      session.set('mfa', true)
      session.flash('hello ann')
    })
    const ann = browser.cookie
    await browser.visit((session) => {
      session.set('before', 1)
      session.login('bob')
      session.set('after', 2)
    })
    await browser.visit((session) => {
      expect([session.user, session.toJSON(), session.flashes()]).toEqual(['bob', { after: 2 }, []])
    })
    await browser.visit((session) => session.login('bob'))
    await browser.visit((session) => expect(session.get('after')).toBe(2))
    if ('store' in make()) {
      await new Browser(sessions, ann).visit((session) => expect(session.isNew).toBe(true))
    }
  }
})

test('destroy, then a write that cannot be stored: the whole is unknown, as the old session is gone', async () => {
  const { store, browser } = start()
  await browser.visit((session) => session.login('ann'))
  const { cookie } = browser
  store.fail = (verb) => {
    if (verb !== 'create') return
    throw new StoreError('full', { operation: 'create', outcome: 'not-done', retriable: true })
  }
  const failed = browser.visit((session) => {
    session.destroy()
    session.set('a', 1)
  })
  await expect(failed).rejects.toMatchObject({
    operation: 'create',
    outcome: 'unknown',
    message: 'The session was ended, and the new one could not be stored.',
  })
  delete store.fail
  browser.cookie = cookie
  await browser.visit((session) => expect(session.isNew).toBe(true))
})

describe('renewal', () => {
  const AGE = 15 * MINUTE

  function renewing() {
    const clock = new Clock()
    const store = countingStore(clock)
    const { events, onEvent } = listener()
    const sessions = createSessions({ store, now: clock.now, onEvent, renew: '15m' })
    return { clock, store, events, sessions, browser: new Browser(sessions) }
  }

  test('gives a new cookie with the first request after its time, and the old one opens the session still', async () => {
    const { clock, store, sessions, browser } = renewing()
    await browser.visit((session) => session.set('a', 1))
    const { cookie } = browser
    clock.advance(AGE - 1)
    await browser.visit((session) => session.get('a'))
    expect(browser.cookie).toBe(cookie)
    clock.advance(1)
    store.calls.length = 0
    await browser.visit((session) => session.get('a'))
    expect(store.calls).toEqual(['read', 'replace'])
    expect(browser.cookie).not.toBe(cookie)
    expect(keyOf(browser)).toBe(keyOf({ cookie }))
    // A request that was under way is given the same new cookie.
    const late = new Browser(sessions, cookie)
    await late.visit((session) => expect(session.get('a')).toBe(1))
    expect(late.cookie).toBe(browser.cookie)
  })

  test('the old cookie is good until the new one was presented, and 60 s more', async () => {
    const { clock, sessions, browser, events } = renewing()
    await browser.visit((session) => session.set('a', 1))
    const { cookie } = browser
    clock.advance(AGE)
    await browser.visit()
    // The response with the new cookie may have been lost.
    clock.advance(10 * MINUTE)
    const old = () => new Browser(sessions, cookie)
    await old().visit((session) => expect(session.get('a')).toBe(1))
    await browser.visit()
    clock.advance(MINUTE - 1)
    await old().visit((session) => expect(session.get('a')).toBe(1))
    expect(events).toEqual([])
    clock.advance(1)
    await old().visit((session) => expect(session.isNew).toBe(true))
    expect(events.map((event) => event.type)).toEqual(['replayed'])
    await browser.visit((session) => expect(session.get('a')).toBe(1))
  })

  test('two requests at once come to one cookie, and both their writes stay', async () => {
    const { clock, sessions, browser } = renewing()
    await browser.visit((session) => session.set('a', 1))
    clock.advance(AGE)
    const [one, two] = [await sessions.load(browser.cookie), await sessions.load(browser.cookie)]
    one.set('b', 2)
    two.set('c', 3)
    const cookies = [cookieIn(await sessions.commit(one)), cookieIn(await sessions.commit(two))]
    expect(cookies[0]).toBe(cookies[1])
    const session = await sessionOf(sessions, cookies[0])
    expect(session.toJSON()).toEqual({ a: 1, b: 2, c: 3 })
  })

  test('a write that loaded before a renewal is kept', async () => {
    const { clock, sessions, browser } = renewing()
    await browser.visit((session) => session.set('a', 1))
    const slow = await sessionOf(sessions, browser.cookie?.split('=')[1])
    clock.advance(AGE)
    await browser.visit()
    slow.set('b', 2)
    expect((await sessions.commit(slow)).outcome).toBe('saved')
    await browser.visit((session) => expect(session.toJSON()).toEqual({ a: 1, b: 2 }))
  })

  test('that fails does not fail the request', async () => {
    const { clock, store, browser, events } = renewing()
    await browser.visit((session) => session.set('a', 1))
    clock.advance(AGE)
    store.fail = (verb) => (verb === 'replace' ? Promise.reject(new Error('down')) : undefined)
    await browser.visit((session) => expect(session.get('a')).toBe(1))
    expect(events.map((event) => event.type)).toEqual(['store-failed'])
  })

  test('a login ends the old cookie and the renewed one', async () => {
    const { clock, sessions, browser } = renewing()
    await browser.visit((session) => session.set('a', 1))
    const { cookie } = browser
    clock.advance(AGE)
    await browser.visit()
    const renewed = browser.cookie
    await browser.visit((session) => session.login('ann'))
    for (const dead of [cookie, renewed]) {
      const session = await sessions.load(dead)
      expect([session.isNew, session.user]).toEqual([true, undefined])
    }
    await browser.visit((session) => expect(session.user).toBe('ann'))
  })
})

function keyOf({ cookie }: { readonly cookie: string | undefined }): string {
  return keyIn(cookie?.split('=')[1] ?? '')
}

test('a cookie that was replaced long ago raises no alarm beside one that opens the session', async () => {
  const { clock, sessions, browser, events } = start()
  await browser.visit((session) => session.set('a', 1))
  const old = browser.cookie
  await browser.visit((session) => session.login('ann'))
  clock.advance(2 * MINUTE)
  const session = await sessions.load(`${old}; ${browser.cookie}`)
  expect([session.user, events]).toEqual(['ann', []])
})

test('a commit after the absolute end of the session stores nothing and sets no cookie', async () => {
  const { clock, sessions, browser, events } = start()
  await browser.visit((session) => {
    session.permanent = true
    session.set('a', 1)
  })
  const session = await sessions.load(browser.cookie)
  clock.advance(31 * 24 * 60 * MINUTE)
  session.set('b', 2)
  const commit = await sessions.commit(session)
  expect([commit.outcome, setCookie(commit)]).toEqual(['gone', undefined])
  expect(events).toEqual([expect.objectContaining({ type: 'gone', keys: ['b'] })])
})

test('login, then destroy, with a cookie that a login took the place of ends the session', async () => {
  const { sessions, browser } = start()
  await browser.visit((session) => session.set('a', 1))
  const old = new Browser(sessions, browser.cookie)
  await browser.visit((session) => session.login('ann'))
  await old.visit((session) => {
    session.login('ann')
    session.destroy()
  })
  await browser.visit((session) => expect(session.isNew).toBe(true))
})

test('a user that no format can hold is refused before the session of another one is ended', async () => {
  const { browser } = start()
  await browser.visit((session) => session.login('ann'))
  await browser.visit((session) => {
    expect(() => session.login('\ud800')).toThrow(/well-formed string/)
  })
  await browser.visit((session) => expect(session.user).toBe('ann'))
})
