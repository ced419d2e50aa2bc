/**
 * Cases: the store fails, or the client goes away.
 *
 * @module
 */

import assert from 'node:assert/strict'
import type { Answer, Cases, Exchange } from './adapter-case.ts'
import { gate } from './store-spy.ts'

async function write({ session, path, reply }: Exchange): Promise<Answer> {
  const mine = await session()
  if (path === '/read') return reply.json({ name: mine.get('name') ?? null })
  mine.set('name', 'Ada')
  reply.header('x-application', 'yes')
  reply.header('set-cookie', 'theme=dark; Path=/')
  if (path === '/redirect') return reply.redirect('/welcome')
  if (path === '/json') return reply.json('welcome')
  return reply.stream(
    (async function* () {
      for (let part = 0; part < 40; part++) yield 'welcome'.padEnd(10_000)
    })(),
  )
}

export const faultCases: Cases = {
  'F01 a session that cannot be stored is an error page, never a success without its cookie': (
    serve,
  ) =>
    serve({ failing: true }, write, async ({ client, behaviour, records }) => {
      for (const path of ['/redirect', '/json', '/stream']) {
        const { status, cookies, text, header } = await client.ask(path)
        assert(status >= 500 && status <= 599, `${path} answered ${status}`)
        assert.deepEqual(
          cookies.filter((line) => line.startsWith('__Host-session')),
          [],
        )
        assert.equal(header('location'), '')
        assert.equal(text.includes('welcome'), false)
      }
      assert.equal(await records(), 0)
      behaviour.failing = false
      for (const path of ['/redirect', '/json', '/stream']) {
        client.jar.clear()
        assert.equal((await client.ask(path)).cookies.length, 2)
        assert.equal((await client.ask('/read')).text, '{"name":"Ada"}')
      }
    }),

  'F02 a client disconnects while the store is slow: the write is stored, the server goes on':
    async (serve) => {
      for (const path of ['/json', '/stream']) {
        const { opened, open } = gate()
        await serve({ gate: opened }, write, async ({ client, writing, idle, records }) => {
          const hangUp = new AbortController()
          const begun = writing()
          const answer = client.ask(path, { signal: hangUp.signal })
          await begun
          hangUp.abort()
          await assert.rejects(answer)
          // Another request gives the server time to notice that the client has gone.
          await client.ask('/read')
          open()
          await idle()
          assert.equal(await records(), 1)
          assert.equal((await client.ask('/json')).status, 200)
        })
      }
    },

  'F03 a session that cannot be loaded is an error page': (serve) =>
    serve({}, write, async ({ client, store }) => {
      await client.ask('/json')
      const { read } = store
      store.read = () => Promise.reject(new Error('The store is down'))
      const { status, cookies } = await client.ask('/json')
      assert.equal(status, 500)
      assert.deepEqual(
        cookies.filter((line) => line.startsWith('__Host-session')),
        [],
      )
      store.read = read
      assert.equal((await client.ask('/read')).text, '{"name":"Ada"}')
    }),
}
