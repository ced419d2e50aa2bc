/**
 * Cases: the session without the request object.
 *
 * @module
 */

import assert from 'node:assert/strict'
import type { Cases } from './adapter-case.ts'
import { Client } from './adapter-client.ts'

export const ambientCases: Cases = {
  'A01 current() finds the session after an await, and in parallel requests': (serve) =>
    serve(
      { ambient: true },
      async ({ path, reply }, sessions) => {
        await new Promise((resolve) => setImmediate(resolve))
        const mine = await sessions.current()
        if (path !== '/read') mine.set('canary', path)
        await new Promise((resolve) => setImmediate(resolve))
        return reply.json((await sessions.current()).get('canary'))
      },
      async ({ origin }) => {
        const visitors = Array.from({ length: 10 }, () => new Client(origin))
        const wrote = await Promise.all(visitors.map((visitor, at) => visitor.ask(`/${at}`)))
        assert.deepEqual(
          wrote.map(({ text }) => text),
          visitors.map((_visitor, at) => `"/${at}"`),
        )
        const read = await Promise.all(visitors.map((visitor) => visitor.ask('/read')))
        assert.deepEqual(
          read.map(({ text }) => text),
          wrote.map(({ text }) => text),
        )
      },
    ),

  'A02 current() finds the session after a late body': (serve) =>
    serve(
      { ambient: true },
      async ({ body, reply }, sessions) => {
        const text = await body()
        const mine = await sessions.current()
        mine.set('text', text)
        return reply.json(mine.get('text'))
      },
      async ({ client, records }) => {
        const { status, text, cookies } = await client.ask('/', { method: 'POST', body: 'late' })
        assert.deepEqual([status, text, cookies.length], [200, '"late"', 1])
        assert.equal(await records(), 1)
      },
    ),

  'A03 with eager, session is available without await': (serve) =>
    serve(
      { eager: true },
      async ({ path, reply }, sessions) => {
        if (path !== '/read') sessions.session?.set('canary', path)
        return reply.json(sessions.session?.get('canary') ?? null)
      },
      async ({ client, origin }) => {
        assert.equal((await client.ask('/write')).text, '"/write"')
        assert.equal((await client.ask('/read')).text, '"/write"')
        assert.equal((await new Client(origin).ask('/read')).text, 'null')
      },
    ),

  'A04 with eager, a session that cannot be loaded is an error page': (serve) =>
    serve(
      { eager: true },
      async ({ reply }, sessions) => {
        sessions.session?.set('name', 'Ada')
        return reply.json('ok')
      },
      async ({ client, store }) => {
        await client.ask('/')
        const { read } = store
        store.read = () => Promise.reject(new Error('The store is down'))
        assert.equal((await client.ask('/')).status, 500)
        store.read = read
        assert.equal((await client.ask('/')).status, 200)
      },
    ),
}
