import process from 'node:process'
import { ConfigError, type Store, type StoredSession } from 'vial'
import { type FlaskSessionOptions, flaskSession } from 'vial/compat/flask-session'
import { memoryStore } from 'vial/stores/memory'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { listener, SECRET, setCookie } from '../core/requests.ts'
import { watchWarnings } from '../support/warnings.ts'
import { COOKIE, HOUR, idOf, KEY, SID, Site } from './flask-store.ts'

const OLDER = 'Zx81mPq0vNc5tRw2yUi7oLa4sKd9jHf6'
/** `{_permanent: True, a: 1}`, and the same without the first. */
const ONE = '82aa5f7065726d616e656e74c3a16101'
const PLAIN = '81a16101'
const LIFETIME = 31 * 24 * HOUR
const GONE = 'session=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; HttpOnly; Path=/'
const AT = 'Mon, 15 Feb 2027 08:00:00 GMT'

let site = new Site()
beforeEach(() => {
  site = new Site()
  vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
})

const setA = (session: StoredSession) => session.set('a', 1)

describe('options', () => {
  const named = (prefix: string): Store => ({ ...memoryStore(), name: 'some', prefix })

  test.each<[string, object, RegExp]>([
    ['no store', { store: undefined }, /needs a `store`.*flaskCookie/],
    ['an option that is not there', { prefix: 'x' }, /no option 'prefix'.*keyPrefix/],
    ['the skew of the cookie', { clockSkew: '1s' }, /no option 'clockSkew'/],
    ['an unknown format', { format: 'xml' }, /Format 'xml' is unknown.*msgpack, json, pickle/],
    ['an id that can be guessed', { idLength: 15 }, /idLength.* is 15.*16 to 144/],
    ['an id without end', { idLength: 145 }, /idLength/],
    ['half a byte', { idLength: 16.5 }, /idLength/],
    ['a secret that is not set', { secret: undefined }, /`secret` is undefined.*leave/],
    ['a store that was not called', { store: memoryStore as never }, /a function\. Call it/],
    ['less than a second', { lifetime: 500 }, /whole seconds/],
    ['a store with another prefix', { store: named('vial:') }, /'vial:'.*'session:'.*prefix: ''/],
    ['another prefix of its own', { store: named('session:'), keyPrefix: 'my:' }, /'my:'/],
  ])('%s is refused when the program starts', (_, options, saying) => {
    const make = () => flaskSession({ store: memoryStore(), ...options } as FlaskSessionOptions)
    expect(make).toThrow(ConfigError)
    expect(make).toThrow(saying)
  })

  test('a secret that can be guessed is a warning', () => {
    const warnings = watchWarnings()
    flaskSession({ store: memoryStore(), secret: 'dev' })
    expect(warnings).toEqual([expect.stringMatching(/^VIAL_WEAK_SECRET: /)])
  })

  test.each([
    ['', undefined, `session:${SID}`],
    ['', '', SID],
    ['', 'my:', `my:${SID}`],
    ['session:', undefined, SID],
    ['cachelib:session:', undefined, SID],
  ])(
    'a store with the prefix %j and keyPrefix %j is asked for %s',
    async (prefix, keyPrefix, key) => {
      await site.put(key, ONE)
      const store = { ...site.store, prefix }
      const session = await site
        .sessions({ store, ...(keyPrefix !== undefined && { keyPrefix }) })
        .load(COOKIE)
      expect(session.get('a')).toBe(1)
    },
  )
})

describe('ids', () => {
  test.each([
    [undefined, 43],
    [16, 22],
    [64, 86],
    [128, 171],
    [144, 192],
  ])('of %s bytes have %i characters', async (idLength, characters) => {
    const browser = site.browser(idLength === undefined ? {} : { idLength })
    await browser.visit(setA)
    expect(idOf(browser.cookie)).toMatch(new RegExp(`^[\\w-]{${characters}}$`))
    expect(await site.hex(`session:${idOf(browser.cookie)}`)).toBe(ONE)
  })

  test.each([
    '00000000-0000-4000-8000-000000000001',
    'AAAAAAAAAAAAAAAAAAAAFA',
    'x'.repeat(86),
    'AAA',
    'x'.repeat(187),
    'x'.repeat(192),
  ])('that Flask gave out are read whatever their length: %s', async (id) => {
    await site.put(`session:${id}`, ONE)
    const browser = site.browser({}, `session=${id}`)
    await browser.visit((session) => session.set('b', 2))
    expect(browser.cookie).toBe(`session=${id}`)
    expect(await site.hex(`session:${id}`)).toBe('83aa5f7065726d616e656e74c3a16101a16202')
  })

  test.each(['attacker-chosen', SID])('that are unknown are never adopted: %s', async (id) => {
    const { events, onEvent } = listener()
    const browser = site.browser({ onEvent }, `session=${id}`)
    await browser.visit(setA)
    expect(events).toEqual([{ type: 'rejected', reason: 'unknown' }])
    expect(idOf(browser.cookie)).not.toBe(id)
    expect(await site.hex(`session:${id}`)).toBeUndefined()
  })

  test.each(['a b', 'x'.repeat(193), '../../etc', '%00', 'é'.repeat(43)])(
    'that are none never reach the store: %s',
    async (id) => {
      await site.browser({}, `session=${id}`).visit()
      expect(site.store.calls).toEqual([])
    },
  )
})

describe('signed ids', () => {
  test('the first secret signs, all open; the store sees the bare id', async () => {
    const old = site.browser({ secret: OLDER })
    await old.visit(setA)
    expect(old.cookie).toMatch(/^session=[\w-]{43}\.[\w-]{27}$/)
    expect(await site.hex(`session:${idOf(old.cookie)}`)).toBe(ONE)
    const both = site.browser({ secret: [SECRET, OLDER] }, old.cookie)
    await both.visit((session) => expect(session.get('a')).toBe(1))
    // The refresh gave it again, signed again.
    await site.browser({ secret: SECRET }, both.cookie).visit((session) => {
      expect(session.get('a')).toBe(1)
    })
  })

  test.each([
    ['without a signature', COOKIE, 'malformed'],
    ['of another secret', `${COOKIE}.e-RuJxf6lo21SwEbTDVolW7HqAw`, 'forged'],
    ['with something behind it', `${COOKIE}.e-RuJxf6lo21SwEbTDVolW7HqAwAA`, 'malformed'],
  ])('%s: a fresh session, and no visit to the store', async (_, cookie, reason) => {
    await site.put(KEY, ONE)
    const { events, onEvent } = listener()
    const session = await site.sessions({ secret: SECRET, onEvent }).load(cookie)
    expect(session.isNew).toBe(true)
    expect(events).toEqual([{ type: 'rejected', reason }])
    expect(site.store.calls).toEqual([])
  })
})

/** Section 2.5 of what Flask-Session does, with what is done here instead. */
describe('what a request does to store and cookie', () => {
  const EXPIRING = `${COOKIE}; Expires=${AT}; HttpOnly; Path=/`
  const read = (session: StoredSession) => session.get('a')
  const rows: [
    string,
    string | undefined,
    (s: StoredSession) => unknown,
    object,
    string[],
    string?,
  ][] = [
    ['no cookie, asked for', undefined, read, {}, []],
    ['permanent, asked for', ONE, () => undefined, {}, ['read', 'touch'], EXPIRING],
    ['permanent, read', ONE, read, {}, ['read', 'touch'], EXPIRING],
    ['not permanent, read', PLAIN, read, {}, ['read', 'touch']],
    ['no refresh, read', ONE, read, { refreshEachRequest: false }, ['read']],
    [
      'no refresh, written',
      ONE,
      setA,
      { refreshEachRequest: false },
      ['read', 'replace'],
      EXPIRING,
    ],
    ['written', ONE, setA, {}, ['read', 'replace'], EXPIRING],
    ['written, not permanent', PLAIN, setA, {}, ['read', 'replace'], `${COOKIE}; HttpOnly; Path=/`],
    ['cleared', ONE, (s) => s.clear(), {}, ['read', 'delete'], GONE],
    ['last key gone', ONE, (s) => s.delete('a'), {}, ['read', 'delete'], GONE],
    ['destroyed', ONE, (s) => s.destroy(), {}, ['read', 'delete'], GONE],
    ['unknown, read', undefined, read, {}, ['read']],
  ]

  test.each(rows)('%s', async (name, record, work, options, calls, line) => {
    if (record !== undefined) await site.put(KEY, record)
    const browser = site.browser(options, name.startsWith('no cookie') ? undefined : COOKIE)
    const commit = await browser.visit(work)
    expect(site.store.calls).toEqual(calls)
    expect(setCookie(commit)).toBe(line)
    const names = commit.headers.map(([header]) => header)
    expect(names).toEqual(line === undefined ? ['vary'] : ['set-cookie', 'vary', 'cache-control'])
  })

  test('a new session is stored with `_permanent` first, and its cookie outlives the browser', async () => {
    const browser = site.browser()
    const commit = await browser.visit(setA)
    expect(setCookie(commit)).toBe(`${browser.cookie}; Expires=${AT}; HttpOnly; Path=/`)
    const key = `session:${idOf(browser.cookie)}`
    expect(await site.shown(key)).toEqual({ hex: ONE, left: LIFETIME })
  })

  test('with `permanent: false` it is not, until it says so', async () => {
    const browser = site.browser({ permanent: false })
    const commit = await browser.visit(setA)
    expect(setCookie(commit)).toBe(`${browser.cookie}; HttpOnly; Path=/`)
    const key = `session:${idOf(browser.cookie)}`
    // It lives as long on the server.
    expect(await site.shown(key)).toEqual({ hex: PLAIN, left: LIFETIME })
    const lasting = await browser.visit((session) => {
      session.permanent = true
    })
    expect(setCookie(lasting)).toMatch(/; Expires=/)
    expect(await site.hex(key)).toBe('82a16101aa5f7065726d616e656e74c3')
  })

  test('nothing but whether it is permanent says nothing: no record, no cookie', async () => {
    const browser = site.browser({ permanent: false })
    const commit = await browser.visit((session) => {
      session.permanent = true
    })
    expect(setCookie(commit)).toBeUndefined()
    expect(site.store.calls).toEqual([])
  })

  test('a record that says nothing else is found, and its deadline stays', async () => {
    for (const record of ['80', '81aa5f7065726d616e656e74c3']) {
      await site.put(KEY, record)
      const browser = site.browser({}, COOKIE)
      const commit = await browser.visit((session) => expect(session.isNew).toBe(false))
      expect(commit).toEqual({ outcome: 'untouched', headers: [['vary', 'Cookie']], cookies: [] })
      expect(await site.shown(KEY)).toEqual({ hex: record, left: HOUR })
    }
  })

  test('clear keeps whether it is permanent, first in the record', async () => {
    for (const [record, after] of [
      [ONE, '82aa5f7065726d616e656e74c3a17a01'],
      [PLAIN, '82aa5f7065726d616e656e74c2a17a01'],
    ] as const) {
      await site.put(KEY, record)
      await site.browser({}, COOKIE).visit((session) => {
        session.clear()
        session.set('z', 1)
      })
      expect(await site.hex(KEY)).toBe(after)
    }
  })

  test('regenerate moves record and cookie to a new id', async () => {
    await site.put(KEY, ONE)
    const browser = site.browser({}, COOKIE)
    await browser.visit((session) => session.regenerate())
    expect(await site.hex(KEY)).toBeUndefined()
    expect(await site.hex(`session:${idOf(browser.cookie)}`)).toBe(ONE)
  })
})

describe('deadlines', () => {
  test('are moved by a request that reads, to the lifetime from then', async () => {
    await site.put(KEY, ONE)
    site.clock.advance(HOUR - 1)
    await site.browser({ lifetime: '2h' }, COOKIE).visit()
    expect(await site.shown(KEY)).toEqual({ hex: ONE, left: 2 * HOUR })
  })

  test('without refresh they stay until a write', async () => {
    await site.put(KEY, ONE)
    site.clock.advance(HOUR - 1)
    const browser = site.browser({ lifetime: '2h', refreshEachRequest: false }, COOKIE)
    await browser.visit((session) => session.get('a'))
    expect(await site.shown(KEY)).toEqual({ hex: ONE, left: 1 })
    await browser.visit(setA)
    expect(await site.shown(KEY)).toEqual({ hex: ONE, left: 2 * HOUR })
  })

  test('are judged by the clock here, whatever the backend still serves', async () => {
    await site.put(KEY, ONE)
    site.clock.advance(HOUR)
    const { events, onEvent } = listener()
    const session = await site.sessions({ onEvent }).load(COOKIE)
    expect(session.isNew).toBe(true)
    expect(events).toEqual([{ type: 'rejected', reason: 'unknown' }])
  })

  test('parts of a second are cut off', async () => {
    const browser = site.browser({ lifetime: 1_900 })
    await browser.visit(setA)
    expect((await site.shown(`session:${idOf(browser.cookie)}`))?.left).toBe(1_000)
  })
})

test('the user is noted where Flask carries it along, and an emptied record goes all the same', async () => {
  await site.put(KEY, ONE)
  const browser = site.browser({}, COOKIE)
  await browser.visit((session) => session.login('ann'))
  const key = `session:${idOf(browser.cookie)}`
  expect(Buffer.from((await site.hex(key)) ?? '', 'hex').toString('latin1')).toContain('_vial')
  await browser.visit((session) => session.clear())
  expect(await site.hex(key)).toBeUndefined()
})

test('several cookies of one name: the one that is known counts, and two are none', async () => {
  await site.put(KEY, ONE)
  const known = await site.sessions().load(`session=${'x'.repeat(43)}; ${COOKIE}`)
  expect(known.get('a')).toBe(1)
  await site.put(`session:${'y'.repeat(43)}`, PLAIN)
  const { events, onEvent } = listener()
  const both = await site.sessions({ onEvent }).load(`session=${'y'.repeat(43)}; ${COOKIE}`)
  expect([both.isNew, events]).toEqual([
    true,
    [{ type: 'several-cookies', cookies: 2, used: 'none' }],
  ])
})
