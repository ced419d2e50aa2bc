/** Freshness: whether the user has shown who it is lately, and in which way. */

import { createSessions, type Session, type SessionsOptions } from 'vial'
import { withSession } from 'vial/adapters/fetch'
import { flaskSession } from 'vial/compat/flask-session'
import { memoryStore } from 'vial/stores/memory'
import { describe, expect, test } from 'vitest'
import { Browser, Clock, SECRET } from './requests.ts'

const MINUTE = 60_000

function start(kind: 'stored' | 'sealed', options: SessionsOptions = {}) {
  const clock = new Clock()
  const place = kind === 'stored' ? { store: memoryStore({ now: clock.now }) } : { secret: SECRET }
  const sessions = createSessions({ ...place, ...options, now: clock.now })
  return { clock, sessions, browser: new Browser<Session>(sessions) }
}

describe.each(['stored', 'sealed'] as const)('%s', (kind) => {
  test('a login counts as a confirmation in any way, and as none in a certain one', async () => {
    const { clock, browser } = start(kind)
    await browser.visit((session) => {
      expect(session.confirmedWithin('10m')).toBe(false)
      session.login('ann')
      expect(session.confirmedWithin('10m')).toBe(true)
      expect(session.confirmedWithin('10m', 'password')).toBe(false)
    })
    clock.advance(10 * MINUTE)
    await browser.visit((session) => expect(session.confirmedWithin('10m')).toBe(true))
    clock.advance(1)
    await browser.visit((session) => expect(session.confirmedWithin('10m')).toBe(false))
  })

  test('confirm counts from then on, each method by itself', async () => {
    const { clock, browser } = start(kind)
    await browser.visit((session) => {
      session.login('ann')
      session.confirm('password')
    })
    clock.advance(20 * MINUTE)
    await browser.visit((session) => {
      session.confirm('passkey')
      expect(session.confirmedWithin('1s', 'passkey')).toBe(true)
    })
    await browser.visit((session) => {
      expect(session.confirmedWithin('10m')).toBe(true)
      expect(session.confirmedWithin('10m', 'passkey')).toBe(true)
      expect(session.confirmedWithin('10m', 'password')).toBe(false)
      expect(session.confirmedWithin('20m', 'password')).toBe(true)
      expect(session.confirmedWithin('20m', 'toString')).toBe(false)
    })
  })

  test.each(['login of another user', 'login again', 'clear', 'destroy'])(
    'a %s ends it',
    async (what) => {
      const { clock, browser } = start(kind)
      await browser.visit((session) => {
        session.login('ann')
        session.confirm('password')
      })
      clock.advance(MINUTE)
      await browser.visit((session) => {
        if (what === 'clear') session.clear()
        else if (what === 'destroy') session.destroy()
        session.login(what === 'login of another user' ? 'bob' : 'ann')
        expect(session.confirmedWithin('10m', 'password')).toBe(false)
      })
      await browser.visit((session) => {
        expect(session.confirmedWithin('10m', 'password')).toBe(false)
      })
    },
  )

  test('needs a user, and a name', async () => {
    const { browser } = start(kind)
    await browser.visit((session) => {
      expect(() => session.confirm('password')).toThrow('Call login() first')
      session.login('ann')
      expect(() => session.confirm('')).toThrow('the name of the method')
      session.clear()
      expect(() => session.confirm('password')).toThrow('Call login() first')
    })
  })
})

test('confirmations of two requests at once are both kept, and none outlives a logout', async () => {
  const { sessions, browser } = start('stored')
  await browser.visit((session) => session.login('ann'))
  const load = () => sessions.load(browser.cookie)
  const [one, two, late] = [await load(), await load(), await load()]
  one.confirm('password')
  two.confirm('passkey')
  await Promise.all([sessions.commit(one), sessions.commit(two)])
  const session = await load()
  expect(session.confirmedWithin('1m', 'password')).toBe(true)
  expect(session.confirmedWithin('1m', 'passkey')).toBe(true)
  session.destroy()
  await sessions.commit(session)
  late.confirm('password')
  expect((await sessions.commit(late)).outcome).toBe('gone')
  expect((await load()).isNew).toBe(true)
})

test('requireUser gives the session and the user, or says why not, with status 401', async () => {
  const { clock, sessions, browser } = start('stored')
  const answer = withSession(sessions, async (request: Request) => {
    const path = new URL(request.url).pathname
    if (path === '/login') (await sessions.of(request)).login('ann')
    if (path === '/login') return new Response('in')
    try {
      const options = path === '/transfer' ? { confirmed: '10m' as const } : {}
      const { session, user } = await sessions.requireUser(request, options)
      return new Response(`${user} ${session.user}`)
    } catch (error) {
      const { status, reason, code } = Object(error)
      return new Response(`${reason} ${code}`, { status })
    }
  })
  const visit = async (path: string) => {
    const headers = browser.cookie === undefined ? {} : { cookie: browser.cookie }
    const response = await answer(new Request(`https://shop.test${path}`, { headers }))
    const [line] = response.headers.getSetCookie()
    if (line !== undefined) browser.cookie = line.split(';')[0]
    return [response.status, await response.text()]
  }
  expect(await visit('/account')).toEqual([401, 'anonymous ERR_VIAL_UNAUTHORIZED'])
  await visit('/login')
  expect(await visit('/account')).toEqual([200, 'ann ann'])
  expect(await visit('/transfer')).toEqual([200, 'ann ann'])
  clock.advance(11 * MINUTE)
  expect(await visit('/account')).toEqual([200, 'ann ann'])
  expect(await visit('/transfer')).toEqual([401, 'not-confirmed ERR_VIAL_UNAUTHORIZED'])
})

test('a Flask preset notes none, and says what to do', async () => {
  const sessions = flaskSession({ store: memoryStore() })
  await new Browser(sessions).visit((session) => {
    session.login('ann')
    expect(() => session.confirm('password')).toThrow('under a key of your own')
  })
})
