/** Host and path of a request, as each adapter gives them to the core. */

import { createServer, type RequestListener, request as send } from 'node:http'
import { connect, createServer as createServer2 } from 'node:http2'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import express5 from 'express'
import fc from 'fast-check'
import fastify from 'fastify'
import { Hono } from 'hono'
import Koa from 'koa'
import { createSessions, type LifeCycle, type RequestLocation, type Scope } from 'vial'
import * as expressAdapter from 'vial/adapters/express'
import { sessionPlugin } from 'vial/adapters/fastify'
import * as fetchAdapter from 'vial/adapters/fetch'
import * as honoAdapter from 'vial/adapters/hono'
import * as koaAdapter from 'vial/adapters/koa'
import * as nodeAdapter from 'vial/adapters/node'
import { memoryStore } from 'vial/stores/memory'
import { expect, test } from 'vitest'
import { locationOf } from '../../src/adapters/shared/headers.ts'
import { locationOfUrl } from '../../src/core/scope.ts'
import { listening } from './suite.ts'

/** Sessions that note the location of each scope. */
function noting(): { sessions: LifeCycle; locations: (RequestLocation | undefined)[] } {
  const real: LifeCycle = createSessions({ store: memoryStore() })
  const locations: (RequestLocation | undefined)[] = []
  const sessions: LifeCycle = {
    open: (header, readOnly) => real.open(header, readOnly),
    commit: (session) => real.commit(session),
    begin(request, scope, next) {
      locations.push((scope as Scope & { location(): RequestLocation | undefined }).location())
      return real.begin(request, scope, next)
    },
  }
  return { sessions, locations }
}

type Make = (sessions: LifeCycle) => RequestListener | Promise<RequestListener>

function expressOf(framework: typeof express5, trusts: boolean): Make {
  return (sessions) => {
    const router = framework.Router()
    router.use(expressAdapter.sessionMiddleware(sessions))
    router.use((_request, response) => void response.end())
    const app = framework()
    if (trusts) app.set('trust proxy', true)
    return app.use('/shop', router)
  }
}

const fastifyOf =
  (trustProxy: boolean): Make =>
  async (sessions) => {
    const app = fastify({ trustProxy })
    await app.register(sessionPlugin(sessions))
    app.get('/*', async () => 'x')
    await app.ready()
    return app.routing
  }

const koaOf =
  (proxy: boolean): Make =>
  (sessions) => {
    const app = new Koa({ proxy })
    app.use(koaAdapter.sessionMiddleware(sessions))
    app.use((context) => {
      context.body = 'x'
    })
    return app.callback()
  }

const node: Make = (sessions) =>
  nodeAdapter.withSession(sessions, (_request, response) => void response.end())

const hono: Make = (sessions) => {
  const app = new Hono()
  app.use(honoAdapter.sessionMiddleware(sessions))
  app.get('*', (c) => c.text('x'))
  const [listener] = createAdaptorServer(app).listeners('request')
  return listener as RequestListener
}

/** Sends one request and gives the location. */
async function locate(
  make: Make,
  path: string,
  headers: Record<string, string>,
): Promise<RequestLocation | undefined> {
  const { sessions, locations } = noting()
  const { origin, close } = await listening(createServer(await make(sessions)))
  try {
    await new Promise((resolve, reject) => {
      const { port } = new URL(origin)
      const request = send({ host: '127.0.0.1', port, path, headers, agent: false })
      request.once('response', (response) => resolve(response.resume()))
      request.once('error', reject).end()
    })
  } finally {
    await close()
  }
  expect(locations).toHaveLength(1)
  return locations[0]
}

const express4 = createRequire(import.meta.url)('express4') as typeof express5
test.each<[string, Make]>([
  ['node', node],
  ['Express 5', expressOf(express5, false)],
  ['Express 4', expressOf(express4, false)],
  ['Fastify', fastifyOf(false)],
  ['Koa', koaOf(false)],
  ['Hono', hono],
])(
  '%s gives host without port in lower case, and the whole path without query',
  async (_, make) => {
    const host = 'WWW.Example.com:8080'
    const headers = { host, 'x-forwarded-host': 'front.example' }
    const location = await locate(make, '/shop/cart/?a=/b#c', headers)
    expect(location).toEqual({ host: 'www.example.com', path: '/shop/cart/' })
    expect(await locate(make, '/shop/', { host: '[::1]:3000' })).toEqual({
      host: '[::1]',
      path: '/shop/',
    })
  },
)

test.each<[string, Make]>([
  ['Express', expressOf(express5, true)],
  ['Fastify', fastifyOf(true)],
  ['Koa', koaOf(true)],
])('%s follows its setting for proxies', async (_, make) => {
  const headers = { host: 'inside', 'x-forwarded-host': 'Front.example:443' }
  expect(await locate(make, '/shop/', headers)).toEqual({ host: 'front.example', path: '/shop/' })
})

test('node takes absolute request targets, and gives nothing where there is no path', async () => {
  const host = 'example.com'
  expect(await locate(node, 'http://proxy.example/a?b', { host })).toEqual({ host, path: '/a' })
  expect(await locate(node, '*', { host })).toBeUndefined()
})

test('node gives the authority of HTTP/2', async () => {
  const { sessions, locations } = noting()
  const listener = nodeAdapter.withSession(sessions, (_request, response) => void response.end())
  const server = createServer2(
    (request, response) => void listener(request as never, response as never),
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const stream = client.request({ ':path': '/a?b', ':authority': 'Two.example:8443' })
  await new Promise((resolve) => stream.once('close', resolve).resume())
  client.destroy()
  await new Promise((resolve) => server.close(resolve))
  expect(locations).toEqual([{ host: 'two.example', path: '/a' }])
})

test('fetch gives the location of the URL', async () => {
  const { sessions, locations } = noting()
  const handle = fetchAdapter.withSession(sessions, () => new Response('x'))
  await handle(new Request('https://WWW.Example.com:8080/shop/cart/?a=/b'))
  await handle(new Request('http://[::1]:3000/'))
  expect(locations).toEqual([
    { host: 'www.example.com', path: '/shop/cart/' },
    { host: '[::1]', path: '/' },
  ])
})

test('a location never throws, and is undefined without host or path', () => {
  expect(locationOf(undefined, '/')).toBeUndefined()
  expect(locationOf('', '/')).toBeUndefined()
  expect(locationOf('a.example', undefined)).toBeUndefined()
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.webUrl({ withQueryParameters: true }))
  fc.assert(
    fc.property(text, text, (host, target) => {
      for (const location of [locationOf(host, target), locationOfUrl(target)]) {
        if (location === undefined) continue
        expect(location.host).toBe(location.host.toLowerCase())
        expect(location.path).toMatch(/^\/[^?]*$/)
      }
    }),
  )
})
