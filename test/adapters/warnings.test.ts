/** What a response shows to be a mistake: a Secure cookie over plain http, and two kinds of session with one cookie name. */

import { createServer, type RequestListener, request as send } from 'node:http'
import type { Socket } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import Koa from 'koa'
import { createSessions, type LifeCycle, type Sessions, type StoredSession } from 'vial'
import * as expressAdapter from 'vial/adapters/express'
import { sessionPlugin } from 'vial/adapters/fastify'
import * as fetchAdapter from 'vial/adapters/fetch'
import * as honoAdapter from 'vial/adapters/hono'
import * as koaAdapter from 'vial/adapters/koa'
import * as nodeAdapter from 'vial/adapters/node'
import { flaskSession } from 'vial/compat/flask-session'
import { memoryStore } from 'vial/stores/memory'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { PATIENCE } from '../support/patience.ts'
import { watchWarnings } from '../support/warnings.ts'
import { listening } from './suite.ts'

let warnings: readonly string[] = []
beforeEach(() => {
  warnings = watchWarnings()
})
afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllEnvs()
})

type Handle = (
  of: <S>(sessions: { of(request: object): Promise<S> }) => Promise<S>,
) => Promise<void>
/** An application with the middleware of each of these sessions, in their order. */
type Make = (
  sessions: readonly LifeCycle[],
  handle: Handle,
) => RequestListener | Promise<RequestListener>

const ADAPTERS: Readonly<Record<string, Make>> = {
  node: (sessions, handle) =>
    sessions.reduceRight<RequestListener>(
      (inner, one) =>
        nodeAdapter.withSession(one, (request, response) => void inner(request, response)),
      async (request, response) => {
        await handle((own) => own.of(request))
        response.end('x')
      },
    ),
  express: (sessions, handle) => {
    const app = express()
    for (const one of sessions) app.use(expressAdapter.sessionMiddleware(one))
    app.get('/', async (request, response) => {
      await handle((own) => own.of(request))
      response.send('x')
    })
    app.use(((_error, _request, response, _next) => {
      response.status(500).end()
    }) satisfies express.ErrorRequestHandler)
    return app
  },
  fastify: async (sessions, handle) => {
    const app = fastify()
    for (const one of sessions) await app.register(sessionPlugin(one))
    app.get('/', async (request) => {
      await handle((own) => own.of(request))
      return 'x'
    })
    await app.ready()
    return app.routing
  },
  koa: (sessions, handle) => {
    const app = new Koa({ proxy: true })
    app.silent = true
    for (const one of sessions) app.use(koaAdapter.sessionMiddleware(one))
    app.use(async (context) => {
      await handle((own) => own.of(context))
      context.body = 'x'
    })
    return app.callback()
  },
  hono: (sessions, handle) => {
    const app = new Hono()
    for (const one of sessions) app.use(honoAdapter.sessionMiddleware(one))
    app.get('/', async (c) => {
      await handle((own) => own.of(c))
      return c.text('x')
    })
    app.onError((_error, c) => c.body(null, 500))
    return createAdaptorServer(app).listeners('request')[0] as RequestListener
  },
  fetch: (sessions, handle) => {
    const serve = sessions.reduceRight<(request: Request) => Promise<Response>>(
      (inner, one) => fetchAdapter.withSession(one, inner),
      async (request) => {
        await handle((own) => own.of(request))
        return new Response('x')
      },
    )
    const safe = (request: Request) =>
      serve(request).catch(() => new Response(null, { status: 500 }))
    return createAdaptorServer({ fetch: safe }).listeners('request')[0] as RequestListener
  },
}

async function visit(
  make: Make,
  sessions: readonly Sessions[],
  headers: Record<string, string>,
  {
    write = sessions,
    encrypted = false,
  }: { write?: readonly Sessions[]; encrypted?: boolean } = {},
): Promise<number | undefined> {
  const handle: Handle = async (of) => {
    for (const one of write) (await of(one)).set('a', 1)
  }
  const server = createServer(await make(sessions, handle))
  if (encrypted) {
    server.on('connection', (socket: Socket) => void Object.assign(socket, { encrypted: true }))
  }
  const { origin, close } = await listening(server)
  try {
    return await new Promise((resolve, reject) => {
      const { port } = new URL(origin)
      const request = send({ host: '127.0.0.1', port, path: '/', headers, agent: false })
      request.once('response', (response) => resolve(response.resume().statusCode))
      request.once('error', reject).end()
    })
  } finally {
    await close()
  }
}

const all = Object.entries(ADAPTERS)
const HOST = { host: 'shop.example:8080' }
const fresh = (name?: string) =>
  createSessions({ store: memoryStore(), ...(name !== undefined && { cookie: { name } }) })

describe('a Secure cookie over plain http', () => {
  test.each(all)('%s: one warning names `secure` and the page', async (_, make) => {
    const sessions = [fresh()]
    await visit(make, sessions, HOST)
    await visit(make, sessions, HOST)
    expect(warnings).toEqual([
      expect.stringMatching(/^VIAL_PLAIN_HTTP: .*docs\/proxy\.md.*`cookie: \{ secure/),
    ])
  })

  test.each(all)(
    '%s: no warning over https, on this machine, or where nothing is sent',
    async (_, make) => {
      for (const host of ['localhost:3000', 'app.localhost', '127.0.0.1:8080', '[::1]:3000']) {
        await visit(make, [fresh()], { host })
      }
      await visit(make, [fresh()], { ...HOST, 'x-forwarded-proto': 'https' })
      await visit(make, [fresh()], { ...HOST, 'x-forwarded-proto': 'HTTPS, http' })
      await visit(make, [fresh()], { ...HOST, forwarded: 'for=192.0.2.1;proto=https' })
      await visit(make, [fresh()], HOST, { write: [] })
      await visit(make, [createSessions({ store: memoryStore(), cookie: { secure: false } })], HOST)
      await visit(make, [flaskSession({ store: memoryStore() })], HOST)
      expect(warnings).toEqual([])
    },
  )

  test.each(all.filter(([name]) => name !== 'fetch'))(
    '%s: no warning on a TLS socket',
    async (_, make) => {
      await visit(make, [fresh()], HOST, { encrypted: true })
      expect(warnings).toEqual([])
    },
  )

  test('a proxy that was asked over http, a sealed cookie, a Flask preset', async () => {
    const { hono } = ADAPTERS as { hono: Make }
    const secret = 'q8ZsXn3kLm0PvR7tYb2WcE5uHjKd9aGf'
    for (const sessions of [
      createSessions({ secret }),
      flaskSession({ store: memoryStore(), cookie: { secure: true } }),
    ]) {
      const seen = watchWarnings()
      await visit(hono, [sessions], { ...HOST, 'x-forwarded-proto': 'http' })
      expect(seen).toEqual([expect.stringMatching(/^VIAL_PLAIN_HTTP: /)])
    }
  })
})

describe('two kinds of session with one cookie name', () => {
  test.each(all)('%s: an error in development when both send it', async (_, make) => {
    expect(await visit(make, [fresh('sid'), fresh('sid')], HOST)).toBe(500)
  })

  test.each(all)('%s: one warning in production', async (_, make) => {
    vi.stubEnv('NODE_ENV', 'production')
    const kinds = [fresh('__Host-a'), fresh('__Host-a'), fresh('__Host-b')]
    const local = { host: 'localhost' }
    expect(await visit(make, kinds, local)).toBe(200)
    expect(await visit(make, kinds, local)).toBe(200)
    expect(warnings.filter((one) => !one.startsWith('VIAL_MEMORY'))).toEqual([
      expect.stringMatching(/^VIAL_COOKIE_NAME: .*'__Host-a'.*Give each its own `cookie\.name`/),
    ])
  })

  test.each(all)(
    '%s: no mistake when one sends it, or one kind is there twice',
    async (_, make) => {
      const [one, other] = [fresh('sid'), fresh('sid')]
      const local = { host: 'localhost' }
      expect(await visit(make, [one, other], local, { write: [one] })).toBe(200)
      expect(await visit(make, [one, other], local, { write: [other] })).toBe(200)
      expect(await visit(make, [one, one], local, { write: [one] })).toBe(200)
      expect(await visit(make, [one, fresh('other')], local)).toBe(200)
      expect(warnings).toEqual([])
    },
  )

  test('the session of each is found, and the error names the cookie', async () => {
    const kinds = [fresh('sid'), fresh('sid'), fresh('sid')]
    const found: StoredSession[] = []
    const serve = kinds.reduceRight<(request: Request) => Promise<Response>>(
      (inner, one) => fetchAdapter.withSession(one, inner),
      async (request) => {
        for (const one of kinds) found.push(await one.of(request))
        for (const session of found) session.set('a', 1)
        return new Response('x')
      },
    )
    await expect(serve(new Request('https://shop.example/'))).rejects.toMatchObject({
      code: 'ERR_VIAL_CONFIG',
      message: expect.stringContaining("named 'sid'"),
    })
    expect(new Set(found).size).toBe(3)
  })
})

describe.each(all)('%s: a value that is changed after the commit', (_, make) => {
  /** Changes the list while the session is being stored, as a handler does that goes on after its answer. */
  function changedLate(change: (list: unknown[]) => void) {
    const list: unknown[] = ['a']
    const store = memoryStore()
    const { create } = store
    store.create = async (...args) => {
      change(list)
      return create(...args)
    }
    const sessions = createSessions({ store, cookie: { secure: false } })
    const end = async (): Promise<void> => {
      const server = createServer(
        await make([sessions], async (of) => {
          const session = await of(sessions)
          session.set('list', list)
          // What the format does not hold is no change.
          session.set('gaps', { none: undefined })
        }),
      )
      const { origin, close } = await listening(server)
      await (await fetch(origin)).text()
      await close()
    }
    return { end }
  }

  test('warns in development, with the key, and stores what was there', async () => {
    const { end } = changedLate((list) => list.push('late'))
    await end()
    await vi.waitFor(
      () =>
        expect(warnings).toEqual([expect.stringMatching(/^VIAL_LATE_CHANGE: Session key 'list'/)]),
      PATIENCE,
    )
  })

  test('says nothing in production, nor where nothing changed', async () => {
    await changedLate(() => {}).end()
    vi.stubEnv('NODE_ENV', 'production')
    await changedLate((list) => list.push('late')).end()
    await new Promise((resolve) => setImmediate(resolve))
    expect(warnings.filter((line) => line.includes('LATE'))).toEqual([])
  })
})

test('a nested change in a session that can only be read warns as well', async () => {
  const sessions = createSessions({ store: memoryStore() })
  const first = await sessions.load(undefined)
  first.set('list', [1])
  const { headers } = await sessions.commit(first)
  const cookie = headers.find(([name]) => name === 'set-cookie')?.[1].split(';')[0]
  const session = await sessions.load(cookie, { readOnly: true })
  ;(session.get('list') as number[]).push(2)
  await sessions.commit(session)
  expect(warnings).toEqual([expect.stringMatching(/^VIAL_LATE_CHANGE: Session key 'list'/)])
})

describe('express: req.session', () => {
  async function read(handle: express.RequestHandler, before?: express.RequestHandler) {
    const app = express()
    if (before !== undefined) app.use(before)
    app.use(expressAdapter.sessionMiddleware(fresh()))
    app.get('/', handle)
    const { origin, close } = await listening(createServer(app))
    const text = await (await fetch(origin)).text()
    await close()
    return text
  }
  const session = (request: express.Request) => (request as { session?: unknown }).session
  const show: express.RequestHandler = (request, response) =>
    void response.send(String(session(request) ?? session(request)))

  test('gives undefined, and one warning in development', async () => {
    expect([await read(show), await read(show)]).toEqual(['undefined', 'undefined'])
    expect(warnings).toEqual([
      expect.stringMatching(/^VIAL_REQ_SESSION: .*await sessions\.of\(req\)/),
    ])
  })

  test('says nothing in production, nor where another middleware has it, before or after', async () => {
    const define: express.RequestHandler = (request, _response, next) => {
      Object.assign(request, { session: 'theirs' })
      next()
    }
    expect(await read(show, define)).toBe('theirs')
    expect(
      await read((request, response, next) =>
        define(request, response, () => show(request, response, next)),
      ),
    ).toBe('theirs')
    vi.stubEnv('NODE_ENV', 'production')
    expect(await read(show)).toBe('undefined')
    expect(warnings.filter((one) => !one.startsWith('VIAL_MEMORY'))).toEqual([])
  })
})
