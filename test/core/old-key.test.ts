/** The event that says that a key other than the first is still in use, for each seal. */

import { createSessions, type Seal, type Secret, type SessionEvent } from 'vial'
import { withSession } from 'vial/adapters/fetch'
import { flaskCookie } from 'vial/compat/flask-cookie'
import { flaskSession } from 'vial/compat/flask-session'
import { signed } from 'vial/seals/signed'
import { memoryStore } from 'vial/stores/memory'
import { beforeEach, describe, expect, test } from 'vitest'
import { Browser, listener, SECRET } from './requests.ts'

const [OLD, NEW, NEWER] = [
  SECRET,
  'nK2vQ8xR4mW7pZ1tB6yH3jL9dF5sG0aC',
  'Zx81mPq0vNc5tRw2yUi7oLa4sKd9jHf6',
] as const

let store = memoryStore()
let { events, onEvent } = listener()
beforeEach(() => {
  store = memoryStore()
  ;({ events, onEvent } = listener())
})

const KINDS = {
  encrypted: (secret: Secret) => createSessions({ secret, onEvent }),
  signed: (secret: Secret) => createSessions({ store, secret, onEvent }),
  flaskCookie: (secret: Secret) => flaskCookie({ secret, onEvent }),
  'flaskSession with a signer': (secret: Secret) => flaskSession({ store, secret, onEvent }),
}
const oldKeys = () => events.filter(({ type }) => type === 'old-key')

describe.each(Object.entries(KINDS))('%s', (name, make) => {
  async function cookieOf(secret: Secret): Promise<string> {
    const browser = new Browser(make(secret))
    await browser.visit((session) => session.set('a', 1))
    return browser.cookie ?? ''
  }

  test('the first key is no event; each other one is an event that names it', async () => {
    const cookie = await cookieOf(OLD)
    await make([OLD, NEW]).load(cookie)
    expect(events).toEqual([])
    const session = await make([NEW, OLD]).load(cookie)
    expect(session.get('a')).toBe(1)
    const [cookieName] = cookie.split('=')
    const { fingerprint } = session
    expect(events).toEqual([{ type: 'old-key', index: 1, fingerprint, cookie: cookieName }])
    await make([NEWER, NEW, OLD]).load(cookie)
    expect(events[1]).toMatchObject({ type: 'old-key', index: 2 })
  })

  test('each request reports it once, from the cache of opened cookies too', async () => {
    const cookie = await cookieOf(OLD)
    const sessions = make([NEW, OLD])
    const serve = withSession(sessions, async (request) => {
      await sessions.of(request)
      await sessions.of(request)
      return new Response('x')
    })
    for (const count of [1, 2, 3, 4]) {
      await serve(new Request('https://a.example/', { headers: { cookie } }))
      expect(oldKeys()).toHaveLength(count)
    }
  })

  test('several cookies of the name are one event', async () => {
    const [one, two] = [await cookieOf(OLD), await cookieOf(OLD)]
    await make([NEW, OLD]).load(`${one}; ${two}`)
    expect(oldKeys()).toEqual([expect.objectContaining({ index: 1 })])
  })

  test('a cookie that opens nothing is none', async () => {
    const cookie = await cookieOf(OLD)
    const sessions = make([NEW, OLD])
    await sessions.load(cookie.slice(0, -3))
    await make(NEW).load(cookie)
    if (name === 'signed') {
      await new Browser(sessions, cookie).visit((session) => session.destroy())
      events.length = 0
      await sessions.load(cookie)
      expect(events).toEqual([{ type: 'rejected', reason: 'unknown' }])
    }
    expect(oldKeys()).toEqual([])
  })

  test('after a login the new key seals, and there is no event any more', async () => {
    const browser = new Browser(make([NEW, OLD]), await cookieOf(OLD))
    await browser.visit((session) => session.login('ann'))
    expect(oldKeys()).toHaveLength(1)
    await browser.visit((session) => expect(session.get('a')).toBe(1))
    expect(oldKeys()).toHaveLength(1)
  })
})

test('beside the session: the cookie of another visitor', async () => {
  const [one, two] = [new Browser(KINDS.signed(NEW)), new Browser(KINDS.signed(OLD))]
  await one.visit((session) => session.login('ann'))
  await two.visit((session) => session.login('bob'))
  await KINDS.signed([NEW, OLD]).load(`${one.cookie}; ${two.cookie}`)
  expect(oldKeys()).toEqual([
    {
      type: 'old-key',
      index: 1,
      cookie: '__Host-session',
      fingerprint: (await KINDS.signed(OLD).load(two.cookie)).fingerprint,
    },
  ])
})

test('a login that a second login took the place of', async () => {
  const browser = new Browser(KINDS.signed(OLD))
  await browser.visit((session) => session.set('a', 1))
  const { cookie } = browser
  await browser.visit((session) => session.login('ann'))
  await KINDS.signed([NEW, OLD]).load(cookie)
  expect(oldKeys()).toHaveLength(1)
})

test('a seal of a program may say which key it was, or nothing', async () => {
  const seal = signed({ secret: OLD })
  const other: Seal = {
    ...seal,
    open(text, now, cookie) {
      const opened = seal.open(text, now, cookie)
      return opened.ok ? { ...opened, keyIndex: 3 } : opened
    },
  }
  const browser = new Browser(createSessions({ store, seal, onEvent }))
  await browser.visit((session) => session.set('a', 1))
  await browser.visit()
  expect(events).toEqual([])
  await createSessions({ store, seal: other, onEvent }).load(browser.cookie)
  expect(events).toEqual([expect.objectContaining({ type: 'old-key', index: 3 })])
  expect(events satisfies SessionEvent[]).toHaveLength(1)
})
