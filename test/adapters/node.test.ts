import { createServer } from 'node:http'
import { connect, createServer as createServer2 } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { text as textOf } from 'node:stream/consumers'
import { withSession } from 'vial/adapters/node'
import { afterEach, expect, test, vi } from 'vitest'
import { start } from './node-app.ts'
import { memorySessions, runSuite, visiting } from './suite.ts'

runSuite({
  name: 'node:http',
  start,
  middleware: (sessions) => (request, response, next) =>
    void withSession(sessions, () => next())(request, response),
})

afterEach(() => {
  vi.restoreAllMocks()
})

test('without onFailure, an error is a warning and answered with 500', async () => {
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  const { sessions, watch } = memorySessions()
  const listener = withSession(sessions, async (request, response) => {
    ;(await sessions.of(response)).set('name', 'Ada')
    response.setHeader('content-encoding', 'br')
    response.setHeader('x-frame-options', 'DENY')
    if (request.url === '/throw') throw new Error('handler')
    response.end('welcome')
    if (request.url === '/late') throw new Error('after the answer')
  })
  await visiting(createServer(listener), async (visitor) => {
    const thrown = await visitor.ask('/throw')
    expect([thrown.status, thrown.text]).toEqual([500, 'Internal Server Error'])
    expect([thrown.cookies.length, thrown.header('x-frame-options')]).toEqual([1, 'DENY'])
    expect(thrown.header('content-encoding')).toBe('')
    expect((await visitor.ask('/late')).text).toBe('welcome')
    watch.fail('writes')
    visitor.jar.clear()
    const { status, text, cookies } = await visitor.ask('/')
    expect([status, text, cookies]).toEqual([503, 'Service Unavailable', []])
  })
  expect(warned.mock.calls.map(([warning]) => warning)).toEqual([
    'A request failed: Error: handler',
    'A request failed: Error: after the answer',
    'A request failed: StoreError: The store is down',
  ])
})

test('HTTP/2 through the compatibility API', async () => {
  const { sessions } = memorySessions()
  const server = createServer2(
    withSession(sessions, async (request, response) => {
      const session = await sessions.of(request)
      session.set('path', request.url)
      response.end(String(session.get('path')))
    }),
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const stream = client.request({ ':path': '/two' })
  const headers = await new Promise<Record<string, unknown>>((resolve) => {
    stream.once('response', (received) => resolve(received))
  })
  expect(await textOf(stream)).toBe('/two')
  expect([headers['vary'], headers['set-cookie']]).toEqual(['Cookie', [expect.any(String)]])
  client.close()
  await new Promise((resolve) => server.close(resolve))
})
