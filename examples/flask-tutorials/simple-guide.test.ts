import { randomBytes } from 'node:crypto'
import type Koa from 'koa'
import { ConfigError, TooLargeError } from 'vial'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { serving } from './serving.ts'
import { example, pitfalls, syntax, withoutSecret } from './simple-guide.ts'
import { visitor } from './visitor.ts'

const secret = randomBytes(32).toString('base64url')

async function start(app: Koa): Promise<string> {
  const { url, stop } = await serving(app.callback())
  onTestFinished(stop)
  return url
}

test('Syntax: set, get, clear', async () => {
  const user = visitor(await start(syntax(secret)))
  expect((await user.get('/get')).body).toBe('Hello, Not logged in!')
  expect((await user.get('/set')).body).toBe('Session data set!')
  expect((await user.get('/get')).body).toBe('Hello, Alice!')
  expect((await user.get('/clear')).body).toBe('Session cleared!')
  expect((await user.get('/get')).body).toBe('Hello, Not logged in!')
  expect((await user.get('/elsewhere')).status).toBe(404)
})

describe('Example', () => {
  test('Output: what the document says one sees', async () => {
    const bob = visitor(await start(example(secret)))
    expect((await bob.get('/login')).body).toBe('User logged in and session set.')
    expect((await bob.get('/profile')).body).toBe('Welcome back, Bob!')
    expect((await bob.get('/logout')).body).toBe('User logged out and session cleared.')
    expect((await bob.get('/profile')).body).toBe('You are not logged in.')
  })

  test('persists across requests for the same user, and for no other', async () => {
    const url = await start(example(secret))
    const [bob, other] = [visitor(url), visitor(url)]
    const { setCookie } = await bob.get('/login')
    expect(setCookie).toHaveLength(1)
    expect(setCookie[0]).toMatch(/^session=[\w.-]+; HttpOnly; Path=\/; SameSite=Lax$/)
    for (let visit = 0; visit < 3; visit += 1) {
      const page = await bob.get('/profile')
      expect([page.body, page.setCookie]).toEqual(['Welcome back, Bob!', []])
      expect((await other.get('/profile')).body).toBe('You are not logged in.')
    }
    const logout = await bob.get('/logout')
    expect(logout.setCookie).toHaveLength(1)
    expect(logout.setCookie[0]).toContain('; Max-Age=0;')
    expect(bob.cookies.size).toBe(0)
  })
})

describe('Common Pitfalls', () => {
  test('no secret: a clear error when the program starts', () => {
    expect(withoutSecret).toThrow(ConfigError)
    expect(withoutSecret).toThrow(expect.objectContaining({ code: 'ERR_VIAL_CONFIG' }))
    expect(withoutSecret).toThrow(/need a `secret`\. Make one with .*randomBytes\(32\)/)
  })

  test('the correct way', async () => {
    const user = visitor(await start(pitfalls(secret)))
    const page = await user.get('/set_correct')
    expect([page.status, page.body]).toEqual([200, 'Session data set correctly'])
    expect((await user.get('/missing')).body).toBe('value, value')
  })

  test('a missing key: the fallback, or undefined', async () => {
    const user = visitor(await start(pitfalls(secret)))
    const page = await user.get('/missing')
    expect([page.status, page.body]).toEqual([200, 'a fallback, undefined'])
  })

  test('a change inside a value is saved', async () => {
    const user = visitor(await start(pitfalls(secret)))
    expect((await user.get('/cart')).body).toBe('')
    await user.get('/add')
    expect((await user.get('/cart')).body).toBe('apple')
    const page = await user.get('/add_another')
    expect(page.setCookie).toHaveLength(1)
    await user.get('/add')
    expect((await user.get('/cart')).body).toBe('apple, pear, apple')
  })

  test('too large for a cookie: a TooLargeError, status 413 and no Set-Cookie', async () => {
    const app = pitfalls(secret)
    const errors: Error[] = []
    app.on('error', (error: Error) => errors.push(error))
    const user = visitor(await start(app))
    await user.get('/set_correct')
    const page = await user.get('/large')
    expect([page.status, page.body, page.setCookie]).toEqual([413, 'Payload Too Large', []])
    expect(errors).toEqual([expect.objectContaining({ code: 'ERR_VIAL_TOO_LARGE', limit: 4096 })])
    expect(errors[0]).toBeInstanceOf(TooLargeError)
    expect((errors[0] as TooLargeError).size).toBeGreaterThan(5000)
    // What was there before is there still.
    expect((await user.get('/missing')).body).toBe('value, value')
  })
})

describe('the secret', () => {
  test.each([
    ['your_secret_key_here', syntax],
    ['supersecretkey123', example],
    ['a_secure_random_key', pitfalls],
  ])("the document's own, %s, is refused when the program starts", (copied, program) => {
    expect(() => program(copied)).toThrow(ConfigError)
    expect(() => program(copied)).toThrow(expect.objectContaining({ code: 'ERR_VIAL_CONFIG' }))
    expect(() => program(copied)).toThrow(/randomBytes\(32\)/)
  })

  test.each([syntax, example, pitfalls])(
    'a missing one is an error that names the fix',
    (program) => {
      vi.stubEnv('SECRET_KEY', undefined)
      onTestFinished(() => {
        vi.unstubAllEnvs()
      })
      expect(() => program()).toThrow(ConfigError)
      expect(() => program()).toThrow(/`secret` is undefined.*randomBytes\(32\)/)
    },
  )
})
