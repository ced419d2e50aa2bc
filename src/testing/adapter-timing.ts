/**
 * Cases: a session is stored before its response leaves, and cannot be written afterwards.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { Client } from './adapter-client.ts'
import type { Cases } from './adapter-suite.ts'
import { gate } from './watched-store.ts'

/** How long a slow store takes for a write, in ms. */
const SLOW = 300

function codeOf(run: () => void): string {
  try {
    run()
    return 'none'
  } catch (error) {
    return String((error as { code?: unknown }).code)
  }
}

export const timingCases: Cases = {
  'T01 login, then redirect: the next request sees it, however slow the store': (serve) =>
    serve(
      { delay: SLOW },
      async ({ session, path, reply }) => {
        const mine = await session()
        if (path === '/home') return reply.json({ name: mine.get('name') ?? null })
        mine.login('ada')
        mine.set('name', 'Ada')
        return reply.redirect('/home')
      },
      async ({ client }) => {
        const { status, cookies, header } = await client.ask('/login')
        assert.deepEqual([status, cookies.length, header('location')], [302, 1, '/home'])
        assert.equal((await client.ask(header('location'))).text, '{"name":"Ada"}')
      },
    ),

  'T02 a stream waits for a slow store, and arrives whole': (serve) =>
    serve(
      { delay: SLOW },
      async ({ session, path, reply }) => {
        const mine = await session()
        if (path === '/read') return reply.json({ name: mine.get('name') ?? null })
        mine.set('name', 'Ada')
        return reply.stream(
          (async function* () {
            for (let part = 0; part < 40; part++) yield `${String(part).padStart(9999, '.')}\n`
          })(),
        )
      },
      async ({ client, origin }) => {
        let seen: Promise<string> | undefined
        const reader = new Client(origin)
        const { text, cookies } = await client.ask('/stream', {
          onHeaders: () => {
            seen = Promise.resolve('headers')
          },
        })
        assert.equal(await seen, 'headers')
        assert.deepEqual([text.length, cookies.length], [400_000, 1])
        assert.match(text, /\.0\n[\s\S]*\.39\n$/)
        for (const [name, value] of client.jar) reader.jar.set(name, value)
        assert.equal((await reader.ask('/read')).text, '{"name":"Ada"}')
      },
    ),

  'T03 what is written while a stream runs is a StateError': async (serve) => {
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

  'T04 a session first asked for while a stream runs can be read and not written': async (
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

  'T05 a session that outlives its request can be read and not written': async (serve) => {
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

  'T06 many who ask at once share one load and one session': (serve) =>
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

  'T07 many visitors at once each see only their own': (serve) =>
    serve(
      { delay: 5 },
      async ({ session, path, reply }) => {
        const mine = await session()
        if (path !== '/read') mine.set('canary', path)
        await new Promise((resolve) => setImmediate(resolve))
        return reply.json(mine.get('canary'))
      },
      async ({ origin }) => {
        const visitors = Array.from({ length: 20 }, () => new Client(origin))
        await Promise.all(visitors.map((visitor, at) => visitor.ask(`/canary-${at}`)))
        for (let round = 0; round < 3; round++) {
          const seen = await Promise.all(visitors.map((visitor) => visitor.ask('/read')))
          assert.deepEqual(
            seen.map(({ text }) => JSON.parse(text) as unknown),
            visitors.map((_visitor, at) => `/canary-${at}`),
          )
        }
      },
    ),
}
