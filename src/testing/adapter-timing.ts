/**
 * Cases: a session is stored before its response leaves, and cannot be changed afterwards.
 *
 * @module
 */

import assert from 'node:assert/strict'
import type { Cases, Kit } from './adapter-case.ts'
import { Client } from './adapter-client.ts'
import { gate } from './store-spy.ts'

/**
 * Holds a write back until other requests went to the server and back, as a slow store would. A response that does not
 * wait for its write arrives meanwhile.
 */
async function holdBack({ writing, origin }: Kit, open: () => void): Promise<void> {
  await writing()
  const other = new Client(origin)
  for (let turn = 0; turn < 5; turn++) await other.ask('/home')
  open()
}

function codeOf(run: () => void): string {
  try {
    run()
    return 'none'
  } catch (error) {
    return String((error as { code?: unknown }).code)
  }
}

export const timingCases: Cases = {
  'T01 login, then redirect: the next request sees it, however slow the store': (serve) => {
    const { opened, open } = gate()
    return serve(
      { gate: opened },
      async ({ session, path, reply }) => {
        const mine = await session()
        if (path === '/home') return reply.json({ name: mine.get('name') ?? null })
        mine.login('ada')
        mine.set('name', 'Ada')
        return reply.redirect('/home')
      },
      async (kit) => {
        const { client } = kit
        const held = holdBack(kit, open)
        const { status, cookies, header } = await client.ask('/login')
        assert.deepEqual([status, cookies.length, header('location')], [302, 1, '/home'])
        assert.equal((await client.ask(header('location'))).text, '{"name":"Ada"}')
        await held
      },
    )
  },

  'T02 a stream waits for a slow store, and arrives whole': (serve) => {
    const { opened, open } = gate()
    return serve(
      { gate: opened },
      async ({ session, path, reply }) => {
        const mine = await session()
        if (path !== '/stream') return reply.json({ name: mine.get('name') ?? null })
        mine.set('name', 'Ada')
        return reply.stream(
          (async function* () {
            for (let part = 0; part < 40; part++) yield `${String(part).padStart(9999, '.')}\n`
          })(),
        )
      },
      async (kit) => {
        const { client, origin } = kit
        let stored = false
        let seen: boolean | undefined
        const held = holdBack(kit, () => {
          stored = true
          open()
        })
        const { text, cookies } = await client.ask('/stream', {
          onHeaders: () => {
            seen = stored
          },
        })
        await held
        assert.equal(seen, true, 'the headers arrived before the session was stored')
        assert.deepEqual([text.length, cookies.length], [400_000, 1])
        assert.match(text, /\.0\n[\s\S]*\.39\n$/)
        const reader = new Client(origin)
        for (const [name, value] of client.jar) reader.jar.set(name, value)
        assert.equal((await reader.ask('/home')).text, '{"name":"Ada"}')
      },
    )
  },

  'T03 a change while a stream runs is a StateError': async (serve) => {
    const arrived = gate()
    const codes: string[] = []
    await serve(
      {},
      async ({ session, reply }) => {
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
      async ({ client, calls }) => {
        const { text, cookies } = await client.ask('/', { onHeaders: arrived.open })
        assert.deepEqual([text, cookies.length], ['one two, for Ada', 1])
        assert.deepEqual([codes, calls], [['ERR_VIAL_STATE'], ['create']])
      },
    )
  },

  'T04 a session first asked for while a stream runs can be read and not changed': async (
    serve,
  ) => {
    const arrived = gate()
    const codes: string[] = []
    await serve(
      {},
      async ({ session, reply }) =>
        reply.stream(
          (async function* () {
            yield 'one '
            await arrived.opened
            const mine = await session()
            codes.push(codeOf(() => mine.set('name', 'Eve')))
            yield `two, for ${String(mine.get('name'))}`
          })(),
        ),
      async ({ client, records }) => {
        const { text, cookies } = await client.ask('/', { onHeaders: arrived.open })
        assert.deepEqual([text, cookies, codes], ['one two, for undefined', [], ['ERR_VIAL_STATE']])
        assert.equal(await records(), 0)
      },
    )
  },

  'T05 a session that outlives its request can be read and not changed': async (serve) => {
    let kept: { set(key: string, value: unknown): void; get(key: string): unknown } | undefined
    await serve(
      {},
      async ({ session, reply }) => {
        kept = await session()
        kept.set('name', 'Ada')
        return reply.json('ok')
      },
      async ({ client }) => {
        await client.ask('/')
        assert.equal(
          codeOf(() => kept?.set('name', 'Eve')),
          'ERR_VIAL_STATE',
        )
        assert.equal(kept?.get('name'), 'Ada')
      },
    )
  },

  'T06 many calls of one request share one load and one session': (serve) =>
    serve(
      {},
      async ({ session, path, reply }) => {
        const [first, ...more] = await Promise.all([session(), session(), session()])
        if (path === '/write') first.set('name', 'Ada')
        const last = await session()
        return reply.json([new Set([first, ...more, last]).size, last.get('name')])
      },
      async ({ client, calls }) => {
        assert.equal((await client.ask('/write')).text, '[1,"Ada"]')
        calls.length = 0
        assert.equal((await client.ask('/read')).text, '[1,"Ada"]')
        assert.deepEqual(calls, ['read'])
      },
    ),

  'T07 of many visitors at once each sees only their own session': (serve) => {
    const { opened, open } = gate()
    return serve(
      { gate: opened },
      async ({ session, path, reply }) => {
        const mine = await session()
        if (path !== '/read') mine.set('canary', path)
        await new Promise((resolve) => setImmediate(resolve))
        return reply.json(mine.get('canary'))
      },
      async ({ origin, writing }) => {
        const visitors = Array.from({ length: 20 }, () => new Client(origin))
        void writing(visitors.length).then(open)
        await Promise.all(visitors.map((visitor, at) => visitor.ask(`/canary-${at}`)))
        for (let round = 0; round < 3; round++) {
          const seen = await Promise.all(visitors.map((visitor) => visitor.ask('/read')))
          assert.deepEqual(
            seen.map(({ text }) => JSON.parse(text) as unknown),
            visitors.map((_visitor, at) => `/canary-${at}`),
          )
        }
      },
    )
  },
}
