import type { Server, ServerResponse } from 'node:http'
import { createAdaptorServer } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { type Context, Hono } from 'hono'
import { cors } from 'hono/cors'
import { sessionMiddleware } from 'vial/adapters/hono'
import { afterEach, expect, test, vi } from 'vitest'
import { start } from './hono-app.ts'
import { memorySessions, runSuite, visiting } from './suite.ts'

runSuite({ name: 'Hono', start, silence: 500, subRequests: true })

afterEach(() => {
  vi.restoreAllMocks()
})

const served = (app: Hono): Server => createAdaptorServer(app) as Server

test('route() keeps the session, mount() finds the ambient one', async () => {
  const { sessions, watch } = memorySessions({ ambient: true })
  const app = new Hono()
  app.use(sessionMiddleware(sessions))
  app.use(async (c, next) => {
    ;(await sessions.of(c)).set('app', true)
    await next()
  })
  const keys = async (x: object) => [...(await sessions.of(x)).keys()]
  const child = new Hono().get('/', async (c) => c.json(await keys(c)))
  app.route('/route', child)
  app.mount('/mount', (request) => child.fetch(request))
  app.mount('/foreign', async (request) => Response.json(await keys(request)))
  await visiting(served(app), async (visitor) => {
    for (const path of ['/route', '/mount', '/foreign']) {
      visitor.jar.clear()
      const { text, cookies } = await visitor.ask(path)
      expect([text, cookies.length]).toEqual(['["app"]', 1])
    }
    expect(watch.calls).toEqual(['create', 'create', 'create'])
  })
})

test('a response that is a constant gets no cookie of another visitor', async () => {
  const { sessions } = memorySessions()
  const constant = new Response('done')
  const empty = new Response(null, { status: 204 })
  const immutable = Response.redirect('http://localhost/elsewhere', 302)
  const app = new Hono()
  app.use(sessionMiddleware(sessions))
  app.get('/login/:what', async (c, next) => {
    ;(await sessions.of(c)).set('name', 'Ada')
    await next()
  })
  app.get('*', (c) => {
    if (c.req.path.endsWith('constant')) return constant.clone()
    return c.req.path.endsWith('empty') ? empty : immutable
  })
  await visiting(served(app), async (visitor) => {
    for (const what of ['constant', 'empty', 'immutable']) {
      visitor.jar.clear()
      expect((await visitor.ask(`/login/${what}`)).cookies).toHaveLength(1)
      expect(await visitor.ask(`/${what}`)).toMatchObject({ cookies: [], vary: [] })
    }
  })
})

test('a handler that responds with nothing stays an error of Hono, and what was written is not lost', async () => {
  const { sessions, watch } = memorySessions()
  const printed: unknown[] = []
  const app = new Hono()
  app.onError((error, c) => {
    printed.push(error.message)
    return c.text('failed', 500)
  })
  app.use(sessionMiddleware(sessions))
  app.get('/write', (async (c: Context) => {
    ;(await sessions.of(c)).set('name', 'Ada')
  }) as never)
  app.get('/read', (async (c: Context) => {
    ;(await sessions.of(c)).get('name')
  }) as never)
  app.get('/nothing', (async () => {}) as never)
  app.use('/next', async (c, next) => {
    ;(await sessions.of(c)).set('name', 'Ada')
    await next()
  })
  await visiting(served(app), async (visitor) => {
    for (const path of ['/write', '/read', '/nothing']) {
      visitor.jar.clear()
      const { status, text, cookies } = await visitor.ask(path)
      // The page of `onError` is a response, so the session is stored with it.
      expect([status, text, cookies.length]).toEqual([500, 'failed', path === '/write' ? 1 : 0])
    }
    expect(watch.calls).toEqual(['create'])
    expect(printed).toEqual(Array(3).fill(expect.stringContaining('not finalized')))
    expect(await visitor.ask('/next')).toMatchObject({ status: 404, cookies: [expect.anything()] })
  })
})

test('the middleware outside and inside of mount(): one ambient session, one cookie', async () => {
  const { sessions, watch } = memorySessions({ ambient: true })
  const app = new Hono()
  app.use(sessionMiddleware(sessions))
  app.use(async (c, next) => {
    ;(await sessions.of(c)).set('app', true)
    await next()
  })
  const child = new Hono().use(sessionMiddleware(sessions)).get('/', async (c) => {
    const session = await sessions.of(c)
    session.set('child', true)
    return c.json([...session.keys(), session === (await sessions.current())])
  })
  app.mount('/mount', (request) => child.fetch(request))
  app.get('/other', async (c) => {
    // A request with a cookie of its own is another visitor's.
    const headers = { cookie: '__Host-session=x' }
    const inner = await child.request('/', { headers })
    return c.json([await inner.json(), inner.headers.getSetCookie().length])
  })
  await visiting(served(app), async (visitor) => {
    const { text, cookies } = await visitor.ask('/mount')
    expect([text, cookies.length]).toEqual(['["app","child",true]', 1])
    expect(watch.calls).toEqual(['create'])
    const again = await visitor.ask('/mount')
    expect([again.text, again.cookies.length]).toEqual(['["app","child",true]', 0])
    visitor.jar.clear()
    const other = await visitor.ask('/other')
    expect([other.text, other.cookies.length]).toEqual(['[["child",true],1]', 1])
  })
})

test('without ambient, two cookies of one name in a response are a warning', async () => {
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  const { sessions } = memorySessions()
  const app = new Hono().use(sessionMiddleware(sessions))
  app.use(async (c, next) => {
    ;(await sessions.of(c)).set('app', true)
    c.header('set-cookie', '__Host-sessions=other', { append: true })
    await next()
  })
  app.get('/once', (c) => c.text('once'))
  const child = new Hono().use(sessionMiddleware(sessions)).get('/', async (c) => {
    ;(await sessions.of(c)).set('child', true)
    return c.text('child')
  })
  app.mount('/mount', (request) => child.fetch(request))
  await visiting(served(app), async (visitor) => {
    await visitor.ask('/once')
    expect(warned).not.toHaveBeenCalled()
    visitor.jar.clear()
    await visitor.ask('/mount')
    visitor.jar.clear()
    await visitor.ask('/mount')
    expect(warned.mock.calls).toEqual([
      [expect.stringContaining('`ambient: true`'), { code: 'VIAL_COOKIE_NAME' }],
    ])
  })
})

test('onError answers for a session that cannot be stored, with the headers of the middleware before', async () => {
  const { sessions, watch } = memorySessions()
  watch.fail('writes')
  const app = new Hono()
  app.onError((error, c) => c.json({ code: (error as { code?: unknown }).code }, 503))
  app.use(cors())
  app.use(sessionMiddleware(sessions))
  app.get('/', async (c) => {
    ;(await sessions.of(c)).set('name', 'Ada')
    c.header('set-cookie', 'theme=dark')
    c.header('cache-control', 'public')
    return c.redirect('/welcome')
  })
  await visiting(served(app), async (visitor) => {
    const { status, text, cookies, vary, header } = await visitor.ask('/')
    expect([status, text, cookies]).toEqual([503, '{"code":"ERR_VIAL_STORE"}', []])
    expect([header('location'), header('cache-control')]).toEqual(['', ''])
    expect(header('access-control-allow-origin')).toBe('*')
    expect(vary).toContain('cookie')
  })
})

test('a cookie that is due after the response was sent by hand is an error, not silence', async () => {
  // The server finds that the error page comes too late, and says so.
  const printed = vi.spyOn(console, 'error').mockImplementation(() => {})
  const { sessions } = memorySessions()
  const errors: unknown[] = []
  const app = new Hono<{ Bindings: { outgoing: ServerResponse } }>()
  app.onError((error, c) => {
    errors.push((error as { code?: unknown }).code)
    return c.text('failed', 500)
  })
  app.use(sessionMiddleware(sessions))
  app.get('/', async (c) => {
    ;(await sessions.of(c)).set('name', 'Ada')
    c.env.outgoing.writeHead(200).end('sent')
    return RESPONSE_ALREADY_SENT
  })
  await visiting(served(app as never), async (visitor) => {
    expect((await visitor.ask('/')).cookies).toEqual([])
    expect(errors).toEqual(['ERR_VIAL_STATE'])
    expect(printed).toHaveBeenCalledOnce()
  })
})
