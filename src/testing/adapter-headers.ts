/**
 * Cases: which headers a response gets.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { application, type Cases } from './adapter-case.ts'

const COOKIE = /^__Host-session=[\w.-]{20,}; Secure; HttpOnly; Path=\/; SameSite=Lax$/

export const headerCases: Cases = {
  'H01 a request that does not ask for its session makes no store call and sets no header': () => ({
    handler: async ({ reply }) => reply.json('welcome'),
    async check({ client, calls }) {
      client.jar.set('__Host-session', 'x'.repeat(43))
      const { status, cookies, vary, header } = await client.ask('/')
      assert.deepEqual([status, cookies, vary, header('cache-control')], [200, [], [], ''])
      assert.deepEqual(calls, [])
    },
  }),

  'H02 a session that is only read sets Vary and no cookie': () => ({
    async check({ client, calls }) {
      const { text, cookies, vary, header } = await client.ask('/read')
      assert.deepEqual([text, cookies, vary], ['{"name":null}', [], ['cookie']])
      assert.equal(header('cache-control'), '')
      assert.deepEqual(calls, [])
    },
  }),

  'H03 the first write sets one cookie with its attributes, and the response is private': () => ({
    async check({ client, records }) {
      const { status, text, cookies, vary, header } = await client.ask('/')
      assert.deepEqual([status, text, cookies.length], [200, '"welcome"', 1])
      assert.match(cookies[0] ?? '', COOKIE)
      assert.deepEqual([vary, header('cache-control')], [['cookie'], 'private'])
      assert.match(header('content-type'), /^application\/json/)
      assert.equal(await records(), 1)
    },
  }),

  'H04 a later write sets no cookie again': () => ({
    async handler({ session, path, reply }) {
      const mine = await session()
      const before = mine.get('path') ?? null
      mine.set('path', path)
      return reply.json({ before })
    },
    async check({ client }) {
      assert.equal((await client.ask('/one')).cookies.length, 1)
      const { cookies, text } = await client.ask('/two')
      assert.deepEqual([cookies, text], [[], '{"before":"/one"}'])
      assert.equal((await client.ask('/three')).text, '{"before":"/two"}')
    },
  }),

  'H05 HTML has the cookie': () => ({
    async check({ client }) {
      const { text, cookies, header } = await client.ask('/html')
      assert.deepEqual([text, cookies.length], ['<p>Ada &amp; co.</p>', 1])
      assert.match(header('content-type'), /^text\/html/)
    },
  }),

  'H06 HEAD has the cookie and no body': () => ({
    async check({ client, records }) {
      const { status, text, cookies, vary } = await client.ask('/', { method: 'HEAD' })
      assert.deepEqual([status, text, cookies.length, vary], [200, '', 1, ['cookie']])
      assert.equal(await records(), 1)
    },
  }),

  'H07 204 and 304 have the cookie and no body': () => ({
    async check({ client }) {
      for (const expected of [204, 304]) {
        client.jar.clear()
        const { status, text, cookies } = await client.ask(`/${expected}`)
        assert.deepEqual([status, text, cookies.length], [expected, '', 1])
      }
    },
  }),

  "H08 the application's own cookies stay beside the session's": () => ({
    async handler(exchange) {
      exchange.reply.header('set-cookie', 'theme=dark; Path=/')
      exchange.reply.header('set-cookie', 'lang=en; Path=/')
      return application(exchange)
    },
    async check({ client }) {
      const { cookies } = await client.ask('/')
      const names = cookies.map((line) => line.slice(0, line.indexOf('=')))
      assert.deepEqual(names.sort(), ['__Host-session', 'lang', 'theme'])
    },
  }),

  'H09 Vary keeps what the application set': () => ({
    async handler(exchange) {
      exchange.reply.header('vary', exchange.path === '/both' ? 'cookie, Accept' : 'Accept')
      return application(exchange)
    },
    async check({ client }) {
      assert.deepEqual((await client.ask('/')).vary, ['accept', 'cookie'])
      assert.deepEqual((await client.ask('/both')).vary, ['cookie', 'accept'])
    },
  }),

  'H10 a response with a cookie is private, and no-store stays': () => ({
    async handler(exchange) {
      const value = exchange.path === '/none' ? 'no-store' : 'public, max-age=10, s-maxage=60'
      exchange.reply.header('cache-control', value)
      return application(exchange)
    },
    async check({ client }) {
      assert.equal((await client.ask('/')).header('cache-control'), 'max-age=10, private')
      client.jar.clear()
      assert.equal((await client.ask('/none')).header('cache-control'), 'no-store')
    },
  }),

  'H11 the response to an error that the handler throws has the cookie': () => ({
    async check({ client, errorsCommit, records }) {
      const { status, cookies, vary } = await client.ask('/fail')
      assert.equal(status, 500)
      if (!errorsCommit) {
        assert.deepEqual([cookies, await records()], [[], 0])
        return
      }
      assert.deepEqual([cookies.length, vary], [1, ['cookie']])
      assert.equal((await client.ask('/read')).text, '{"name":"Ada"}')
    },
  }),

  'H12 one application has two kinds of sessions': () => ({
    cookies: ['__Host-one', '__Host-two'],
    async handler({ session, path, reply }, one, two) {
      const [mine, other] = [await session(one), await session(two)]
      if (path === '/read') return reply.json([mine.get('is'), other.get('is')])
      mine.set('is', 'one')
      other.set('is', 'two')
      return reply.json('welcome')
    },
    async check({ client }) {
      const { cookies, vary } = await client.ask('/')
      assert.deepEqual([cookies.length, vary], [2, ['cookie']])
      assert.deepEqual([...client.jar.keys()].sort(), ['__Host-one', '__Host-two'])
      assert.equal((await client.ask('/read')).text, '["one","two"]')
    },
  }),

  'H13 destroy removes the cookie, and the old one is unknown': () => ({
    async check({ client, records }) {
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
  }),

  'H14 a foreign cookie gives a fresh session, never an error': () => ({
    async check({ client, records }) {
      for (const value of ['x', 'A'.repeat(43), 'A'.repeat(5000), '%00"', '=;=']) {
        client.jar.set('__Host-session', value)
        const { status, text, cookies } = await client.ask('/read')
        assert.deepEqual([status, text, cookies], [200, '{"name":null}', []])
      }
      assert.equal(await records(), 0)
    },
  }),
}
