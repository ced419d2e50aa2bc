/**
 * Cases: a session is stored before its response leaves, and cannot be changed afterwards, also when the store fails or
 * the client goes away; and the session without the request object.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { application, type Cases, type Kit } from './adapter-case.ts'
import { Client } from './adapter-client.ts'
import { gate } from './runner.ts'

/**
 * Holds a write back until other requests went to the server and back, as a slow store would. A response that does not
 * wait for its write arrives meanwhile.
 */
async function holdBack({ hold, writing, origin }: Kit, onRelease?: () => void): Promise<void> {
  const release = hold()
  await writing()
  const other = new Client(origin)
  for (let turn = 0; turn < 5; turn++) await other.ask('/read')
  onRelease?.()
  release()
}

function codeOf(run: () => void): string {
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

/** Sends a request of each visitor at once, and resolves to their texts. */
async function textsOf(
  visitors: readonly Client[],
  pathOf: (at: number) => string,
): Promise<string[]> {
  const responses = visitors.map((visitor, at) => visitor.ask(pathOf(at)))
  return (await Promise.all(responses)).map(({ text }) => text)
}

/** Fails unless the response is an error page without the session's cookie; resolves to its status. */
async function checkErrorPage({ client }: Kit, path: string): Promise<number> {
  const { status, cookies, text, header } = await client.ask(path)
  assert(status >= 500 && status <= 599, `${path} responded with ${status}`)
  const own = cookies.filter((line) => line.startsWith('__Host-session'))
  assert.deepEqual([own, header('location'), text.includes('welcome')], [[], '', false])
  return status
}

export const timingCases: Cases = {
  'T01 login, then redirect: the next request sees it, however slow the store': () => ({
    async check(kit) {
      const { client } = kit
      const held = holdBack(kit)
      const { status, cookies, header } = await client.ask('/login')
      assert.deepEqual([status, cookies.length, header('location')], [302, 1, '/read'])
      assert.equal((await client.ask(header('location'))).text, '{"name":"Ada"}')
      await held
    },
  }),

  'T02 a stream waits for a slow store, and arrives whole': () => ({
    async check(kit) {
      const { client, origin } = kit
      let stored = false
      let seen: boolean | undefined
      const held = holdBack(kit, () => {
        stored = true
      })
      const { text, cookies } = await client.ask('/stream', {
        onHeaders: () => {
          seen = stored
        },
      })
      await held
      assert.equal(seen, true, 'the headers arrived before the session was stored')
      assert.deepEqual([text.length, cookies.length], [400_000, 1])
      assert.match(text, /^\.+welcome 0\n[\s\S]*\.welcome 39\n$/)
      const reader = new Client(origin)
      for (const [name, value] of client.jar) reader.jar.set(name, value)
      assert.equal((await reader.ask('/read')).text, '{"name":"Ada"}')
    },
  }),

  'T03 a change while a stream runs is a StateError': () => {
    const arrived = gate()
    const codes: string[] = []
    return {
      async handler({ session, reply }) {
        const mine = await session()
        mine.set('name', 'Ada')
        return reply.stream(
          (async function* () {
            yield 'one '
            await arrived.opened
            codes.push(codeOf(() => mine.set('name', 'Eve')))
            yield `two, for ${String(mine.get('name'))}`
          })(),
        )
      },
      async check({ client, calls }) {
        const { text, cookies } = await client.ask('/', { onHeaders: arrived.open })
        assert.deepEqual([text, cookies.length], ['one two, for Ada', 1])
        assert.deepEqual([codes, calls], [['ERR_VIAL_STATE'], ['create']])
      },
    }
  },

  'T04 a session first asked for while a stream runs can be read and not changed': () => {
    const arrived = gate()
    const codes: string[] = []
    return {
      handler: async ({ session, reply }) =>
        reply.stream(
          (async function* () {
            yield 'one '
            await arrived.opened
            const mine = await session()
            codes.push(codeOf(() => mine.set('name', 'Eve')))
            yield `two, for ${String(mine.get('name'))}`
          })(),
        ),
      async check({ client, records }) {
        const { text, cookies } = await client.ask('/', { onHeaders: arrived.open })
        assert.deepEqual([text, cookies, codes], ['one two, for undefined', [], ['ERR_VIAL_STATE']])
        assert.equal(await records(), 0)
      },
    }
  },

  'T05 a session that outlives its request can be read and not changed': () => {
    let kept: { set(key: string, value: unknown): void; get(key: string): unknown } | undefined
    return {
      async handler({ session, reply }) {
        kept = await session()
        kept.set('name', 'Ada')
        return reply.json('welcome')
      },
      async check({ client }) {
        await client.ask('/')
        const code = codeOf(() => kept?.set('name', 'Eve'))
        assert.deepEqual([code, kept?.get('name')], ['ERR_VIAL_STATE', 'Ada'])
      },
    }
  },

  'T06 many calls of one request share one load and one session': () => ({
    async handler({ session, path, reply }) {
      const [first, ...more] = await Promise.all([session(), session(), session()])
      if (path === '/write') first.set('name', 'Ada')
      const last = await session()
      return reply.json([new Set([first, ...more, last]).size, last.get('name')])
    },
    async check({ client, calls }) {
      assert.equal((await client.ask('/write')).text, '[1,"Ada"]')
      calls.length = 0
      assert.equal((await client.ask('/read')).text, '[1,"Ada"]')
      assert.deepEqual(calls, ['read'])
    },
  }),

  'T07 of many visitors at once each sees only their own session': () => ({
    async handler({ session, path, reply }) {
      const mine = await session()
      if (path !== '/read') mine.set('canary', path)
      await nextTurn()
      return reply.json(mine.get('canary'))
    },
    async check({ origin, hold, writing }) {
      const visitors = Array.from({ length: 20 }, () => new Client(origin))
      void writing(visitors.length).then(hold())
      await textsOf(visitors, (at) => `/canary-${at}`)
      for (let round = 0; round < 3; round++) {
        assert.deepEqual(
          await textsOf(visitors, () => '/read'),
          visitors.map((_, at) => `"/canary-${at}"`),
        )
      }
    },
  }),

  'F01 a session that cannot be stored is an error page, never a success without its cookie':
    () => ({
      async handler(exchange) {
        exchange.reply.header('x-application', 'yes')
        exchange.reply.header('set-cookie', 'theme=dark; Path=/')
        return application(exchange)
      },
      async check(kit) {
        const { client, fail, records } = kit
        const paths = ['/login', '/json', '/stream']
        fail('writes')
        for (const path of paths) await checkErrorPage(kit, path)
        assert.equal(await records(), 0)
        fail('none')
        for (const path of paths) {
          client.jar.clear()
          assert.equal((await client.ask(path)).cookies.length, 2)
          assert.equal((await client.ask('/read')).text, '{"name":"Ada"}')
        }
      },
    }),

  'F02 a client disconnects while the store is slow: the write is stored, the server goes on':
    () => ({
      async check({ client, hold, writing, idle, records }) {
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
          assert.equal((await client.ask('/json')).status, 200)
        }
      },
    }),

  'F03 a session that cannot be loaded is an error page': () => ({
    async check(kit) {
      const { client, fail } = kit
      await client.ask('/json')
      fail('reads')
      assert.equal(await checkErrorPage(kit, '/json'), 500)
      fail('none')
      assert.equal((await client.ask('/read')).text, '{"name":"Ada"}')
    },
  }),

  'A01 current() finds the session after an await, and in parallel requests': () => ({
    ambient: true,
    async handler({ path, reply }, sessions) {
      await nextTurn()
      const mine = await sessions.current()
      if (path !== '/read') mine.set('canary', path)
      await nextTurn()
      return reply.json((await sessions.current()).get('canary'))
    },
    async check({ origin }) {
      const visitors = Array.from({ length: 10 }, () => new Client(origin))
      const wrote = await textsOf(visitors, (at) => `/${at}`)
      assert.deepEqual(
        wrote,
        visitors.map((_, at) => `"/${at}"`),
      )
      assert.deepEqual(await textsOf(visitors, () => '/read'), wrote)
    },
  }),

  'A02 current() finds the session after a late body': () => ({
    ambient: true,
    async handler({ body, reply }, sessions) {
      const text = await body()
      const mine = await sessions.current()
      mine.set('text', text)
      return reply.json(mine.get('text'))
    },
    async check({ client, records }) {
      const { status, text, cookies } = await client.ask('/', { method: 'POST', body: 'late' })
      assert.deepEqual([status, text, cookies.length], [200, '"late"', 1])
      assert.equal(await records(), 1)
    },
  }),

  'A03 with eager, session is available without await': () => ({
    eager: true,
    async handler({ path, reply }, sessions) {
      if (path !== '/read') sessions.session?.set('canary', path)
      return reply.json(sessions.session?.get('canary') ?? null)
    },
    async check({ client, origin }) {
      assert.equal((await client.ask('/write')).text, '"/write"')
      assert.equal((await client.ask('/read')).text, '"/write"')
      assert.equal((await new Client(origin).ask('/read')).text, 'null')
    },
  }),

  'A04 with eager, a session that cannot be loaded is an error page': () => ({
    eager: true,
    async handler({ reply }, sessions) {
      sessions.session?.set('name', 'Ada')
      return reply.json('welcome')
    },
    async check({ client, fail }) {
      await client.ask('/')
      fail('reads')
      assert.equal((await client.ask('/')).status, 500)
      fail('none')
      assert.equal((await client.ask('/')).status, 200)
    },
  }),
}
