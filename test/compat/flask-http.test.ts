/** Every recorded request to Flask with its own session, made to `flaskCookie` over a real server. */

import process from 'node:process'
import { inflateSync } from 'node:zlib'
import type { Sessions } from 'vial'
import { ConfigError } from 'vial'
import { flaskCookie } from 'vial/compat/flask-cookie'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import {
  COOKIE_DIFFERENCES,
  type Difference,
  EAGER_DIFFERENCES,
  type Otherwise,
} from './flask-differences.ts'
import { type Answer, type CookieCase, http } from './flask-recordings.ts'
import { optionsOf, replay } from './flask-replay.ts'

beforeAll(() => {
  // The recorded secrets are short.
  vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
})

/** The content of a cookie, whether compressed or not. */
function unpacked(line: string): string {
  return line.replace(
    /^([^=]+)=(\.?)([\w-]+)\.([\w-]+)\.[\w-]{27}(?=;)/,
    (_, name, dot, payload, time) => {
      const bytes = Buffer.from(payload, 'base64url')
      return `${name}=${(dot === '' ? bytes : inflateSync(bytes)).toString()} ${time}`
    },
  )
}

/** Node's zlib gives other bytes than Python's, so what Flask compressed is compared by its content. */
function shown(answer: Answer, isCompressed: boolean): Answer {
  const { status, set_cookie, vary, found } = answer
  return { status, set_cookie: isCompressed ? set_cookie.map(unpacked) : set_cookie, vary, found }
}

function expectedOf(one: CookieCase, differences: readonly Difference[]): Otherwise {
  const own = differences.find(({ cases }) => Object.hasOwn(cases, one.name))?.cases[one.name]
  return own === 'ConfigError' ? own : { ...shown(one, isCompressed(one)), ...own }
}

const isCompressed = ({ set_cookie }: Answer): boolean => set_cookie[0]?.includes('=.') === true

const kinds = [
  { eager: false, differences: COOKIE_DIFFERENCES },
  { eager: true, differences: [...EAGER_DIFFERENCES, ...COOKIE_DIFFERENCES] },
] as const

describe.each(kinds)('Flask and flaskCookie, eager: $eager', ({ eager, differences }) => {
  test.each(http.cases.map((one) => [one.name, one] as const))('%s', async (_, one) => {
    const expected = expectedOf(one, differences)
    let sessions: Sessions
    try {
      const options = { ...optionsOf(one), secret: one.secret ?? undefined, clockSkew: 0 } as const
      sessions = eager ? flaskCookie({ ...options, eager }) : flaskCookie(options)
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigError)
      expect('ConfigError').toBe(expected)
      return
    }
    const answer = await replay(sessions, one, one.request)
    expect(shown(answer, isCompressed(one))).toEqual(expected)
    expect(answer.cache_control).toBe(answer.set_cookie.length > 0 ? 'private' : null)
  })
})

test('every difference is one of a case that was recorded', () => {
  const names = http.cases.map(({ name }) => name)
  for (const { cases } of [...COOKIE_DIFFERENCES, ...EAGER_DIFFERENCES]) {
    for (const name of Object.keys(cases)) expect(names).toContain(name)
  }
})

/** What an older Flask, with an older Werkzeug, does not know or writes otherwise. */
const OLDER: readonly [what: string, instead: string][] = [
  ['Domain=.', 'Domain='],
  ['/%20;a?b', '/%20%3Ba%3Fb'],
]

test.each(http.older.cases.map((one) => [one.name, one] as const))(
  'Flask 2.2 answers %s as 3.1 does, but for what it does not know',
  (name, one) => {
    const newer = http.cases.find((other) => other.name === name) as CookieCase
    const lines = one.set_cookie.map((line) =>
      OLDER.reduce((text, [what, instead]) => text.replace(what, instead), line),
    )
    const known = newer.set_cookie.map((line) =>
      line.endsWith('; Partitioned')
        ? line.replace('; Secure', '').replace('; Partitioned', '')
        : line,
    )
    expect([one.status, lines, one.found]).toEqual([newer.status, known, newer.found])
    expect([null, newer.vary]).toContain(one.vary)
  },
)
