/**
 * Cases: a session is stored before its response leaves, and cannot be changed afterwards, also when the store fails or
 * the client goes away; and the session without the request object.
 */

import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, ServerResponse } from 'node:http'
import type { Session } from '../core/session.ts'
import {
  application,
  type Cases,
  Client,
  type Kit,
  type MiddlewareKit,
  type Serve,
  type Visit,
} from './adapter-case.ts'
import { gate } from './runner.ts'

const ADA = '{"name":"Ada"}'
const AMBIENT = { ambient: true }
const EAGER = { eager: true }

/**
 * Holds a write back until other requests went to the server and back, as a slow store would. A response that does not
 * wait for its write arrives meanwhile.
 */
async function holdBack({ hold, writing, origin }: Kit, onRelease?: () => unknown): Promise<void> {
  const release = hold()
  await writing()
  const other = new Client(origin)
  for (let turn = 0; turn < 5; turn++) await other.ask('/read')
  onRelease?.()
  release()
}

function codeOf(run: () => unknown): string {
  try {
    run()
    return 'none'
  } catch (error) {
    return String((error as { code?: unknown }).code)
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** Writes the session and responds. A reply may be a promise of the response, so it is not returned. */
async function answerFirst({ session, path, reply }: Visit): Promise<void> {
  ;(await session()).set('name', 'Ada')
  reply.json('welcome')
  if (path === '/later') await nextTurn()
}

/** Sends requests of many visitors at once. The first of each writes its path; later ones must read it. */
async function checkVisitors(origin: string, count: number): Promise<void> {
  const visitors = Array.from({ length: count }, () => new Client(origin))
  for (let round = 0; round < 4; round++) {
    const checks = visitors.map((visitor, at) =>
      visitor.expect(round === 0 ? `/canary-${at}` : '/read', { text: `"/canary-${at}"` }),
    )
    await Promise.all(checks)
  }
}

/** Fails unless the response is an error page without the session's cookie. */
async function checkErrorPage({ client }: Kit, path: string): Promise<void> {
  const { status, cookies, text, header } = await client.ask(path)
  assert(status >= 500 && status <= 599, `${path} responded with ${status}`)
  const own = cookies.filter((line) => line.startsWith('__Host-session'))
  assert.deepEqual([own, header('location'), text.includes('welcome')], [[], '', false])
}

/** Changes the session after the headers have arrived and before the stream begins. */
async function changeInStream(serve: Serve): Promise<void> {
  const arrived = gate()
  const codes: string[] = []
  const { client, calls } = await serve(async ({ session, reply }) => {
    ;(await session()).set('name', 'Ada')
    async function* body(): AsyncIterable<string> {
      yield 'one '
      await arrived.opened
      const mine = await session()
      codes.push(codeOf(() => mine.set('name', 'Eve')))
      yield `two, for ${String(mine.get('name'))}`
    }
    return reply.stream(body())
  })
  const expected = { text: 'one two, for Ada', cookies: 1 }
  await client.expect('/', expected, { onHeaders: arrived.open })
  assert.deepEqual([codes, calls], [['ERR_VIAL_STATE'], ['create']])
}

export const timingCases: Cases = {
  'T01 login, then redirect: the next request sees it, however slow the store': async (serve) => {
    const kit = await serve()
    const { client } = kit
    const held = holdBack(kit)
    await client.expect('/login', { status: 302, cookies: 1, location: '/read' })
    await client.expect('/read', { text: ADA })
    await held
  },
  'T02 a stream waits for a slow store, and arrives whole': async (serve) => {
    const kit = await serve()
    const { client, origin } = kit
    const order: string[] = []
    const held = holdBack(kit, () => order.push('the session is stored'))
    const onHeaders = (): unknown => order.push('the headers arrive')
    const { text } = await client.expect('/stream', { cookies: 1 }, { onHeaders })
    await held
    assert.deepEqual(order, ['the session is stored', 'the headers arrive'])
    assert.equal(text.length, 400_000)
    assert.match(text, /^\.+welcome 0\n[\s\S]*\.welcome 39\n$/)
    await new Client(origin, client.jar).expect('/read', { text: ADA })
  },
  'T03 a change while a stream runs is a StateError': (serve) => changeInStream(serve),
  'T04 a session first asked for while a stream runs is a StateError, as the response lacks Vary':
    async (serve) => {
      const arrived = gate()
      const { client, calls } = await serve(async ({ session, reply }) => {
        async function* body(): AsyncIterable<string> {
          yield 'one '
          await arrived.opened
          yield await session().then(
            () => 'a session',
            (error: { code?: unknown }) => String(error.code),
          )
        }
        return reply.stream(body())
      })
      const expected = { text: 'one ERR_VIAL_STATE', cookies: 0, vary: '' }
      await client.expect('/', expected, { onHeaders: arrived.open })
      assert.deepEqual(calls, [])
    },
  'T05 a session that outlives its request can be read and not changed': async (serve) => {
    const kept: Session[] = []
    const { client } = await serve(async ({ session, reply }) => {
      const mine = await session()
      mine.set('name', 'Ada')
      kept.push(mine)
      return reply.json('welcome')
    })
    await client.ask('/')
    const code = codeOf(() => kept[0]?.set('name', 'Eve'))
    assert.deepEqual([code, kept[0]?.get('name')], ['ERR_VIAL_STATE', 'Ada'])
  },
  'T06 many calls of one request share one load and one session': async (serve) => {
    const { client, calls } = await serve(async ({ session, path, reply }) => {
      const [first, ...more] = await Promise.all([session(), session(), session()])
      if (path === '/write') first.set('name', 'Ada')
      const last = await session()
      return reply.json([new Set([first, ...more, last]).size, last.get('name')])
    })
    await client.expect('/write', { text: '[1,"Ada"]' })
    calls.length = 0
    await client.expect('/read', { text: '[1,"Ada"]' })
    assert.deepEqual(calls, ['read'])
  },
  'T07 of many visitors at once each sees only their own session': async (serve) => {
    const { origin, hold, writing } = await serve(async ({ session, path, reply }) => {
      const mine = await session()
      if (path !== '/read') mine.set('canary', path)
      await nextTurn()
      return reply.json(mine.get('canary'))
    })
    void writing(20).then(hold())
    await checkVisitors(origin, 20)
  },
  'T08 a handler throws after its answer: one response leaves whole, with the cookie of what was stored':
    async (serve) => {
      const kit = await serve(async (exchange) => {
        if (exchange.path === '/read') return application(exchange)
        await answerFirst(exchange)
        throw new Error('thrown after the answer')
      })
      const { origin, errorsCommit } = kit
      for (const path of ['/now', '/later']) {
        const visitor = new Client(origin)
        const held = errorsCommit ? holdBack(kit) : undefined
        const { status, text, cookies } = await visitor.ask(path)
        await held
        if (status === 200) assert.equal(text, '"welcome"')
        else assert.equal(status, 500)
        assert.equal(cookies.length, errorsCommit ? 1 : 0)
        await visitor.expect('/read', { text: errorsCommit ? ADA : '{"name":null}' })
      }
    },
  'T09 a handler answers twice: one response leaves whole, with the cookie': async (serve) => {
    const kit = await serve(async (exchange) => {
      if (exchange.path === '/read') return application(exchange)
      await answerFirst(exchange)
      return exchange.reply.redirect('/elsewhere')
    })
    for (const path of ['/now', '/later']) {
      const visitor = new Client(kit.origin)
      const held = holdBack(kit)
      const { status, text, header } = await visitor.expect(path, { cookies: 1, vary: 'cookie' })
      await held
      // Which answer it is depends on the framework. It is never a mixture.
      const isFirst = status === 200 && text === '"welcome"' && header('location') === ''
      const isSecond = status === 302 && header('location') === '/elsewhere'
      const isError = status === 500 && header('location') === ''
      assert(isFirst || isSecond || isError, `${status} ${header('location')} ${text}`)
      await visitor.expect('/read', { text: ADA })
    }
  },
  'T10 a session first asked for while a stream runs can be read where no cache keeps the response':
    async (serve) => {
      for (const [name, value] of [
        ['vary', 'accept, Cookie'],
        ['cache-control', 'no-store'],
      ] as const) {
        const arrived = gate()
        const { client } = await serve(async ({ session, reply }) => {
          async function* body(): AsyncIterable<string> {
            yield 'one '
            await arrived.opened
            const mine = await session()
            yield codeOf(() => mine.set('name', 'Eve'))
          }
          reply.header(name, value)
          return reply.stream(body())
        })
        const expected = { text: 'one ERR_VIAL_STATE', cookies: 0 }
        await client.expect('/', expected, { onHeaders: arrived.open })
      }
    },
  'F01 a session that cannot be stored is an error page, never a success without its cookie':
    async (serve) => {
      const kit = await serve(async (exchange) => {
        exchange.reply.header('x-application', 'yes')
        exchange.reply.header('set-cookie', 'theme=dark; Path=/')
        return application(exchange)
      })
      const { origin, fail, records } = kit
      const paths = ['/login', '/json', '/stream']
      fail('writes')
      for (const path of paths) await checkErrorPage(kit, path)
      assert.equal(await records(), 0)
      fail('none')
      for (const path of paths) {
        const visitor = new Client(origin)
        await visitor.expect(path, { cookies: 2 })
        await visitor.expect('/read', { text: ADA })
      }
    },
  'F02 a client disconnects while the store is slow: the write is stored, the server goes on':
    async (serve) => {
      const { client, hold, writing, idle, records } = await serve()
      for (const path of ['/json', '/stream']) {
        client.jar.clear()
        const before = await records()
        const release = hold()
        const hangUp = new AbortController()
        const begun = writing()
        const response = client.ask(path, { signal: hangUp.signal })
        await begun
        hangUp.abort()
        await assert.rejects(response)
        // Another request gives the server time to notice that the client has gone.
        await client.ask('/read')
        release()
        await idle()
        assert.equal(await records(), before + 1, `the records after ${path}`)
        await client.expect('/json', { status: 200 })
      }
    },
  'F03 a session that cannot be loaded is an error page': async (serve) => {
    const kit = await serve()
    const { client, fail } = kit
    await client.ask('/json')
    fail('reads')
    await checkErrorPage(kit, '/json')
    fail('none')
    await client.expect('/read', { text: ADA })
  },
  'A01 current() finds the session after an await, and in parallel requests': async (serve) => {
    const { origin } = await serve(async ({ path, reply }, sessions) => {
      await nextTurn()
      const mine = await sessions.current()
      if (path !== '/read') mine.set('canary', path)
      await nextTurn()
      return reply.json((await sessions.current()).get('canary'))
    }, AMBIENT)
    await checkVisitors(origin, 10)
  },
  'A02 current() finds the session after a late body': async (serve) => {
    const { client, records } = await serve(async ({ body, reply }, sessions) => {
      const text = await body()
      const mine = await sessions.current()
      mine.set('text', text)
      return reply.json(mine.get('text'))
    }, AMBIENT)
    const expected = { status: 200, text: '"late"', cookies: 1 }
    await client.expect('/', expected, { method: 'POST', body: 'late' })
    assert.equal(await records(), 1)
  },
  'A03 with eager, session is available without await': async (serve) => {
    const { client, origin } = await serve(async ({ path, reply }, sessions) => {
      if (path !== '/read') sessions.session?.set('canary', path)
      return reply.json(sessions.session?.get('canary') ?? null)
    }, EAGER)
    await client.expect('/write', { text: '"/write"' })
    await client.expect('/read', { text: '"/write"' })
    await new Client(origin).expect('/read', { text: 'null' })
  },
  'A04 with eager, a session that cannot be loaded is an error page': async (serve) => {
    const kit = await serve(async ({ reply }, sessions) => {
      sessions.session?.set('name', 'Ada')
      return reply.json('welcome')
    }, EAGER)
    const { client, fail } = kit
    await client.ask('/')
    fail('reads')
    await checkErrorPage(kit, '/')
    fail('none')
    await client.expect('/', { status: 200 })
  },
}

/** The responses that WebSocket libraries give to middleware on an upgrade. */
const STAND_INS: readonly ((request: IncomingMessage) => object)[] = [
  () => ({}),
  // That of engine.io.
  () => ({
    headers: {},
    setHeader() {},
    getHeader() {},
    removeHeader() {},
    write() {},
    writeHead() {},
    end() {},
  }),
  (request) => new ServerResponse(request),
]

/** Cases for adapters that are middleware of Connect's form. */
export const middlewareCases: Record<string, (kit: MiddlewareKit) => Promise<void>> = {
  'M01 a session that cannot be stored is an error page where `next` counts once': async ({
    middleware,
    sessions,
    listen,
    fail,
  }) => {
    const server = createServer(async (request, response) => {
      // As h3 1, middie and AdonisJS do.
      await new Promise<void>((resolve) => middleware(request, response, () => resolve()))
      ;(await sessions.of(request)).set('name', 'Ada')
      response.end('welcome')
    })
    const client = new Client(await listen(server))
    await client.expect('/', { status: 200, text: 'welcome', cookies: 1 })
    client.jar.clear()
    fail('writes')
    const { status, cookies, text } = await client.ask('/')
    assert(status >= 500 && status <= 599, `responded with ${status}`)
    assert.deepEqual([cookies, text.includes('welcome')], [[], false])
  },
  'M02 on an upgrade a session can be read, and a write is a StateError': async (kit) => {
    const { middleware, sessions, listen, calls } = kit
    const known = await sessions.load(undefined)
    known.set('name', 'Ada')
    const { cookies } = await sessions.commit(known)
    calls.length = 0
    for (const standIn of STAND_INS) {
      const server = createServer()
      const origin = await listen(server)
      const seen = new Promise<Session>((resolve, reject) => {
        server.once('upgrade', (request: IncomingMessage, socket) => {
          socket.end('HTTP/1.1 401 Unauthorized\r\n\r\n')
          middleware(request, standIn(request) as ServerResponse, () => {
            sessions.of(request).then(resolve, reject)
          })
        })
      })
      const headers = {
        connection: 'upgrade',
        upgrade: 'websocket',
        cookie: `${cookies[0]?.name}=${cookies[0]?.value}`,
      }
      const [session] = await Promise.all([seen, new Client(origin).ask('/', { headers })])
      assert.equal(session.get('name'), 'Ada')
      assert.equal(
        codeOf(() => session.set('name', 'Eve')),
        'ERR_VIAL_STATE',
      )
    }
    assert.deepEqual(calls, ['read', 'read', 'read'])
  },
}
