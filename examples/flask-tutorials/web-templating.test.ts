import { randomBytes } from 'node:crypto'
import { getRequestListener } from '@hono/node-server'
import { ConfigError } from 'vial'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { serving } from './serving.ts'
import { visitor } from './visitor.ts'
import { example, type Handler, syntax } from './web-templating.ts'

const secret = randomBytes(32).toString('base64url')
const admin = { username: 'admin', password: 'admin' }

async function start(handler: Handler): Promise<string> {
  const { url, stop } = await serving(getRequestListener(handler))
  onTestFinished(stop)
  return url
}

describe('Syntax', () => {
  test('says what the document says', async () => {
    const user = visitor(await start(syntax(secret)))
    const turnedAway = await user.get('/home')
    expect([turnedAway.status, turnedAway.location]).toEqual([302, '/login'])
    const login = await user.get('/login')
    expect([login.status, login.location]).toEqual([302, '/home'])
    const home = await user.get('/home')
    expect([home.status, home.body]).toEqual([200, 'Welcome user_name!'])
    expect(home.type).toMatch(/^text\/html/)
  })

  test('is stored before the redirect leaves, for each of many visitors', async () => {
    const url = await start(syntax(secret))
    const visitors = Array.from({ length: 8 }, () => visitor(url))
    const bodies = await Promise.all(
      visitors.map(async (one) => {
        const { location } = await one.get('/login')
        return (await one.get(location ?? '')).body
      }),
    )
    expect(bodies).toEqual(visitors.map(() => 'Welcome user_name!'))
    expect((await visitor(url).get('/home')).location).toBe('/login')
  })

  test('any other path is not found', async () => {
    expect((await visitor(await start(syntax(secret))).get('/')).status).toBe(404)
  })
})

describe('Example', () => {
  const LOGGED_OUT = "You are not logged in!<br><a href = '/login'>Login</a>"
  const LOGGED_IN = "Hello, admin!<br><a href ='/logout'>Logout</a>"
  const FORM = `
        <form method = "post">
            <p><input type = text       name = username></p>
            <p><input type = password   name = password></p>
            <p><input type = submit     value = "Login"></p>
        </form>
    `

  test('says what the document says', async () => {
    const user = visitor(await start(example(secret)))
    const before = await user.get('/')
    expect(before.body).toBe(LOGGED_OUT)
    expect(before.type).toMatch(/^text\/html/)
    expect((await user.get('/login')).body).toBe(FORM)
    const login = await user.post('/login', admin)
    expect([login.status, login.location]).toEqual([302, '/'])
    expect((await user.get('/')).body).toBe(LOGGED_IN)
    const logout = await user.get('/logout')
    expect([logout.status, logout.location]).toEqual([302, '/'])
    expect((await user.get('/')).body).toBe(LOGGED_OUT)
  })

  test.each([
    ['another password', { username: 'admin', password: 'guess' }],
    ['another name', { username: 'root', password: 'admin' }],
    ['no fields', {}],
  ])('%s: the form again, and no session', async (_name, fields) => {
    const user = visitor(await start(example(secret)))
    const page = await user.post('/login', fields)
    expect([page.status, page.body, page.setCookie]).toEqual([200, FORM, []])
    expect((await user.get('/')).body).toBe(LOGGED_OUT)
  })

  test('a body that is no form is answered, not an error of the server', async () => {
    const url = await start(example(secret))
    const response = await fetch(`${url}/login`, { method: 'POST', body: '{}' })
    expect(response.status).toBe(400)
  })

  test('one visitor logs in, the others do not notice', async () => {
    const url = await start(example(secret))
    const [user, other] = [visitor(url), visitor(url)]
    await user.post('/login', admin)
    expect((await other.get('/')).body).toBe(LOGGED_OUT)
    await other.get('/logout')
    expect((await user.get('/')).body).toBe(LOGGED_IN)
  })

  test('the cookie lasts until the browser is closed, and logout takes it away', async () => {
    const user = visitor(await start(example(secret)))
    const { setCookie } = await user.post('/login', admin)
    expect(setCookie).toHaveLength(1)
    expect(setCookie[0]).toMatch(/^session=[\w.-]+; HttpOnly; Path=\/; SameSite=Lax$/)
    const logout = await user.get('/logout')
    expect(logout.setCookie).toHaveLength(1)
    expect(logout.setCookie[0]).toContain('; Max-Age=0;')
    expect(user.cookies.size).toBe(0)
  })

  test('a page that never asks for its session may be kept by any cache', async () => {
    const user = visitor(await start(example(secret)))
    expect((await user.get('/login')).vary).toBeNull()
    expect((await user.get('/')).vary).toBe('Cookie')
  })

  test('the data in the cookie really is encrypted, as the document has it', async () => {
    const user = visitor(await start(example(secret)))
    await user.post('/login', admin)
    const value = user.cookies.get('session') ?? ''
    expect(value.length).toBeGreaterThan(40)
    for (const part of value.split('.')) {
      expect(Buffer.from(part, 'base64url').toString('latin1')).not.toMatch(/admin|username/)
    }
  })
})

describe('the secret', () => {
  test.each([
    ['your_secret_key', syntax],
    ['my_secret_key', example],
  ])("the document's own, %s, is refused when the program starts", (copied, program) => {
    expect(() => program(copied)).toThrow(ConfigError)
    expect(() => program(copied)).toThrow(expect.objectContaining({ code: 'ERR_VIAL_CONFIG' }))
    expect(() => program(copied)).toThrow(/published sample.*randomBytes\(32\)/)
  })

  test.each([syntax, example])('a missing one is an error that names the fix', (program) => {
    vi.stubEnv('SECRET_KEY', undefined)
    onTestFinished(() => {
      vi.unstubAllEnvs()
    })
    expect(() => program()).toThrow(ConfigError)
    expect(() => program()).toThrow(/`secret` is undefined.*randomBytes\(32\)/)
  })
})
