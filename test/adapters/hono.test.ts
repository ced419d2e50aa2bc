import type { Server, ServerResponse } from 'node:http'
import { createAdaptorServer } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { Hono } from 'hono'
import { cors } from 'hono/cors'
import { sessionMiddleware } from 'vial/adapters/hono'
import { afterEach, expect, test, vi } from 'vitest'
import { start } from './hono-app.ts'
import { memorySessions, runSuite, visiting } from './suite.ts'

runSuite({ name: 'Hono', start })

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
