/**
 * Cases: which headers a response gets.
 *
 * @module
 */

import assert from 'node:assert/strict'
import type { Answer, Cases, Exchange } from './adapter-case.ts'
import { Client } from './adapter-client.ts'

const COOKIE = /^__Host-session=[\w.-]{20,}; Secure; HttpOnly; Path=\/; SameSite=Lax$/

async function write({ session, reply }: Exchange): Promise<Answer> {
  ;(await session()).set('name', 'Ada')
  return reply.json({ ok: true })
}

export const headerCases: Cases = {
  'H01 a request that does not ask for its session makes no store call and sets no header': (
    serve,
  ) =>
    serve(
      {},
      async ({ reply }) => reply.json({ ok: true }),
      async ({ client, calls }) => {
        client.jar.set('__Host-session', 'x'.repeat(43))
        const { status, cookies, vary, header } = await client.ask('/')
        assert.deepEqual([status, cookies, vary, header('cache-control')], [200, [], [], ''])
        assert.deepEqual(calls, [])
      },
    ),

  'H02 a session that is only read sets Vary and no cookie': (serve) =>
    serve(
      {},
      async ({ session, reply }) => reply.json({ name: (await session()).get('name') ?? null }),
      async ({ client, calls }) => {
        const { text, cookies, vary, header } = await client.ask('/')
        assert.deepEqual([JSON.parse(text), cookies, vary], [{ name: null }, [], ['cookie']])
        assert.equal(header('cache-control'), '')
        assert.deepEqual(calls, [])
      },
    ),

  'H03 the first write sets one cookie with its attributes, and the response is private': (serve) =>
    serve({}, write, async ({ client, records }) => {
      const { status, text, cookies, vary, header } = await client.ask('/')
      assert.deepEqual([status, text], [200, '{"ok":true}'])
      assert.equal(cookies.length, 1)
      assert.match(cookies[0] ?? '', COOKIE)
      assert.deepEqual([vary, header('cache-control')], [['cookie'], 'private'])
      assert.match(header('content-type'), /^application\/json/)
      assert.equal(await records(), 1)
    }),

  'H04 a later write sets no cookie again': (serve) =>
    serve(
      {},
      async ({ session, path, reply }) => {
        const mine = await session()
        const before = mine.get('path') ?? null
        mine.set('path', path)
        return reply.json({ before })
      },
      async ({ client }) => {
        assert.equal((await client.ask('/one')).cookies.length, 1)
        const { cookies, text } = await client.ask('/two')
        assert.deepEqual([cookies, text], [[], '{"before":"/one"}'])
        assert.equal((await client.ask('/three')).text, '{"before":"/two"}')
      },
    ),

  'H05 HTML has the cookie': (serve) =>
    serve(
      {},
      async ({ session, reply }) => {
        ;(await session()).set('name', 'Ada')
        return reply.html('<p>Ada &amp; co.</p>')
      },
      async ({ client }) => {
        const { text, cookies, header } = await client.ask('/')
        assert.deepEqual([text, cookies.length], ['<p>Ada &amp; co.</p>', 1])
        assert.match(header('content-type'), /^text\/html/)
      },
    ),

  'H06 HEAD has the cookie and no body': (serve) =>
    serve({}, write, async ({ client, records }) => {
      const { status, text, cookies, vary } = await client.ask('/', { method: 'HEAD' })
      assert.deepEqual([status, text, cookies.length, vary], [200, '', 1, ['cookie']])
      assert.equal(await records(), 1)
    }),

  'H07 204 and 304 have the cookie and no body': (serve) =>
    serve(
      {},
      async ({ session, path, reply }) => {
        ;(await session()).set('path', path)
        return reply.empty(Number(path.slice(1)))
      },
      async ({ origin, client }) => {
        for (const status of [204, 304]) {
          client.jar.clear()
          const answer = await client.ask(`${origin}/${status}`)
          assert.deepEqual([answer.status, answer.text, answer.cookies.length], [status, '', 1])
        }
      },
    ),

  "H08 the application's own cookies stay beside the session's": (serve) =>
    serve(
      {},
      async (exchange) => {
        exchange.reply.header('set-cookie', 'theme=dark; Path=/')
        exchange.reply.header('set-cookie', 'lang=en; Path=/')
        return write(exchange)
      },
      async ({ client }) => {
        const { cookies } = await client.ask('/')
        const names = cookies.map((line) => line.slice(0, line.indexOf('=')))
        assert.deepEqual(names.sort(), ['__Host-session', 'lang', 'theme'])
      },
    ),

  'H09 Vary keeps what the application set': (serve) =>
    serve(
      {},
      async (exchange) => {
        exchange.reply.header('vary', exchange.path === '/both' ? 'cookie, Accept' : 'Accept')
        return write(exchange)
      },
      async ({ client }) => {
        assert.deepEqual((await client.ask('/')).vary, ['accept', 'cookie'])
        assert.deepEqual((await client.ask('/both')).vary, ['cookie', 'accept'])
      },
    ),

  'H10 a response with a cookie is private, and no-store stays': (serve) =>
    serve(
      {},
      async (exchange) => {
        const value = exchange.path === '/none' ? 'no-store' : 'public, max-age=10, s-maxage=60'
        exchange.reply.header('cache-control', value)
        return write(exchange)
      },
      async ({ client }) => {
        assert.equal((await client.ask('/')).header('cache-control'), 'max-age=10, private')
        client.jar.clear()
        assert.equal((await client.ask('/none')).header('cache-control'), 'no-store')
      },
    ),

  'H11 the response to an error that the handler throws has the cookie': (
    serve,
    { errorsCommit = true },
  ) =>
    serve(
      {},
      async ({ session, path, reply }) => {
        const mine = await session()
        if (path === '/read') return reply.json({ name: mine.get('name') ?? null })
        mine.set('name', 'Ada')
        throw new Error('thrown by the handler')
      },
      async ({ client, records }) => {
        const { status, cookies, vary } = await client.ask('/fail')
        assert.equal(status, 500)
        if (!errorsCommit) {
          assert.deepEqual([cookies, await records()], [[], 0])
          return
        }
        assert.deepEqual([cookies.length, vary], [1, ['cookie']])
        assert.equal((await client.ask('/read')).text, '{"name":"Ada"}')
      },
    ),

  'H12 one application has two kinds of sessions': async (_serve, options) => {
    const [one, two] = ['__Host-one', '__Host-two'].map((name) =>
      options.createSessions({ store: options.store(), cookie: { name } }),
    )
    assert(one !== undefined && two !== undefined)
    const server = await options.start([one, two], async ({ session, path, reply }) => {
      const [mine, other] = [await session(one), await session(two)]
      if (path === '/read') return reply.json([mine.get('is'), other.get('is')])
      mine.set('is', 'one')
      other.set('is', 'two')
      return reply.json('ok')
    })
    try {
      const client = new Client(server.origin)
      const { cookies, vary } = await client.ask('/')
      assert.deepEqual([cookies.length, vary], [2, ['cookie']])
      assert.deepEqual([...client.jar.keys()].sort(), ['__Host-one', '__Host-two'])
      assert.equal((await client.ask('/read')).text, '["one","two"]')
    } finally {
      await server.close()
    }
  },

  'H13 destroy removes the cookie, and the old one is unknown': (serve) =>
    serve(
      {},
      async ({ session, path, reply }) => {
        const mine = await session()
        if (path === '/login') mine.login('ada')
        if (path === '/login') mine.set('name', 'Ada')
        if (path === '/logout') mine.destroy()
        return reply.json({ name: path === '/read' ? (mine.get('name') ?? null) : null })
      },
      async ({ client, records }) => {
        await client.ask('/login')
        const old = new Map(client.jar)
        assert.equal((await client.ask('/read')).text, '{"name":"Ada"}')
        const { cookies, header } = await client.ask('/logout')
        assert.equal(cookies.length, 1)
        assert.match(cookies[0] ?? '', /^__Host-session=; .*Max-Age=0; Secure; HttpOnly; Path=\//)
        assert.equal(header('cache-control'), 'private')
        assert.deepEqual([client.jar.size, await records()], [0, 0])
        for (const [name, value] of old) client.jar.set(name, value)
        assert.equal((await client.ask('/read')).text, '{"name":null}')
      },
    ),

  'H14 a foreign cookie gives a fresh session, never an error': (serve) =>
    serve(
      {},
      async ({ session, reply }) => reply.json({ name: (await session()).get('name') ?? null }),
      async ({ client, records }) => {
        for (const value of ['x', 'A'.repeat(43), 'A'.repeat(5000), '%00"', '=;=']) {
          client.jar.set('__Host-session', value)
          const { status, text, cookies } = await client.ask('/')
          assert.deepEqual([status, text, cookies], [200, '{"name":null}', []])
        }
        assert.equal(await records(), 0)
      },
    ),
}
