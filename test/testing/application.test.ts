/** What `vial/testing` has for tests of applications, on real frameworks. */

import Fastify from 'fastify'
import { Hono } from 'hono'
import { createSessions } from 'vial'
import { sessionPlugin } from 'vial/adapters/fastify'
import { sessionMiddleware } from 'vial/adapters/hono'
import { withSession } from 'vial/adapters/node'
import { memoryStore } from 'vial/stores/memory'
import { CookieJar, loginAs, storageState, TestClock } from 'vial/testing'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'

const SECRET = 'q8ZsXn3kLm0PvR7tYb2WcE5uHjKd9aGf'
const places = [{ store: memoryStore() }, { secret: SECRET }]

describe.each(places)('%#', (place) => {
  test('loginAs gives the cookie of a user, with data, for Hono', async () => {
    const data = z.object({ cart: z.array(z.string()) }).partial()
    const sessions = createSessions({ ...place, data, cookie: { name: 'sid', secure: false } })
    const app = new Hono().use(sessionMiddleware(sessions)).get('/', async (c) => {
      const session = await sessions.of(c)
      return c.json([session.user, session.get('cart')])
    })
    const cookie = await loginAs(sessions, 'ann', { cart: ['tea'] })
    expect(cookie).toMatch(/^sid=[^;]+$/)
    const response = await app.request('/', { headers: { cookie } })
    expect(await response.json()).toEqual(['ann', ['tea']])
  })

  test('a jar keeps what responses set, and forgets what they remove: inject of Fastify', async () => {
    const sessions = createSessions({ ...place, cookie: { secure: false } })
    const app = Fastify().register(sessionPlugin(sessions))
    app.post('/login', async (request) => {
      ;(await sessions.of(request)).login('ann')
      return 'in'
    })
    app.post('/logout', async (request) => {
      ;(await sessions.of(request)).destroy()
      return 'out'
    })
    app.get('/', async (request) => (await sessions.of(request)).user ?? 'nobody')
    const jar = new CookieJar('theme=dark')
    const visit = async (method: 'GET' | 'POST', url: string) =>
      jar.take(await app.inject({ method, url, headers: { cookie: jar.header } })).body
    expect(await visit('GET', '/')).toBe('nobody')
    expect(jar.header).toBe('theme=dark')
    await visit('POST', '/login')
    expect(jar.header).toMatch(/^theme=dark; session=./)
    expect(await visit('GET', '/')).toBe('ann')
    await visit('POST', '/logout')
    expect(jar.header).toBe('theme=dark')
    await app.close()
  })
})

test('the fetch of a jar sends and keeps cookies over a real socket, redirects included', async () => {
  const { createServer } = await import('node:http')
  const sessions = createSessions({ store: memoryStore(), cookie: { secure: false } })
  const server = createServer(
    withSession(sessions, async (request, response) => {
      const session = await sessions.of(request)
      if (request.url === '/login') {
        session.login('ann')
        response.writeHead(303, { location: '/' }).end()
      } else response.end(session.user)
    }),
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as { port: number }).port}`
  const jar = new CookieJar()
  const redirect = await jar.fetch(`${origin}/login`, { method: 'POST' })
  expect([redirect.status, redirect.headers.get('location')]).toEqual([303, '/'])
  expect(await (await jar.fetch(origin)).text()).toBe('ann')
  const other = new CookieJar(await loginAs(sessions, 'bob'))
  expect(await (await other.fetch(origin, { headers: { accept: 'text/plain' } })).text()).toBe(
    'bob',
  )
  server.close()
})

test('a jar takes what supertest gives, and cookies with odd values', () => {
  const jar = new CookieJar()
  jar.take({ headers: { 'set-cookie': ['a=1=2; Path=/', 'b=; Path=/', 'c="x"'] } })
  expect(jar.header).toBe('a=1=2; b=; c="x"')
  jar.take({ headers: { 'set-cookie': 'a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT' } })
  jar.take({ headers: { 'set-cookie': ['c=; max-age=0'] } })
  jar.take({ headers: {} })
  expect(jar.header).toBe('b=')
})

test('the state of a browser', async () => {
  const sessions = createSessions({ store: memoryStore() })
  const state = storageState(await loginAs(sessions, 'ann'), 'http://localhost:3000/shop')
  expect(state).toEqual({
    cookies: [
      {
        name: '__Host-session',
        value: expect.stringMatching(/^[\w-]{22}\.[\w-]{43}$/),
        domain: 'localhost',
        path: '/',
        expires: -1,
        httpOnly: true,
        secure: true,
        sameSite: 'Lax',
      },
    ],
    origins: [],
  })
})

test('data that the sessions do not have is a type error, and untyped sessions take any', async () => {
  const data = z.object({ cart: z.array(z.string()) }).partial()
  const typed = createSessions({ store: memoryStore(), data })
  // @ts-expect-error: there is no such key.
  await expect(loginAs(typed, 'ann', { card: ['tea'] })).resolves.toContain('=')
  const untyped = createSessions({ store: memoryStore() })
  await expect(loginAs(untyped, 'ann', { anything: 1 })).resolves.toContain('=')
})

test('a clock that a test moves ends a session', async () => {
  const clock = new TestClock(new Date('2030-01-01'))
  const sessions = createSessions({
    store: memoryStore({ now: clock.now }),
    idle: '30m',
    now: clock.now,
  })
  const cookie = await loginAs(sessions, 'ann')
  clock.advance(29 * 60_000)
  expect((await sessions.load(cookie, { readOnly: true })).user).toBe('ann')
  clock.advance(2 * 60_000)
  expect((await sessions.load(cookie)).user).toBeUndefined()
})
