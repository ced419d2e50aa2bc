import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { cookieValues } from '../../src/cookies/parse.ts'
import { type CookieOptions, cookieWriter } from '../../src/cookies/serialize.ts'

const EPOCH = 'Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0'

afterEach(() => {
  vi.unstubAllEnvs()
})

describe('cookieWriter', () => {
  it('is safe without options', () => {
    const cookie = cookieWriter()
    expect(cookie.name).toBe('__Host-session')
    expect(cookie.set('v')).toBe('__Host-session=v; Secure; HttpOnly; Path=/; SameSite=Lax')
    expect(cookie.remove()).toBe(
      `__Host-session=; ${EPOCH}; Secure; HttpOnly; Path=/; SameSite=Lax`,
    )
  })

  it.each<[CookieOptions, string]>([
    [{}, '__Host-session'],
    [{ path: '/' }, '__Host-session'],
    [{ path: '/app' }, '__Secure-session'],
    [{ domain: 'example.com' }, '__Secure-session'],
    [{ secure: false }, 'session'],
    [{ secure: 'development' }, 'session'],
    [{ secure: false, domain: 'example.com' }, 'session'],
    [{ name: 'sid' }, 'sid'],
  ])('with %j is named %s', (options, name) => {
    expect(cookieWriter(options).name).toBe(name)
    expect(cookieWriter(options).set('v').startsWith(`${name}=v; `)).toBe(true)
  })

  it('puts all attributes in the order of Werkzeug, and repeats them to remove', () => {
    const cookie = cookieWriter({
      domain: '.shop.example.com',
      path: '/a%20b',
      sameSite: 'none',
      partitioned: true,
    })
    const rest = 'Secure; HttpOnly; Path=/a%20b; SameSite=None; Partitioned'
    expect(cookie.set('v', { expiresAt: 2_000, now: 1_000 })).toBe(
      `__Secure-session=v; Domain=shop.example.com; Max-Age=1; ${rest}`,
    )
    expect(cookie.remove()).toBe(`__Secure-session=; Domain=shop.example.com; ${EPOCH}; ${rest}`)
  })

  it('writes no Secure over plain http', () => {
    expect(cookieWriter({ secure: false, sameSite: 'strict' }).set('v')).toBe(
      'session=v; HttpOnly; Path=/; SameSite=Strict',
    )
    vi.stubEnv('NODE_ENV', 'development')
    expect(cookieWriter({ secure: 'development' }).remove()).toBe(
      `session=; ${EPOCH}; HttpOnly; Path=/; SameSite=Lax`,
    )
  })

  it.each([
    ['development', 'session'],
    ['test', 'session'],
    ['production', '__Host-session'],
    ['staging', '__Host-session'],
    ['', '__Host-session'],
    [undefined, '__Host-session'],
  ])("'development' where NODE_ENV is %j is named %s", (mode, name) => {
    vi.stubEnv('NODE_ENV', mode)
    expect(cookieWriter({ secure: 'development' }).name).toBe(name)
    expect(cookieWriter({ secure: 'development' }).removal.secure).toBe(name !== 'session')
    expect(cookieWriter({ secure: false }).name).toBe('session')
  })

  it('writes another library’s cookie: Expires in its place, without HttpOnly, without SameSite', () => {
    const cookie = cookieWriter({
      name: 'session',
      secure: false,
      httpOnly: false,
      sameSite: undefined,
      life: 'expires',
    })
    expect(cookie.set('v', { expiresAt: 1_702_678_400_999, now: 0 })).toBe(
      'session=v; Expires=Fri, 15 Dec 2023 22:13:20 GMT; Path=/',
    )
    expect(cookie.set('v')).toBe('session=v; Path=/')
    expect(cookie.remove()).toBe(`session=; ${EPOCH}; Path=/`)
  })

  it.each([
    [1_000, 1],
    [1_999, 1],
    [1, 1],
    [0, 1],
    [-5, 1],
    [Number.NaN, 1],
    [3_600_000, 3_600],
    [400 * 86_400_000, 34_560_000],
    [400 * 86_400_000 + 1_000, 34_560_000],
    [Number.POSITIVE_INFINITY, 34_560_000],
  ])('turns %d ms into Max-Age=%d: whole seconds, 400 days at most', (maxAge, seconds) => {
    expect(cookieWriter().set('v', { expiresAt: maxAge, now: 0 })).toContain(
      `; Max-Age=${seconds}; `,
    )
  })

  it('holds 4096 bytes of name and value, not one more', () => {
    const cookie = cookieWriter()
    const room = 4096 - '__Host-session'.length
    expect(cookie.set('x'.repeat(room))).toContain('x; Secure')
    const run = () => cookie.set('x'.repeat(room + 1))
    expect(run).toThrow(
      expect.objectContaining({ code: 'ERR_VIAL_TOO_LARGE', size: 4097, limit: 4096 }),
    )
    expect(run).toThrow(/`store`/)
    expect(run).not.toThrow(/xxx/)
  })

  it.each([
    '',
    'a b',
    'a;b',
    'a,b',
    'a"b',
    'a\\b',
    'a\r\nSet-Cookie: b=c',
    'a\0',
    'é',
    '\ud800',
    'a\u007f',
    'a\n',
  ])('refuses %j from a seal', (value) => {
    expect(() => cookieWriter().set(value)).toThrow(
      expect.objectContaining({ code: 'ERR_VIAL_STATE' }),
    )
  })

  it('writes what cookieValues reads', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Za-z0-9_.-]{1,200}$/), (value) => {
        const cookie = cookieWriter()
        const pair = cookie.set(value, { expiresAt: 1, now: 0 }).split(';')[0] as string
        expect(cookieValues(`a=b; ${pair}`, cookie.name)).toEqual([value])
      }),
    )
  })
})

describe('a cookie that browsers would refuse', () => {
  const refused = (options: CookieOptions, fix: RegExp) => {
    const run = () => cookieWriter(options)
    expect(run).toThrow(expect.objectContaining({ code: 'ERR_VIAL_CONFIG' }))
    expect(run).toThrow(fix)
  }

  it.each([
    '',
    'a b',
    'a=b',
    'a;b',
    'a,b',
    '"a"',
    'é',
    'a\0',
    'a\r\n',
    'a\t',
    '(a)',
    'a/b',
    '\u00a0a',
  ])('has the name %j', (name) => refused({ name }, /cookie\.name is not a cookie name\. Use/))

  it.each(['__Host-', '__host-', '__HOST-', '__hOsT-', '__Host-Http-'])(
    '%s with more than its host',
    (prefix) => {
      const name = `${prefix}sid`
      refused({ name, domain: 'example.com' }, /no domain.*Leave those out/)
      refused({ name, path: '/app' }, /no path but '\/'/)
      refused({ name, secure: false }, /needs `secure: true`.*'session'/)
      refused({ name, secure: 'development' }, /needs `secure: true`/)
      expect(cookieWriter({ name }).name).toBe(name)
    },
  )

  it.each(['__Secure-', '__secure-', '__SECURE-', '__Http-'])('%s without Secure', (prefix) => {
    const name = `${prefix}sid`
    refused({ name, secure: false }, /needs `secure: true`.*'session'/)
    expect(cookieWriter({ name, domain: 'example.com', path: '/app' }).name).toBe(name)
  })

  it('SameSite=None or Partitioned without Secure', () => {
    refused({ secure: false, sameSite: 'none' }, /sameSite 'none' needs `secure: true`/)
    refused({ secure: false, partitioned: true }, /partitioned needs `secure: true`/)
    expect(cookieWriter({ sameSite: 'none', partitioned: true }).set('v')).toMatch(
      /None; Partitioned$/,
    )
  })

  it('Partitioned with a SameSite that keeps it from embedded pages', () => {
    refused({ partitioned: true }, /partitioned needs `sameSite: 'none'`/)
    refused({ partitioned: true, sameSite: 'strict' }, /partitioned needs `sameSite: 'none'`/)
  })

  it.each(['__Http-', '__http-', '__Host-Http-', '__HOST-HTTP-'])(
    '%s without HttpOnly',
    (prefix) => {
      const foreign = { name: `${prefix}sid`, sameSite: 'lax', httpOnly: false } as const
      refused(foreign, /needs HttpOnly\. Leave `httpOnly: false` out/)
      expect(cookieWriter({ ...foreign, httpOnly: true }).name).toBe(`${prefix}sid`)
      expect(cookieWriter({ ...foreign, name: '__Secure-sid' }).name).toBe('__Secure-sid')
    },
  )

  it.each([
    '',
    'app',
    '/a b',
    '/a;b',
    '/a\r\nX: y',
    '/a\0',
    '/é',
    '/\u007f',
    `/${'a'.repeat(1024)}`,
  ])('has the path %j', (path) =>
    refused({ path }, /cookie\.path is not a path\. Start it with '\/'/),
  )

  it.each([
    '',
    '.',
    '..a',
    'a..b',
    'example.com.',
    '-a.example',
    'a-.example',
    'a b',
    'a;b',
    'a\r\nb',
    'a\0',
    'bücher.example',
    'example.com:8080',
    'https://example.com',
    'example.com/',
    '*.example.com',
    `${'a'.repeat(64)}.example`,
    `${'a.'.repeat(127)}aa`,
  ])('has the domain %j', (domain) =>
    refused({ domain }, /cookie\.domain is not a host name\. Give one such as/),
  )

  it.each([
    'example.com',
    '.example.com',
    'localhost',
    'xn--bcher-kva.example',
    'A.Example',
    '127.0.0.1',
  ])('does not have the domain %s', (domain) => {
    const expected = `; Domain=${domain.replace(/^\./, '')}; `
    expect(cookieWriter({ domain }).set('v')).toContain(expected)
  })

  it('has options that are not of these', () => {
    refused({ sameSite: 'Laxative' as 'lax' }, /'lax', 'strict' or 'none'/)
    refused({ sameSite: 'toString' as 'lax' }, /'lax', 'strict' or 'none'/)
    refused({ secure: 'yes' as 'development' }, /true, false or 'development'/)
  })
})
