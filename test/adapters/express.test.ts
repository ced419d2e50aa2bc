import { createServer } from 'node:http'
import { Readable } from 'node:stream'
import express, { type ErrorRequestHandler } from 'express'
import { sessionMiddleware } from 'vial/adapters/express'
import { expect, test } from 'vitest'
import { middleware, starting } from './express-app.ts'
import { gzipped } from './gzip-wrapper.ts'
import { memorySessions, runSuite, visiting } from './suite.ts'

runSuite({ name: 'Express 5', start: starting(express), middleware })

test('a handler that throws after its answer: the answer leaves whole, as without sessions', async () => {
  const { sessions, watch } = memorySessions()
  const app = express()
  app.set('env', 'test')
  app.use(sessionMiddleware(sessions))
  app.use(async (req, res, next) => {
    ;(await sessions.of(req)).set('name', 'Ada')
    if (req.path === '/send') res.send('x'.repeat(100_000))
    if (req.path === '/end') res.end('short')
    if (req.path === '/socket') {
      res.send('short')
      req.socket.destroy()
      res.destroy()
    } else if (req.path === '/part') {
      res.write('part')
      next(new Error('in the middle'))
    } else next(new Error('after the answer'))
  })
  await visiting(createServer(app), async (visitor) => {
    for (const [path, length] of Object.entries({ send: 100_000, end: 5, socket: 5 })) {
      visitor.jar.clear()
      const release = watch.hold()
      const begun = watch.writing()
      const answer = visitor.ask(`/${path}`)
      await begun
      setImmediate(release)
      const { status, text, cookies } = await answer
      expect([path, status, text.length, cookies.length]).toEqual([path, 200, length, 1])
    }
    // An answer that is not whole breaks off, as without sessions.
    await expect(visitor.ask('/part')).rejects.toMatchObject({ code: 'ECONNRESET' })
  })
})

test('a sub-application and a router share the session', async () => {
  const { sessions, watch } = memorySessions()
  const app = express()
  const child = express()
  const router = express.Router()
  app.use(sessionMiddleware(sessions))
  app.use(async (req, _res, next) => {
    ;(await sessions.of(req)).set('app', true)
    next()
  })
  router.get('/', async (req, res) => {
    const session = await sessions.of(res)
    session.set('router', true)
    res.json([...session.keys(), session === (await sessions.of(req))])
  })
  child.use('/router', router)
  app.use('/child', child)
  await visiting(createServer(app), async (visitor) => {
    const { text, cookies } = await visitor.ask('/child/router')
    expect([text, cookies.length]).toEqual(['["app","router",true]', 1])
    expect(watch.calls).toEqual(['create'])
  })
})

test('a session that cannot be stored reaches the error handlers, once', async () => {
  const { sessions, watch } = memorySessions()
  const errors: unknown[] = []
  const app = express()
  app.use(sessionMiddleware(sessions))
  const router = express.Router()
  router.get('/', async (req, res) => {
    ;(await sessions.of(req)).set('name', 'Ada')
    res.status(201).set('ETag', '"1"').json('welcome')
  })
  app.use('/deep', router)
  const onError: ErrorRequestHandler = async (error, req, res, _next) => {
    errors.push((error as { code?: unknown }).code)
    const session = await sessions.of(req)
    expect(() => session.set('name', 'Eve')).toThrow(
      expect.objectContaining({ code: 'ERR_VIAL_STATE' }),
    )
    res.status(503).json({ sorry: session.get('name') })
  }
  app.use(onError)
  watch.fail('writes')
  await visiting(createServer(app), async (visitor) => {
    const { status, text, cookies, vary, header } = await visitor.ask('/deep')
    expect([status, text, cookies, vary]).toEqual([503, '{"sorry":"Ada"}', [], ['cookie']])
    expect(header('etag')).not.toBe('"1"')
  })
  expect(errors).toEqual(['ERR_VIAL_STORE'])
})

test('a second answer is refused as if the first had left', async () => {
  const { sessions } = memorySessions()
  const app = express()
  const refused: unknown[] = []
  app.use(sessionMiddleware(sessions))
  app.get('/', async (req, res) => {
    ;(await sessions.of(req)).set('name', 'Ada')
    res.json('first')
    try {
      res.status(404).json('second')
    } catch (error) {
      refused.push((error as { code?: unknown }).code)
    }
  })
  await visiting(createServer(app), async (visitor) => {
    const { status, text, cookies } = await visitor.ask('/')
    expect([status, text, cookies.length]).toEqual([200, '"first"', 1])
    expect(refused).toEqual(['ERR_HTTP_HEADERS_SENT'])
  })
})

test.each(['outside', 'inside'])(
  'compression %s: a long download with a new session',
  async (side) => {
    const { sessions } = memorySessions()
    const long = 'words and more words\n'.repeat(20_000)
    const app = express()
    const compression: express.RequestHandler = (_req, res, next) => {
      gzipped(res)
      next()
    }
    if (side === 'outside') app.use(compression)
    app.use(sessionMiddleware(sessions))
    app.use(async (req, _res, next) => {
      ;(await sessions.of(req)).set('name', 'Ada')
      next()
    })
    if (side === 'inside') app.use(compression)
    app.get('/', (_req, res) => {
      Readable.from(long.match(/[\s\S]{1,9999}/g) ?? []).pipe(res)
    })
    await visiting(createServer(app), async (_visitor, origin) => {
      const response = await fetch(origin, { headers: { 'accept-encoding': 'gzip' } })
      expect(await response.text()).toBe(long)
      expect(response.headers.getSetCookie()).toHaveLength(1)
    })
  },
)
