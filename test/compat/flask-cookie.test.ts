import { randomBytes } from 'node:crypto'
import process from 'node:process'
import { ConfigError, StateError, type StoredSession, TooLargeError } from 'vial'
import { type FlaskCookieOptions, flaskCookie } from 'vial/compat/flask-cookie'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { Browser, Clock, listener, SECRET, setCookie } from '../core/requests.ts'
import { watchWarnings } from '../support/warnings.ts'
import { flaskMade, payload } from './flask-cookies.ts'

const OLDER = 'Zx81mPq0vNc5tRw2yUi7oLa4sKd9jHf6'
const OLDEST = 'b7Yc2Wd9Xe4Vf1Ug6Th3Si8Rj5Qk0Pl2'
const DAY = 86_400_000
const EXPIRES = /; Expires=([^;]+)/

let clock = new Clock()
beforeEach(() => {
  clock = new Clock()
  vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
})

function here(options: Partial<FlaskCookieOptions> = {}) {
  return flaskCookie({ secret: SECRET, now: clock.now, ...options })
}
const visitor = (options?: Partial<FlaskCookieOptions>, cookie?: string) =>
  new Browser(here(options), cookie)

const seconds = (): number => clock.at / 1000

async function read(cookie: string | undefined, options: Partial<FlaskCookieOptions> = {}) {
  const { events, onEvent } = listener()
  const session = await here({ ...options, onEvent }).load(cookie)
  return { data: Object.fromEntries(session), events }
}

describe('options', () => {
  test.each<[string, object, RegExp]>([
    ['no object', null as unknown as object, /takes an object/],
    ['one that is not there', { secretKey: 'x' }, /no option 'secretKey'.*lifetime.*secret/],
    ['a store', { store: {} }, /no option 'store'/],
    ['an attribute that is not there', { cookie: { maxAge: 1 } }, /cookie has no option 'maxAge'/],
    ['no secret', { secret: undefined }, /secret/],
    ['an empty secret', { secret: '' }, /secret/],
    ['a list without secrets', { secret: [] }, /secret/],
    ['less than a second', { lifetime: 999 }, /whole seconds/],
    ['no duration', { lifetime: 'long' }, /lifetime.*not a duration/],
    ['a skew that is none', { clockSkew: -1 }, /clockSkew/],
    ['an unknown SameSite', { cookie: { sameSite: 'bogus' } }, /sameSite/],
    ['a path with half a character', { cookie: { path: '/\ud800' } }, /path/],
    ['a domain that is none', { cookie: { domain: 'a b' } }, /domain/],
  ])('%s is refused when the program starts', (_, options, saying) => {
    const make = () =>
      flaskCookie(options === null ? (options as never) : { secret: SECRET, ...options })
    expect(make).toThrow(ConfigError)
    expect(make).toThrow(saying)
    expect(make).not.toThrow(SECRET)
  })

  test.each<[string, NonNullable<FlaskCookieOptions['cookie']>, RegExp]>([
    ['SameSite=None without Secure', { sameSite: 'none' }, /sameSite 'none' needs/],
    ['__Host- without Secure', { name: '__Host-a' }, /__Host-, which needs `secure: true`/],
    [
      '__Host- with a path',
      { name: '__Host-a', secure: true, path: '/a' },
      /allows no domain and no path/,
    ],
    ['Partitioned without SameSite=None', { partitioned: true }, /partitioned needs `sameSite/],
    [
      '__Http- without HttpOnly',
      { name: '__Http-a', secure: true, httpOnly: false },
      /__Http-, which needs HttpOnly/,
    ],
  ])('%s, which Flask allows and browsers refuse, is a warning', async (_, cookie, saying) => {
    const warnings = watchWarnings()
    const make = () => flaskCookie({ secret: SECRET, cookie })
    const sessions = make()
    make()
    expect(warnings).toEqual([expect.stringMatching(saying)])
    expect(warnings[0]).toMatch(/^VIAL_COOKIE: cookie\./)
    const session = await sessions.load(undefined)
    session.set('a', 1)
    expect((await sessions.commit(session)).headers[0]?.[1]).toContain(
      `${cookie.name ?? 'session'}=`,
    )
  })

  test.each([
    [{ cookie: { samesite: 'lax' } }, /Did you mean 'sameSite'\?/],
    [{ cookie: { httpOnly: 'yes' } }, /httpOnly is a string\. Give true or false/],
    [{ refreshEachRequst: false }, /Did you mean 'refreshEachRequest'\?/],
    [{ now: 5 }, /now is 5\. Give a function/],
  ])('%j is refused with the fix', (options, saying) => {
    const make = () => flaskCookie({ secret: SECRET, ...(options as object) })
    expect(make).toThrow(ConfigError)
    expect(make).toThrow(saying)
  })

  test('a secret that can be guessed is Flask’s choice: a warning', () => {
    const warnings = watchWarnings()
    flaskCookie({ secret: 'dev' })
    here()
    expect(warnings).toEqual([expect.stringMatching(/^VIAL_WEAK_SECRET: secret/)])
  })

  test.each<[unknown, RegExp]>([
    ['/a', /formerly is a string\. Give a list of places/],
    [['/a'], /cookie\.formerly takes an object of options, not a string/],
    [[{ pth: '/a' }], /cookie\.formerly has no option 'pth'\. Did you mean 'path'\?/],
    [[{ domain: 'a.example:80' }], /domain in cookie\.formerly is not a host name/],
    [[{ partitioned: true }], /cookie\.formerly with `partitioned` needs `secure: true`/],
  ])('cookie.formerly that is %j is an error at start', (formerly, message) => {
    expect(() => here({ cookie: { formerly } as never })).toThrow(message)
  })

  test('what a cookie cannot promise says so', async () => {
    const session = await here().load(undefined)
    expect(() => (session as unknown as StoredSession).increment('n')).toThrow(/needs a store/)
  })
})

describe('keys', () => {
  test('the first signs, all open, also what Flask 3.1.0 signed with the last fallback', async () => {
    const cookie = (await visitorWith({ secret: [SECRET, OLDER, OLDEST] })).cookie
    expect((await read(cookie)).data).toEqual({ a: 1 })
    expect((await read(cookie, { secret: [OLDER, OLDEST] })).events).toEqual([
      { type: 'rejected', reason: 'forged' },
    ])
    const last = flaskMade('{"a":1}', seconds(), OLDEST)
    expect((await read(last, { secret: [SECRET, OLDER, OLDEST] })).data).toEqual({ a: 1 })
  })

  test('a session that is only read keeps its old signature, unless it is permanent', async () => {
    const secret = [SECRET, OLDER]
    const plain = visitor({ secret }, flaskMade('{"a":1}', seconds(), OLDER))
    expect(setCookie(await plain.visit((session) => session.get('a')))).toBeUndefined()
    const lasting = flaskMade('{"_permanent":true,"a":1}', seconds(), OLDER)
    const permanent = visitor({ secret }, lasting)
    await permanent.visit()
    expect((await read(permanent.cookie, { secret: SECRET })).data).toEqual({ a: 1 })
  })
})

async function visitorWith(options: Partial<FlaskCookieOptions>, data: object = { a: 1 }) {
  const browser = visitor(options)
  await browser.visit((session) => {
    for (const [key, value] of Object.entries(data)) session.set(key, value)
  })
  return browser
}

describe('the two clocks', () => {
  const EXPIRED = [{ type: 'rejected', reason: 'expired' }]

  test('ours are dated back by a second, for a Flask whose clock is behind', async () => {
    const { cookie } = await visitorWith({})
    const time = cookie?.split('.')[1] as string
    expect(Number.parseInt(Buffer.from(time, 'base64url').toString('hex'), 16)).toBe(seconds() - 1)
  })

  test.each([
    [undefined, 1, true],
    [undefined, 2, false],
    [0, 0, true],
    [0, 1, false],
    ['5s', 5, true],
    ['5s', 6, false],
  ] as const)(
    'with a skew of %s a cookie %i s from the future opens: %s',
    async (clockSkew, ahead, opens) => {
      const cookie = flaskMade('{"a":1}', seconds() + ahead)
      const { data, events } = await read(cookie, clockSkew === undefined ? {} : { clockSkew })
      expect(data).toEqual(opens ? { a: 1 } : {})
      expect(events).toEqual(opens ? [] : EXPIRED)
    },
  )

  test.each([
    [0, true],
    [1, false],
  ])('%i s past the lifetime a cookie opens: %s, permanent or not', async (past, opens) => {
    for (const json of ['{"a":1}', '{"_permanent":true,"a":1}']) {
      const cookie = flaskMade(json, seconds() - 60 - past)
      const { data, events } = await read(cookie, { lifetime: '1m' })
      expect([data, events]).toEqual(opens ? [{ a: 1 }, []] : [{}, EXPIRED])
    }
  })

  test('the last ms of the last second still counts', async () => {
    const cookie = flaskMade('{"a":1}', seconds() - 60)
    clock.advance(999)
    expect((await read(cookie, { lifetime: '1m' })).data).toEqual({ a: 1 })
  })

  test('parts of a second are cut off the lifetime', async () => {
    const cookie = flaskMade('{"a":1}', seconds() - 2)
    expect((await read(cookie, { lifetime: 1_900 })).data).toEqual({})
  })
})

describe('the header', () => {
  const set = async (options: Partial<FlaskCookieOptions>) => {
    const browser = visitor(options)
    const commit = await browser.visit((session) => {
      session.permanent = true
      session.set('a', 1)
    })
    const line = (setCookie(commit) as string).replace(/=[^;]*/, '=…')
    const removed = await browser.visit((session) => session.clear())
    return [line, setCookie(removed), commit.headers.slice(1)]
  }
  const AT = 'Mon, 15 Feb 2027 08:00:00 GMT'
  const GONE = 'Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0'

  test.each<[object, string, string]>([
    [{}, `session=…; Expires=${AT}; HttpOnly; Path=/`, `session=; ${GONE}; HttpOnly; Path=/`],
    [
      {
        name: 'sid',
        domain: '.Example.com:8080',
        path: '/app x',
        secure: true,
        httpOnly: false,
        sameSite: 'strict',
      },
      `sid=…; Domain=Example.com; Expires=${AT}; Secure; Path=/app%20x; SameSite=Strict`,
      `sid=; Domain=Example.com; ${GONE}; Secure; Path=/app%20x; SameSite=Strict`,
    ],
    [
      { partitioned: true },
      `session=…; Expires=${AT}; Secure; HttpOnly; Path=/; Partitioned`,
      `session=; ${GONE}; Secure; HttpOnly; Path=/; Partitioned`,
    ],
    [
      { domain: 'bücher.example', path: '/é/%20;a?b' },
      `session=…; Domain=xn--bcher-kva.example; Expires=${AT}; HttpOnly; Path=/%C3%A9/%20%3Ba%3Fb`,
      `session=; Domain=xn--bcher-kva.example; ${GONE}; HttpOnly; Path=/%C3%A9/%20%3Ba%3Fb`,
    ],
  ])('%o', async (cookie, line, removal) => {
    expect(await set({ cookie })).toEqual([
      line,
      removal,
      [
        ['vary', 'Cookie'],
        ['cache-control', 'private'],
      ],
    ])
  })

  test('a session that is not permanent ends with the browser, and `permanent` moves Expires', async () => {
    const browser = visitor()
    const commit = await browser.visit((session) => session.set('a', 1))
    expect(setCookie(commit)).not.toMatch(EXPIRES)
    const lasting = await browser.visit((session) => {
      session.permanent = true
    })
    expect(EXPIRES.exec(setCookie(lasting) ?? '')?.[1]).toBe(AT)
    clock.advance(DAY)
    const refreshed = await browser.visit()
    expect(EXPIRES.exec(setCookie(refreshed) ?? '')?.[1]).toBe('Tue, 16 Feb 2027 08:00:00 GMT')
    const short = await browser.visit((session) => {
      session.permanent = false
    })
    expect(setCookie(short)).not.toMatch(EXPIRES)
  })

  test('a handler that only asks gets Vary, and nothing else', async () => {
    const commit = await visitor().visit()
    expect(commit).toEqual({ outcome: 'untouched', headers: [['vary', 'Cookie']], cookies: [] })
  })

  test('one that browsers would drop is an error before it is sent', async () => {
    const noise = randomBytes(3_500)
    await expect(visitorWith({}, { noise })).rejects.toThrow(TooLargeError)
  })
})

describe('refresh', () => {
  test('asked for: a permanent session is signed again, another is not', async () => {
    const permanent = visitor({}, flaskMade('{"_permanent":true,"a":1}', seconds()))
    const before = permanent.cookie
    clock.advance(5_000)
    expect((await permanent.visit()).outcome).toBe('touched')
    expect(permanent.cookie).not.toBe(before)
    expect(payload(permanent.cookie)).toBe('{"_permanent":true,"a":1}')
    const plain = visitor({}, flaskMade('{"a":1}', seconds()))
    expect((await plain.visit()).outcome).toBe('untouched')
  })

  test('turned off: only a change gives the cookie again', async () => {
    const cookie = flaskMade('{"_permanent":true,"a":1}', seconds())
    const browser = visitor({ refreshEachRequest: false }, cookie)
    expect(setCookie(await browser.visit())).toBeUndefined()
    expect(setCookie(await browser.visit((session) => session.set('a', 1)))).toMatch(EXPIRES)
  })
})

test('eager gives the session of the request, and only inside one', () => {
  const sessions = flaskCookie({ secret: SECRET, eager: true })
  expect(() => sessions.session.get('a')).toThrow(StateError)
})
