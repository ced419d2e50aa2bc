/** Sessions that live longer or shorter than the configuration says, such as a login that is remembered. */

import { createSessions, type Session, type SessionsOptions } from 'vial'
import { flaskCookie } from 'vial/compat/flask-cookie'
import { flaskSession } from 'vial/compat/flask-session'
import { memoryStore } from 'vial/stores/memory'
import { expect, test } from 'vitest'
import { Browser, Clock, countingStore, SECRET, setCookie } from './requests.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const SHORT = { idle: '30m', lifetime: '12h' } as const
const REMEMBERED = { idle: '14d', lifetime: '60d', permanent: true } as const

function start(kind: 'stored' | 'sealed', options: SessionsOptions = SHORT) {
  const clock = new Clock()
  const place = kind === 'stored' ? { store: memoryStore({ now: clock.now }) } : { secret: SECRET }
  const sessions = createSessions({ ...place, ...options, now: clock.now })
  const browser = new Browser<Session>(sessions)
  const user = async (): Promise<string | undefined> => {
    let found: string | undefined
    await browser.visit((session) => {
      found = session.user
    })
    return found
  }
  return { clock, sessions, browser, user }
}

const maxAge = (line: string | undefined): number => Number(/Max-Age=(\d+)/.exec(line ?? '')?.[1])

test.each(['stored', 'sealed'] as const)(
  '%s: a remembered login outlives the configured idle time and lifetime, and its cookie says so',
  async (kind) => {
    const { clock, browser, user } = start(kind)
    const commit = await browser.visit((session) => session.login('ann', REMEMBERED))
    expect(maxAge(setCookie(commit))).toBe(14 * 86_400)
    clock.advance(13 * DAY)
    expect(await user()).toBe('ann')
    const write = await browser.visit((session) => {
      expect([session.lifetime, session.idle]).toEqual([60 * DAY, 14 * DAY])
      session.set('a', 1)
    })
    expect(maxAge(setCookie(write))).toBe(14 * 86_400)
    // It slides by its own idle time, up to its own lifetime.
    for (let days = 13; days < 59; days += 10) {
      clock.advance(10 * DAY)
      expect(await user()).toBe(days + 10 < 60 ? 'ann' : undefined)
    }
    clock.advance(14 * DAY)
    expect(await user()).toBeUndefined()
  },
)

test.each(['stored', 'sealed'] as const)(
  '%s: a login without options is as configured, also after a remembered one',
  async (kind) => {
    const { clock, browser, user } = start(kind)
    await browser.visit((session) => session.login('ann', REMEMBERED))
    clock.advance(DAY)
    const commit = await browser.visit((session) => {
      session.login('ann')
      expect([session.lifetime, session.idle, session.permanent]).toEqual([
        undefined,
        undefined,
        true,
      ])
    })
    expect(maxAge(setCookie(commit))).toBe(1800)
    clock.advance(31 * MINUTE)
    expect(await user()).toBeUndefined()
  },
)

test.each(['stored', 'sealed'] as const)(
  '%s: session.lifetime and session.idle also shorten, at once',
  async (kind) => {
    const { clock, browser, user } = start(kind, { idle: '30d', lifetime: '31d' })
    await browser.visit((session) => session.login('ann'))
    await browser.visit((session) => {
      session.idle = '10m'
      expect(session.modified).toBe(true)
    })
    clock.advance(9 * MINUTE)
    expect(await user()).toBe('ann')
    await browser.visit((session) => {
      session.idle = 10 * MINUTE
      expect(session.modified).toBe(false)
      session.lifetime = '20m'
    })
    clock.advance(9 * MINUTE)
    expect(await user()).toBe('ann')
    clock.advance(2 * MINUTE)
    expect(await user()).toBeUndefined()
  },
)

test('another request that writes, regenerates or changes its own life meanwhile keeps the other part', async () => {
  const { sessions, browser } = start('stored')
  await browser.visit((session) => session.login('ann', REMEMBERED))
  const late = await sessions.load(browser.cookie)
  late.lifetime = '90d'
  late.set('a', 1)
  await browser.visit((session) => {
    session.idle = '20d'
  })
  await sessions.commit(late)
  await browser.visit((session) => session.regenerate())
  await browser.visit((session) => {
    expect([session.lifetime, session.idle, session.get('a')]).toEqual([90 * DAY, 20 * DAY, 1])
    session.clear()
    session.set('b', 2)
    expect([session.lifetime, session.idle]).toEqual([undefined, undefined])
  })
  await browser.visit((session) => expect(session.lifetime).toBeUndefined())
})

test('only one of both: the other stays as configured; in an anonymous session, too', async () => {
  const { clock, browser } = start('stored', { idle: '30m', lifetime: '1d' })
  const commit = await browser.visit((session) => {
    session.idle = '2h'
    session.permanent = true
    session.set('cart', 1)
  })
  expect(maxAge(setCookie(commit))).toBe(7200)
  clock.advance(HOUR)
  await browser.visit((session) =>
    expect([session.get('cart'), session.lifetime]).toEqual([1, DAY]),
  )
  const empty = new Browser<Session>(start('stored').sessions)
  const nothing = await empty.visit((session) => {
    session.lifetime = '1h'
  })
  expect(nothing.outcome).toBe('untouched')
})

test('where no idle time is configured, an own one slides', async () => {
  const clock = new Clock()
  const store = countingStore(clock)
  const browser = new Browser(createSessions({ store, now: clock.now }))
  await browser.visit((session) => session.login('ann', { idle: '1h' }))
  for (let turn = 0; turn < 3; turn += 1) {
    clock.advance(50 * MINUTE)
    await browser.visit((session) => expect(session.user).toBe('ann'))
  }
  clock.advance(61 * MINUTE)
  await browser.visit((session) => expect(session.user).toBeUndefined())
})

test('a login of another user does not keep the life of the one before', async () => {
  const { browser } = start('stored')
  await browser.visit((session) => session.login('ann', REMEMBERED))
  await browser.visit((session) => session.login('bob'))
  await browser.visit((session) =>
    expect([session.user, session.lifetime, session.permanent]).toEqual(['bob', undefined, false]),
  )
})

test('what is no duration is refused before anything is done', async () => {
  const { sessions } = start('stored')
  const session = await sessions.load(undefined)
  expect(() => session.login('ann', { idle: 'soon' as never })).toThrow(/idle.*'30m'/)
  expect(() => {
    session.lifetime = 5
  }).toThrow(/less than 1000 ms/)
  expect([session.user, session.modified]).toEqual([undefined, false])
})

test('Flask presets: permanent only', async () => {
  const [stored, sealed] = [flaskSession({ store: memoryStore() }), flaskCookie({ secret: SECRET })]
  for (const session of [await stored.load(undefined), await sealed.load(undefined)]) {
    expect(() => session.login('ann', { lifetime: '1d' })).toThrow(
      /no lifetime or idle time of its own/,
    )
    expect(() => {
      session.idle = '1h'
    }).toThrow(expect.objectContaining({ code: 'ERR_VIAL_STATE' }))
    expect([session.user, session.modified]).toEqual([undefined, false])
    session.login('ann', { permanent: true })
    expect([session.user, session.permanent]).toEqual(['ann', true])
  }
})

test.each(['stored', 'sealed'] as const)('%s: expiresAt is when it ends', async (kind) => {
  const { clock, browser } = start(kind)
  const begun = clock.at
  await browser.visit((session) => {
    expect(session.expiresAt).toBeUndefined()
    session.login('ann')
  })
  clock.advance(10 * MINUTE)
  await browser.visit((session) => expect(session.expiresAt).toBe(begun + 30 * MINUTE))
  await browser.visit((session) => expect(session.expiresAt).toBe(begun + 40 * MINUTE))
})

test('without idle, expiresAt is the end of the lifetime', async () => {
  const { clock, browser } = start('stored', { lifetime: '12h' })
  const begun = clock.at
  await browser.visit((session) => session.set('a', 1))
  clock.advance(HOUR)
  await browser.visit((session) => expect(session.expiresAt).toBe(begun + 12 * HOUR))
})
