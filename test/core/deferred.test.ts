/** Options that are a function: evaluated at the first use, so that a build may import the program without its secrets. */

import { Hono } from 'hono'
import { createSessions, type Session, type Store } from 'vial'
import { withSession } from 'vial/adapters/fetch'
import { sessionMiddleware } from 'vial/adapters/hono'
import { flaskCookie } from 'vial/compat/flask-cookie'
import { flaskSession } from 'vial/compat/flask-session'
import { memoryStore } from 'vial/stores/memory'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { Browser, Clock, countingStore, SECRET } from './requests.ts'

afterEach(() => {
  vi.unstubAllEnvs()
  vi.unstubAllGlobals()
})

const missing = undefined as unknown as string
const KINDS = {
  createSessions: (secret?: string) => createSessions(() => ({ secret: secret ?? missing })),
  'createSessions, async': (secret?: string) =>
    createSessions(async () => ({ secret: secret ?? missing })),
  'createSessions with a store': (secret?: string) =>
    createSessions(() => ({ store: memoryStore(), secret: secret ?? missing })),
  flaskCookie: (secret?: string) => flaskCookie(() => ({ secret })),
  flaskSession: (secret?: string) =>
    flaskSession(async () => ({ store: memoryStore(), secret: secret ?? missing })),
}

describe.each(Object.entries(KINDS))('%s', (_, make) => {
  test('nothing is checked before the first use', async () => {
    const sessions = make()
    for (const use of [
      () => sessions.check(),
      () => sessions.load(undefined),
      () => sessions.of({}),
      () => sessions.current(),
    ]) {
      await expect(use()).rejects.toMatchObject({
        code: 'ERR_VIAL_CONFIG',
        message: expect.stringContaining('secret'),
      })
    }
    const handler = withSession(sessions, () => new Response('x'))
    await expect(handler(new Request('https://a.example/'))).rejects.toMatchObject({
      code: 'ERR_VIAL_CONFIG',
    })
    await sessions.close()
  })

  test('they are sessions like others, from the first request on', async () => {
    const sessions = make(SECRET)
    const handler = withSession(sessions, async (request) => {
      const session: Session = await sessions.of(request)
      session.set('views', Number(session.get('views', 0)) + 1)
      return new Response(String(session.get('views')))
    })
    const first = await handler(new Request('https://a.example/'))
    const cookie = first.headers.get('set-cookie')?.split(';')[0] ?? ''
    const second = await handler(new Request('https://a.example/', { headers: { cookie } }))
    expect([await first.text(), await second.text()]).toEqual(['1', '2'])
    await sessions.check({ connect: true })
    await sessions.close()
  })
})

test('options are evaluated once for all requests, and again after a failure', async () => {
  let calls = 0
  const sessions = createSessions(async () => {
    calls++
    if (calls === 1) throw new Error('the vault is down')
    return { store: memoryStore() }
  })
  await expect(Promise.all([sessions.load(undefined), sessions.load(undefined)])).rejects.toThrow(
    'the vault is down',
  )
  expect(calls).toBe(1)
  await Promise.all([sessions.load(undefined), sessions.check(), sessions.load(undefined)])
  await new Browser(sessions).visit((session) => session.increment('views'))
  expect(calls).toBe(2)
})

test('they are called with process.env, and on Workers with the bindings of the request', async () => {
  vi.stubEnv('VIAL_TEST_SECRET', SECRET)
  const seen: unknown[] = []
  const make = () =>
    createSessions((env: { readonly VIAL_TEST_SECRET?: string | undefined }) => {
      seen.push(env)
      return { secret: env.VIAL_TEST_SECRET }
    })
  const bindings = { VIAL_TEST_SECRET: SECRET }
  const viaFetch = async () => {
    const sessions = make()
    const handler = withSession(sessions, async (request, _env: object) => {
      ;(await sessions.of(request)).set('a', 1)
      return new Response('x')
    })
    expect(
      (await handler(new Request('https://a.example/'), bindings)).headers.has('set-cookie'),
    ).toBe(true)
  }
  const viaHono = async () => {
    const sessions = make()
    const app = new Hono().use(sessionMiddleware(sessions)).get('/', async (c) => {
      ;(await sessions.of(c)).set('a', 1)
      return c.text('x')
    })
    expect((await app.request('/', {}, bindings)).headers.has('set-cookie')).toBe(true)
  }
  await viaFetch()
  await viaHono()
  await make().check()
  expect(seen.every((env) => env === process.env)).toBe(true)
  seen.length = 0
  vi.stubGlobal('navigator', { userAgent: 'Cloudflare-Workers' })
  await viaFetch()
  await viaHono()
  await make().load(undefined, { env: bindings })
  await make().check({ env: bindings })
  expect(seen).toEqual([bindings, bindings, bindings, bindings])
})

test('on Workers one request does not wait for the options of another', async () => {
  vi.stubGlobal('navigator', { userAgent: 'Cloudflare-Workers' })
  let calls = 0
  const sessions = createSessions(() =>
    // The request of the first call has ended, and its promise never settles.
    ++calls === 1 ? new Promise<never>(() => {}) : { store: memoryStore() },
  )
  void sessions.load(undefined)
  expect((await sessions.load(undefined)).isNew).toBe(true)
})

test('ambient and eager stand beside the function', async () => {
  const sessions = createSessions(() => ({ store: memoryStore() }), { eager: true })
  expect(() => sessions.session).toThrow(/inside a handler/)
  const handler = withSession(sessions, () => {
    sessions.session.increment('views')
    return new Response(String(sessions.session.get('views')))
  })
  expect(await (await handler(new Request('https://a.example/'))).text()).toBe('1')
  const ambient = createSessions(() => ({ store: memoryStore() }), { ambient: true })
  const other = withSession(ambient, async () => {
    ;(await ambient.current()).set('a', 1)
    return new Response('x')
  })
  expect((await other(new Request('https://a.example/'))).headers.has('set-cookie')).toBe(true)
  const create = createSessions as (...args: unknown[]) => unknown
  expect(() => create({ secret: SECRET }, { eager: true })).toThrow(
    /only where the options are a function/,
  )
  expect(() => create(() => ({}), { eagre: true })).toThrow(/Did you mean 'eager'\?/)
})

test('check connects where it is told to, and fails as the store does', async () => {
  const store = countingStore(new Clock())
  const sessions = createSessions({ store })
  await sessions.check()
  await sessions.check({ connect: true })
  const down: Store = { ...memoryStore(), read: () => Promise.reject(new Error('down')) }
  for (const broken of [
    createSessions({ store: down }),
    createSessions(() => ({ store: down })),
    flaskSession(() => ({ store: down })),
  ]) {
    await broken.check()
    await expect(broken.check({ connect: true })).rejects.toMatchObject({ code: 'ERR_VIAL_STORE' })
  }
  await createSessions({ secret: SECRET }).check({ connect: true })
})
