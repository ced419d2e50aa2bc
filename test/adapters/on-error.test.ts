/**
 * `onError: 'discard'` where a framework's error handler answers with another status than the error has, and the answers of
 * frameworks that are thrown as errors.
 */

import { createServer, type Server } from 'node:http'
import { createRequire } from 'node:module'
import { createAdaptorServer } from '@hono/node-server'
import express5, { type ErrorRequestHandler, type Request } from 'express'
import { fastify } from 'fastify'
import { Hono } from 'hono'
import { HTTPException } from 'hono/http-exception'
import Koa from 'koa'
import type { AdapterOptions, StoredSessions } from 'vial'
import { noteError } from 'vial/adapters'
import { sessionMiddleware as expressMiddleware, sessionErrors } from 'vial/adapters/express'
import { sessionPlugin } from 'vial/adapters/fastify'
import { withSession as withFetchSession } from 'vial/adapters/fetch'
import { sessionMiddleware as honoMiddleware } from 'vial/adapters/hono'
import { sessionMiddleware as koaMiddleware } from 'vial/adapters/koa'
import { sessionMiddleware as nodeMiddleware, withSession } from 'vial/adapters/node'
import type { RunningServer } from 'vial/testing'
import { describe, expect, test } from 'vitest'
import { promised } from './connect-app.ts'
import { memorySessions, visiting } from './suite.ts'

const express4 = createRequire(import.meta.url)('express4') as typeof express5

/** An error with the status of an answer. */
function answer(status: number): Error {
  return Object.assign(new Error('an answer'), { status, statusCode: status })
}

/** `/throw` fails, and the error handler responds with 200; `/404` throws what the framework answers with 404. */
type App = (
  sessions: StoredSessions,
  options: AdapterOptions,
) => Server | RunningServer | Promise<Server | RunningServer>

function expressApp(framework: typeof express5): App {
  return (sessions, options) => {
    const onError: ErrorRequestHandler = (error, _req, res, _next) => {
      res.status(error.status ?? 200).send('handled')
    }
    const app = framework()
    app.use(expressMiddleware(sessions, options))
    app.use(async (req: Request, _res, next) => {
      ;(await sessions.of(req)).set('name', 'Ada')
      next(req.path === '/404' ? answer(404) : new Error('failed'))
    })
    return createServer(app.use(sessionErrors()).use(onError))
  }
}

const APPS: Record<string, App> = {
  'Express 5': expressApp(express5),
  'Express 4': expressApp(express4),
  Fastify: async (sessions, options) => {
    const app = fastify({ forceCloseConnections: true })
    await app.register(sessionPlugin(sessions, options))
    app.setErrorHandler<Error & { statusCode?: number }>((error, _request, reply) => {
      reply.code(error.statusCode ?? 200).send('handled')
    })
    app.get('/*', async (request) => {
      ;(await sessions.of(request)).set('name', 'Ada')
      throw request.url === '/404' ? answer(404) : new Error('failed')
    })
    return {
      origin: await app.listen({ port: 0, host: '127.0.0.1' }),
      close: () => app.close(),
    }
  },
  Hono: (sessions, options) => {
    const app = new Hono()
    app.use(honoMiddleware(sessions, options))
    app.onError((error, c) => c.text('handled', error instanceof HTTPException ? 404 : 200))
    app.get('*', async (c) => {
      ;(await sessions.of(c)).set('name', 'Ada')
      throw c.req.path === '/404' ? new HTTPException(404) : new Error('failed')
    })
    return createAdaptorServer(app) as Server
  },
  Koa: (sessions, options) => {
    const app = new Koa()
    app.silent = true
    app.use(async (ctx, next) => {
      try {
        await next()
      } catch (error) {
        ctx.status = (error as { status?: number }).status ?? 200
        ctx.body = 'handled'
      }
    })
    app.use(koaMiddleware(sessions, options))
    app.use(async (ctx) => {
      ;(await sessions.of(ctx)).set('name', 'Ada')
      if (ctx.path === '/404') ctx.throw(404)
      throw new Error('failed')
    })
    return createServer(app.callback())
  },
  'node:http': (sessions, options) =>
    createServer(
      withSession(
        sessions,
        async (request) => {
          ;(await sessions.of(request)).set('name', 'Ada')
          throw request.url === '/404' ? answer(404) : new Error('failed')
        },
        {
          ...options,
          onFailure(error, _request, response) {
            response.statusCode = (error as { status?: number }).status ?? 200
            response.end('handled')
          },
        },
      ),
    ),
  'Connect middleware': (sessions, options) => {
    const middleware = nodeMiddleware(sessions, options)
    return createServer(async (request, response) => {
      try {
        await promised(middleware, request, response)
        ;(await sessions.of(request)).set('name', 'Ada')
        throw request.url === '/404' ? answer(404) : new Error('failed')
      } catch (error) {
        noteError(request, error)
        response.statusCode = (error as { status?: number }).status ?? 200
        response.end('handled')
      }
    })
  },
}

describe.each(Object.entries(APPS))('%s', (_name, start) => {
  test.each(['commit', 'discard'] as const)('onError %s', async (onError) => {
    const { sessions, watch } = memorySessions()
    await visiting(await start(sessions, { onError }), async (visitor) => {
      const failed = await visitor.ask('/throw')
      const count = onError === 'commit' ? 1 : 0
      expect([failed.status, failed.text, failed.cookies.length]).toEqual([200, 'handled', count])
      expect(watch.calls).toHaveLength(count)
      visitor.jar.clear()
      const missing = await visitor.ask('/404')
      expect([missing.status, missing.text, missing.cookies.length]).toEqual([404, 'handled', 1])
      expect(watch.calls).toHaveLength(count + 1)
    })
  })
})

test('Fastify: the status of the reply counts for an error without one, and that of a Response', async () => {
  const { sessions, watch } = memorySessions()
  const app = fastify({ forceCloseConnections: true })
  await app.register(sessionPlugin(sessions, { onError: 'discard' }))
  app.addHook('preHandler', async (request) => {
    ;(await sessions.of(request)).set('name', 'Ada')
  })
  app.get('/gone', async (_request, reply) => {
    reply.code(410)
    throw new Error('gone')
  })
  app.get('/response', async () => new Response('busy', { status: 503 }))
  const schema = { querystring: { type: 'object', required: ['n'] } }
  app.get('/schema', { schema }, async () => 'fine')
  const origin = await app.listen({ port: 0, host: '127.0.0.1' })
  await visiting({ origin, close: () => app.close() }, async (visitor) => {
    expect(await visitor.ask('/gone')).toMatchObject({ status: 410, cookies: [expect.anything()] })
    visitor.jar.clear()
    expect(await visitor.ask('/response')).toMatchObject({ status: 503, cookies: [] })
    expect((await visitor.ask('/schema')).status).toBe(400)
    expect((await visitor.ask('/nowhere')).status).toBe(404)
    expect(watch.calls).toEqual(['create', 'create'])
  })
})

test('fetch: a rejected handler stores nothing but an end, and its own error is thrown when the store fails, too', async () => {
  const { sessions, watch } = memorySessions()
  const handler = withFetchSession(
    sessions,
    async (request) => {
      const session = await sessions.of(request)
      if (request.url.endsWith('/login')) {
        session.login('ada')
        return new Response('welcome')
      }
      session.destroy()
      session.set('name', 'Eve')
      throw new Error('failed')
    },
    { onError: 'discard' },
  )
  const login = await handler(new Request('http://localhost/login'))
  const cookie = login.headers.getSetCookie()[0]?.split(';')[0] ?? ''
  const out = () => handler(new Request('http://localhost/', { headers: { cookie } }))
  watch.fail('writes')
  await expect(out()).rejects.toThrow('failed')
  watch.fail('none')
  expect((await sessions.load(cookie)).user).toBe('ada')
  await expect(out()).rejects.toThrow('failed')
  expect((await sessions.load(cookie)).user).toBeUndefined()
})
