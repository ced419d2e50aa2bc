import { createServer } from 'node:http'
import { sessionMiddleware as expressMiddleware } from 'vial/adapters/express'
import { sessionMiddleware } from 'vial/adapters/node'
import { afterEach, expect, test, vi } from 'vitest'
import { type Middleware, promised, start } from './connect-app.ts'
import { memorySessions, runSuite, visiting } from './suite.ts'

const after = 'the handler runs after `next` has returned, so no context reaches it'
runSuite({
  name: 'Connect middleware',
  start,
  middleware: (sessions) => sessionMiddleware(sessions),
  exceptions: { A01: after, A02: after, A03: after, A04: after },
})

afterEach(() => {
  vi.restoreAllMocks()
})

test('a failed commit is answered where `next` counts once, also by the middleware for Express', async () => {
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  const { sessions, watch } = memorySessions()
  watch.fail('writes')
  const forms: Middleware[] = [
    sessionMiddleware(sessions),
    expressMiddleware(sessions) as unknown as Middleware,
  ]
  for (const middleware of forms) {
    const server = createServer(async (request, response) => {
      await promised(middleware, request, response)
      ;(await sessions.of(request)).set('name', 'Ada')
      response.setHeader('etag', '"1"').end('welcome')
    })
    await visiting(server, async (visitor) => {
      const { status, text, cookies, header } = await visitor.ask('/')
      expect([status, text, cookies]).toEqual([503, 'Service Unavailable', []])
      expect(header('etag')).toBe('')
    })
  }
  expect(warned.mock.calls.map(([warning]) => warning)).toEqual([
    'A request failed: StoreError: The store is down',
    'A request failed: StoreError: The store is down',
  ])
})

test('with eager, a failed load is the error that `next` gets', async () => {
  const { sessions, watch } = memorySessions({ eager: true })
  const server = createServer(async (request, response) => {
    await promised(sessionMiddleware(sessions), request, response).catch(({ code }) =>
      response.writeHead(503).end(code),
    )
    if (!response.writableEnded) response.end(String((await sessions.of(request)).get('name')))
  })
  await visiting(server, async (visitor) => {
    expect((await visitor.ask('/')).text).toBe('undefined')
    visitor.jar.set('__Host-session', `${'a'.repeat(22)}.${'b'.repeat(43)}`)
    watch.fail('reads')
    expect(await visitor.ask('/')).toMatchObject({ status: 503, text: 'ERR_VIAL_STORE' })
  })
})
