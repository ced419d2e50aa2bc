/** What a held response says to its caller is what Node's response says. */

import { createServer, type ServerResponse } from 'node:http'
import { connect, createServer as createServer2 } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { text as textOf } from 'node:stream/consumers'
import { fastify } from 'fastify'
import Koa from 'koa'
import { sessionPlugin } from 'vial/adapters/fastify'
import { sessionMiddleware as koaMiddleware } from 'vial/adapters/koa'
import { withSession } from 'vial/adapters/node'
import { afterEach, expect, test, vi } from 'vitest'
import { memorySessions, visiting } from './suite.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

type Wrong = (response: ServerResponse) => unknown

/** Calls that Node refuses at once. */
const FIRST: Record<string, Wrong> = {
  'write(42)': (response) => response.write(42),
  'write(null)': (response) => response.write(null),
  'write()': (response) => Reflect.apply(response.write, response, []),
  'write([])': (response) => response.write([]),
  'end({})': (response) => response.end({}),
  'end(42)': (response) => response.end(42),
  'a status of two digits, then end()': (response) => {
    response.statusCode = 42
    response.end()
  },
  'a status of four digits, then write()': (response) => {
    response.statusCode = 1000
    response.write('a')
  },
  'a status that is no number, then flushHeaders()': (response) => {
    response.statusCode = Number.NaN
    response.flushHeaders()
  },
  'writeHead(42)': (response) => response.writeHead(42),
  'a status message of two lines, then end()': (response) => {
    response.statusMessage = 'a\nb'
    response.end()
  },
  'writeHead() with a status message of two lines': (response) => response.writeHead(200, 'a\nb'),
}
const LATER: Record<string, Wrong> = {
  'write(42) after write()': (response) => response.write(42),
  'write(null) after write()': (response) => response.write(null),
  'end({}) after write()': (response) => response.end({}),
  'writeHead(200, {}) after write()': (response) => response.writeHead(200, {}),
}

function refusal(call: () => unknown): unknown {
  try {
    call()
    return 'no error'
  } catch (error) {
    const { name, code, message } = error as Error & { code?: unknown }
    return { name, code, message }
  }
}

/** What the call throws, and the response that a visitor gets of an error page. */
async function refused(wrong: Wrong, isLater: boolean, isHeld: boolean): Promise<unknown> {
  const { sessions, watch } = memorySessions()
  let seen: unknown
  const listener = withSession(sessions, async (request, response) => {
    if (isHeld) (await sessions.of(request)).set('name', 'Ada')
    if (isLater) response.write('a')
    seen = refusal(() => wrong(response))
    if (isLater) response.end('b')
    else {
      response.statusMessage = ''
      response.statusCode = 500
      response.end('refused')
    }
  })
  await visiting(createServer(listener), async (visitor) => {
    const { status, text, cookies } = await visitor.ask('/')
    expect([status, text]).toEqual(isLater ? [200, 'ab'] : [500, 'refused'])
    expect(cookies).toHaveLength(isHeld ? 1 : 0)
  })
  expect(watch.calls).toEqual(isHeld ? ['create'] : [])
  return seen
}

test.each([
  ...Object.entries(FIRST).map(([name, wrong]) => [name, wrong, false] as const),
  ...Object.entries(LATER).map(([name, wrong]) => [name, wrong, true] as const),
])('%s throws to the caller as Node does, and the error page leaves', async (_, wrong, isLater) => {
  const bare = await refused(wrong, isLater, false)
  expect(bare).toMatchObject({ code: expect.any(String) })
  expect(await refused(wrong, isLater, true)).toEqual(bare)
})

test('what Node takes is taken: no chunk, an empty one, and bytes', async () => {
  const { sessions } = memorySessions()
  const listener = withSession(sessions, async (request, response) => {
    ;(await sessions.of(request)).set('name', 'Ada')
    response.write(new Uint8Array([97]))
    response.write('')
    response.write(Buffer.from('b'), 'utf8', () => {})
    if (request.url === '/null') response.end(null)
    else if (request.url === '/callback') response.end(() => {})
    else response.end('c')
  })
  await visiting(createServer(listener), async (visitor) => {
    expect((await visitor.ask('/null')).text).toBe('ab')
    expect((await visitor.ask('/callback')).text).toBe('ab')
    expect((await visitor.ask('/')).text).toBe('abc')
  })
})

test('`finished` and `writableEnded` are true after end(), and not before', async () => {
  const { sessions } = memorySessions()
  const seen: unknown[] = []
  const states = (response: ServerResponse) =>
    seen.push([response.finished, response.writableEnded])
  const work = async (request: object, response: ServerResponse): Promise<void> => {
    ;(await sessions.of(request)).set('name', 'Ada')
    response.once('finish', () => states(response))
    response.write('a')
    states(response)
    response.end('b')
    states(response)
  }
  const expected = [
    [false, false],
    [true, true],
    [true, true],
  ]
  await visiting(createServer(withSession(sessions, work)), async (visitor) => {
    expect((await visitor.ask('/')).text).toBe('ab')
    expect(seen).toEqual(expected)
  })
  seen.length = 0
  const server = createServer2(withSession(sessions, work as never))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  expect(await textOf(client.request({ ':path': '/' }))).toBe('ab')
  expect(seen).toEqual(expected)
  client.close()
  await new Promise((resolve) => server.close(resolve))
})

test.each(['/once', '/twice'])(
  'Koa %s: a body stream that fails during the commit is an error page and no uncaught exception',
  async (path) => {
    const { sessions, watch } = memorySessions()
    const uncaught: unknown[] = []
    const listener = (error: unknown) => uncaught.push(error)
    process.on('uncaughtException', listener)
    const app = new Koa()
    const errors: unknown[] = []
    app.on('error', (error: Error) => errors.push(error.message))
    app.use(koaMiddleware(sessions))
    app.use(async (ctx) => {
      ;(await sessions.of(ctx)).set('name', 'Ada')
      const body = new Readable({ read() {} })
      ctx.body = body
      const release = watch.hold()
      void watch.writing().then(() => {
        body.once('close', () => setImmediate(release))
        if (path === '/twice') body.emit('error', new Error('the file is gone'))
        body.destroy(new Error('the file is gone'))
      })
    })
    try {
      await visiting(createServer(app.callback()), async (visitor) => {
        const { status, text, cookies } = await visitor.ask('/')
        // The session was stored.
        expect([status, text, cookies.length]).toEqual([500, 'Internal Server Error', 1])
      })
      expect(uncaught).toEqual([])
      expect(errors).toContain('the file is gone')
    } finally {
      process.off('uncaughtException', listener)
    }
  },
)

test('Fastify: a body stream that fails during the commit is an error page, with the cookie of what was stored', async () => {
  const { sessions, watch } = memorySessions()
  const app = fastify({ forceCloseConnections: true })
  await app.register(sessionPlugin(sessions))
  app.get('/', async (request, reply) => {
    ;(await sessions.of(request)).set('name', 'Ada')
    const body = new Readable({ read() {} })
    const release = watch.hold()
    void watch.writing().then(() => {
      body.once('close', () => setImmediate(release))
      body.destroy(new Error('the file is gone'))
    })
    return reply.type('text/css').send(body)
  })
  const origin = await app.listen({ port: 0, host: '127.0.0.1' })
  await visiting({ origin, close: () => app.close() }, async (visitor) => {
    const { status, text, cookies } = await visitor.ask('/')
    expect([status, cookies.length]).toEqual([500, 1])
    expect(JSON.parse(text)).toMatchObject({ message: 'the file is gone' })
  })
})
