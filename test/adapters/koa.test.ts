import { createServer } from 'node:http'
import Koa from 'koa'
import { sessionMiddleware } from 'vial/adapters/koa'
import { expect, test } from 'vitest'
import { start } from './koa-app.ts'
import { memorySessions, runSuite, visiting } from './suite.ts'

runSuite({ name: 'Koa', start, silence: 404 })

test('an error that is a constant carries no cookie to another visitor', async () => {
  const { sessions } = memorySessions()
  const app = new Koa()
  app.silent = true
  const denied = Object.assign(new Error('denied'), { status: 403, headers: { 'x-why': 'denied' } })
  app.use(sessionMiddleware(sessions))
  app.use(async (ctx) => {
    if (ctx.path === '/login') (await sessions.of(ctx)).set('name', 'Ada')
    throw denied
  })
  await visiting(createServer(app.callback()), async (visitor, origin) => {
    const login = await visitor.ask('/login')
    expect([login.status, login.cookies.length, login.vary]).toEqual([403, 1, ['cookie']])
    expect(login.header('x-why')).toBe('denied')
    const other = await visitor.ask(`${origin}/`)
    expect([other.status, other.cookies, other.vary]).toEqual([403, [], []])
  })
})

test('the middleware outside sees the headers, and the error when nothing could be stored', async () => {
  const { sessions, watch } = memorySessions()
  const app = new Koa()
  const seen: unknown[] = []
  app.use(async (ctx, next) => {
    try {
      await next()
      seen.push(ctx.response.get('vary'), ctx.response.get('cache-control'))
    } catch (error) {
      ctx.status = 503
      ctx.body = { code: (error as { code?: unknown }).code }
    }
  })
  app.use(sessionMiddleware(sessions))
  app.use(async (ctx) => {
    ;(await sessions.of(ctx)).set('name', ctx.path)
    if (ctx.path === '/throw') throw new Error('handler')
    ctx.body = 'welcome'
  })
  await visiting(createServer(app.callback()), async (visitor) => {
    expect((await visitor.ask('/')).cookies).toHaveLength(1)
    expect(seen).toEqual(['Cookie', 'private'])
    visitor.jar.clear()
    const thrown = await visitor.ask('/throw')
    expect([thrown.status, thrown.cookies.length, thrown.vary]).toEqual([503, 1, ['cookie']])
    visitor.jar.clear()
    watch.fail('writes')
    const { status, text, cookies, vary } = await visitor.ask('/')
    expect([status, text, cookies]).toEqual([503, '{"code":"ERR_VIAL_STORE"}', []])
    expect(vary).toEqual(['cookie'])
  })
})

test('when handler and store both fail, both are reported', async () => {
  const { sessions, watch } = memorySessions()
  watch.fail('writes')
  const app = new Koa()
  const errors: string[] = []
  app.on('error', (error: Error) => errors.push(error.message))
  app.use(sessionMiddleware(sessions))
  app.use(async (ctx) => {
    ;(await sessions.of(ctx)).set('name', 'Ada')
    throw Object.assign(new Error('handler'), { status: 404, expose: true })
  })
  await visiting(createServer(app.callback()), async (visitor) => {
    const { status, cookies } = await visitor.ask('/')
    expect([status, cookies]).toEqual([503, []])
    expect(errors).toEqual(['handler', 'The store is down'])
  })
})

test('what goes around Koa to ctx.res waits, too', async () => {
  const { sessions } = memorySessions()
  const app = new Koa()
  app.use(sessionMiddleware(sessions))
  app.use(async (ctx) => {
    ;(await sessions.of(ctx)).set('name', 'Ada')
    ctx.respond = false
    ctx.res.writeHead(200, { 'set-cookie': 'theme=dark' })
    ctx.res.end(ctx.path)
  })
  await visiting(createServer(app.callback()), async (visitor) => {
    const { status, text, cookies, vary } = await visitor.ask('/direct')
    expect([status, text, cookies.length, vary]).toEqual([200, '/direct', 2, ['cookie']])
  })
})
