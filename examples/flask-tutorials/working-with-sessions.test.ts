import { randomBytes } from 'node:crypto'
import { getRequestListener } from '@hono/node-server'
import type { Hono } from 'hono'
import { ConfigError, TooLargeError } from 'vial'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { serving } from './serving.ts'
import { visitor } from './visitor.ts'
import { workingWithSessions } from './working-with-sessions.ts'

const secret = randomBytes(32)
const MINUTE = 60_000

async function start(app: Hono): Promise<string> {
  const { url, stop } = await serving(getRequestListener(app.fetch))
  onTestFinished(stop)
  return url
}

test('says what the document says', async () => {
  const alice = visitor(await start(workingWithSessions(secret)))
  expect((await alice.get('/profile')).body).toBe('Not logged in')
  expect((await alice.get('/login/Alice')).body).toBe('Logged in as Alice')
  expect((await alice.get('/profile')).body).toBe('User: Alice')
  expect((await alice.get('/logout')).body).toBe('Logged out')
  expect((await alice.get('/profile')).body).toBe('Not logged in')
})

test('logging out without having logged in changes nothing', async () => {
  const nobody = visitor(await start(workingWithSessions(secret)))
  const page = await nobody.get('/logout')
  expect([page.body, page.setCookie]).toEqual(['Logged out', []])
})

test('tells visitors apart', async () => {
  const url = await start(workingWithSessions(secret))
  const [alice, bob, carol] = [visitor(url), visitor(url), visitor(url)]
  await Promise.all([alice.get('/login/Alice'), bob.get('/remember/Bob')])
  expect((await alice.get('/profile')).body).toBe('User: Alice')
  expect((await bob.get('/profile')).body).toBe('User: Bob')
  expect((await carol.get('/profile')).body).toBe('Not logged in')
  await alice.get('/logout')
  expect((await bob.get('/profile')).body).toBe('User: Bob')
})

test('a name is sent as plain text, so that it cannot be HTML', async () => {
  const mallory = visitor(await start(workingWithSessions(secret)))
  const page = await mallory.get(`/login/${encodeURIComponent('<b>Mallory</b>')}`)
  expect(page.body).toBe('Logged in as <b>Mallory</b>')
  expect(page.type).toMatch(/^text\/plain/)
  expect((await mallory.get('/profile')).type).toMatch(/^text\/plain/)
})

test('shared caches are told that a page depends on its visitor', async () => {
  const alice = visitor(await start(workingWithSessions(secret)))
  expect((await alice.get('/profile')).vary).toBe('Cookie')
  expect((await alice.get('/login/Alice')).vary).toBe('Cookie')
})

describe('session timeouts', () => {
  test('by default a session lasts until the browser is closed', async () => {
    const alice = visitor(await start(workingWithSessions(secret)))
    const { setCookie } = await alice.get('/login/Alice')
    expect(setCookie).toHaveLength(1)
    expect(setCookie[0]).toMatch(/^session=[\w.-]+; HttpOnly; Path=\/; SameSite=Lax$/)
    alice.closeBrowser()
    expect((await alice.get('/profile')).body).toBe('Not logged in')
  })

  test('session.permanent = true: it outlives the browser, for 30 minutes', async () => {
    const alice = visitor(await start(workingWithSessions(secret)))
    const { setCookie } = await alice.get('/remember/Alice')
    expect(setCookie).toHaveLength(1)
    expect(setCookie[0]).toMatch(/^session=[\w.-]+; Max-Age=1800; HttpOnly; Path=\/; SameSite=Lax$/)
    alice.closeBrowser()
    expect((await alice.get('/profile')).body).toBe('User: Alice')
  })

  test.each(['login', 'remember'])('/%s: each visit begins the 30 minutes anew', async (route) => {
    let now = Date.now()
    const alice = visitor(await start(workingWithSessions(secret, () => now)))
    await alice.get(`/${route}/Alice`)
    for (let visit = 0; visit < 4; visit += 1) {
      now += 20 * MINUTE
      expect((await alice.get('/profile')).body).toBe('User: Alice')
    }
    now += 30 * MINUTE
    expect((await alice.get('/profile')).body).toBe('Not logged in')
  })

  test('a copy of the cookie ends, too: the server looks at the clock, not at Max-Age', async () => {
    let now = Date.now()
    const url = await start(workingWithSessions(secret, () => now))
    const alice = visitor(url)
    await alice.get('/remember/Alice')
    const copy = visitor(url, alice)
    now += 29 * MINUTE
    expect((await visitor(url, alice).get('/profile')).body).toBe('User: Alice')
    now += MINUTE
    expect((await copy.get('/profile')).body).toBe('Not logged in')
  })
})

test('clearing the session takes the cookie away; only a store can end a copy of it', async () => {
  const url = await start(workingWithSessions(secret))
  const alice = visitor(url)
  await alice.get('/login/Alice')
  const copy = visitor(url, alice)
  const { setCookie } = await alice.get('/logout')
  expect(setCookie).toHaveLength(1)
  expect(setCookie[0]).toContain('; Max-Age=0;')
  expect(alice.cookies.size).toBe(0)
  // As in Flask: the data is in the cookie, so a copy is good until its 30 minutes are over.
  expect((await copy.get('/profile')).body).toBe('User: Alice')
})

test('nobody can read the cookie, change it or make one up', async () => {
  const url = await start(workingWithSessions(secret))
  const alice = visitor(url)
  await alice.get('/login/Alice')
  const value = alice.cookies.get('session') ?? ''
  for (const part of value.split('.')) {
    expect(Buffer.from(part, 'base64url').toString('latin1')).not.toMatch(/Alice|username/)
  }
  const middle = Math.floor(value.length / 2)
  const other = value[middle] === 'A' ? 'B' : 'A'
  for (const forged of [
    value.slice(0, middle) + other + value.slice(middle + 1),
    value.slice(0, -4),
    'eyJ1c2VybmFtZSI6ImFkbWluIn0.ZV-xQQ.AAAAAAAAAAAAAAAAAAAAAAAAAAA',
    '%00%ff',
  ]) {
    alice.cookies.set('session', forged)
    const page = await alice.get('/profile')
    expect([page.status, page.body]).toEqual([200, 'Not logged in'])
  }
})

test('too large for a cookie: a TooLargeError for onError, and no Set-Cookie', async () => {
  const app = workingWithSessions(secret)
  const errors: Error[] = []
  app.onError((error, c) => {
    errors.push(error)
    return c.text('Too much', 500)
  })
  const alice = visitor(await start(app))
  await alice.get('/login/Alice')
  const page = await alice.get(`/login/${'x'.repeat(5000)}`)
  expect([page.status, page.body, page.setCookie]).toEqual([500, 'Too much', []])
  expect(errors).toEqual([expect.objectContaining({ code: 'ERR_VIAL_TOO_LARGE', limit: 4096 })])
  expect(errors[0]).toBeInstanceOf(TooLargeError)
  expect((await alice.get('/profile')).body).toBe('User: Alice')
})

describe('the secret', () => {
  // app.secret_key = b'Y\xf1Xz\x00\xad|eQ\x80t \xca\x1a\x10K'
  const sample = Buffer.from('Y\xf1Xz\x00\xad|eQ\x80t \xca\x1a\x10K', 'latin1')

  test.each([
    ['the 16 bytes of the document', sample],
    ['their text, as it stands in the document', String.raw`Y\xf1Xz\x00\xad|eQ\x80t \xca\x1a\x10K`],
  ])('%s must not be copied', (_name, copied) => {
    expect(sample).toHaveLength(16)
    expect(() => workingWithSessions(copied)).toThrow(ConfigError)
    expect(() => workingWithSessions(copied)).toThrow(/published sample.*randomBytes\(32\)/)
  })

  test('a missing one is an error that names the fix', () => {
    vi.stubEnv('SECRET_KEY', undefined)
    onTestFinished(() => {
      vi.unstubAllEnvs()
    })
    expect(() => workingWithSessions()).toThrow(
      expect.objectContaining({ code: 'ERR_VIAL_CONFIG' }),
    )
    expect(() => workingWithSessions()).toThrow(/`secret` is undefined.*randomBytes\(32\)/)
  })
})
