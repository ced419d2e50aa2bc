/** What becomes of a session when the server fails, refuses, or is slow. */

import { inspect } from 'node:util'
import { Redis as IoRedis } from 'ioredis'
import { type AsyncStore, createSessions, type StoredSessions, type StoreError } from 'vial'
import { redisStore } from 'vial/stores/redis'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { findProgram } from '../../scripts/services/programs.ts'
import { startRedis } from '../../scripts/services/servers/redis.ts'
import { redisCommand } from '../../scripts/services/servers/redis-command.ts'
import type { RunningServer } from '../../scripts/services/servers/running-server.ts'
import { bytes, content, LATER } from '../support/bytes.ts'
import { failureOf } from '../support/failure-of.ts'
import { type FaultProxy, faultProxy } from '../support/fault-proxy.ts'
import { PATIENCE } from '../support/patience.ts'
import { clientsFor, newPrefix, openStore } from './redis-clients.ts'

const missing = findProgram('redis-server') ? undefined : 'redis-server is not installed'

interface Place {
  readonly server: RunningServer
  readonly proxy: FaultProxy
  readonly raw: (...words: string[]) => Promise<unknown>
  readonly store: AsyncStore
  readonly prefix: string
}

/** A server of its own behind a proxy, and a store over one client. */
async function place(name: string, ...args: string[]): Promise<Place> {
  const server = await startRedis({ arguments: args })
  onTestFinished(() => server.stop())
  const port = Number(new URL(server.url).port)
  const proxy = await faultProxy({ host: '127.0.0.1', port })
  onTestFinished(() => proxy.close())
  const prefix = newPrefix()
  const store = await openStore(name, proxy.url(server.url), { prefix })
  return { server, proxy, prefix, store, raw: (...words) => redisCommand(port, ...words) }
}

/** How long a request waits for the store under a fault that lasts until the request has failed, in ms. */
const TIMEOUT = 300

interface Visitor {
  /** Adds one to the session's counter; resolves to what it was then. */
  count(): Promise<number>
  /** Reads the counter. */
  read(): Promise<number | undefined>
  /** Loads the session and adds one. The result commits it, with the short time limit. */
  adding(): Promise<() => Promise<unknown>>
  /** What a load with the short time limit rejects with. */
  failingLoad(): Promise<StoreError>
}

async function visitor(store: Place['store'], events: string[] = []): Promise<Visitor> {
  const limited = (timeout: number): StoredSessions =>
    createSessions({
      store,
      timeout,
      cookie: { secure: false },
      onEvent: ({ type }) => events.push(type),
    })
  const sessions = limited(PATIENCE)
  const hasty = limited(TIMEOUT)
  const first = await sessions.load(undefined)
  first.set('n', 0)
  const { headers } = await sessions.commit(first)
  const cookie = headers.find(([header]) => header === 'set-cookie')?.[1].split(';')[0]
  return {
    async count() {
      const session = await sessions.load(cookie)
      session.increment('n')
      await sessions.commit(session)
      return session.get('n') as number
    },
    read: async () => (await sessions.load(cookie)).get('n') as number | undefined,
    async adding() {
      const session = await recovers(() => hasty.load(cookie))
      session.increment('n')
      return async () => hasty.commit(session)
    },
    failingLoad: () => failureOf(async () => hasty.load(cookie)),
  }
}

const recovers = <T>(run: () => Promise<T>): Promise<T> =>
  vi.waitFor(run, { timeout: PATIENCE, interval: 50 })

describe.skipIf(missing).each(clientsFor('single'))(
  `a server that fails, over %s${missing ? ` (skipped: ${missing})` : ''}`,
  (name) => {
    test('refused, and cut: an error at once, and all is well when it is back', async () => {
      const { proxy, store } = await place(name)
      const ada = await visitor(store)
      await proxy.refuse(true)
      proxy.cut()
      for (let turn = 0; turn < 3; turn++) {
        expect(await ada.failingLoad()).toMatchObject({ code: 'ERR_VIAL_STORE', operation: 'read' })
      }
      await proxy.refuse(false)
      await recovers(async () => {
        // An attempt that failed may have counted.
        const before = (await ada.read()) ?? 0
        expect(await ada.count()).toBe(before + 1)
      })
    })

    test('a lost reply is unknown, and the change is there once', async () => {
      const { proxy, store } = await place(name)
      const ada = await visitor(store)
      await ada.count()
      for (let turn = 2; turn <= 4; turn++) {
        const lost = proxy.loseNextReply((request) =>
          /\r\n(?:evalsha|set)\r\n/i.test(String(request)),
        )
        expect(await failureOf(ada.count)).toMatchObject({
          operation: 'replace',
          outcome: 'unknown',
        })
        await lost
        await recovers(async () => expect(await ada.read()).toBe(turn))
      }
    })

    test('killed with a request under way, and back empty: no session is read, none returns', async () => {
      const { server, store } = await place(name)
      const ada = await visitor(store)
      await ada.count()
      server.freeze()
      const failing = ada.failingLoad()
      await server.kill()
      expect(await failing).toMatchObject({ code: 'ERR_VIAL_STORE', operation: 'read' })
      await server.restart()
      await recovers(async () => expect(await ada.read()).toBeUndefined())
      const grace = await visitor(store)
      expect(await grace.count()).toBe(1)
    })

    test('frozen in the middle of a write: unknown in time, and counted once after the thaw', async () => {
      const { server, store } = await place(name)
      const { replace } = store
      const ada = await visitor({
        ...store,
        replace(...args) {
          server.freeze()
          return replace(...args)
        },
      })
      const plain = await visitor(store)
      const commit = await ada.adding()
      expect(await failureOf(commit)).toMatchObject({ operation: 'replace', outcome: 'unknown' })
      server.thaw()
      await recovers(async () => expect(await ada.read()).toBe(1))
      expect(await plain.count()).toBe(1)
    })

    test('a reply after the time limit is an error in time, and does no harm later', async () => {
      const { server, store, raw } = await place(name)
      const ada = await visitor(store)
      server.freeze()
      expect(await ada.failingLoad()).toMatchObject({ operation: 'read', outcome: 'not-done' })
      server.thaw()
      expect(await ada.count()).toBe(1)
      const commit = await ada.adding()
      await raw('CLIENT', 'PAUSE', '3600000', 'WRITE')
      expect(await failureOf(commit)).toMatchObject({ operation: 'replace', outcome: 'unknown' })
      await raw('CLIENT', 'UNPAUSE')
      await recovers(async () => expect(await ada.read()).toBe(2))
    })

    test('out of memory: a typed error, the old record whole, and sessions can still be ended', async () => {
      const { store, raw } = await place(name)
      const events: string[] = []
      const ada = await visitor(store, events)
      await store.create('id', bytes('old'), LATER)
      await raw('CONFIG', 'SET', 'maxmemory', '100kb')
      for (const [operation, run] of [
        ['create', () => store.create('another', bytes('x'), LATER)],
        ['replace', () => store.replace('id', bytes('new'), LATER, bytes('old'))],
      ] as const) {
        const error = await failureOf(run)
        expect(error).toMatchObject({ operation, outcome: 'not-done', retriable: true })
        expect(error.message).toContain('out of memory')
      }
      expect(await failureOf(ada.count)).toMatchObject({
        operation: 'replace',
        outcome: 'not-done',
      })
      expect(events).toContain('store-failed')
      expect(content(await store.read('id'))).toBe('old')
      expect(await store.read('another')).toBeUndefined()
      expect(await store.touch('id', LATER + 1_000, bytes('old'))).toBe('touched')
      expect(await store.delete('id', bytes('another'))).toBe('conflict')
      expect((await store.replace('id', bytes('x'), 0, bytes('old'))).kind).toBe('replaced')
      expect(await store.read('id')).toBeUndefined()
      await raw('CONFIG', 'SET', 'maxmemory', '0')
      expect(await ada.count()).toBe(1)
    })

    test('read-only: reads go on, writes are a typed error', async () => {
      const { store, raw } = await place(name, '--replica-serve-stale-data', 'yes')
      const ada = await visitor(store)
      await store.create('id', bytes('old'), LATER)
      await raw('REPLICAOF', '127.0.0.1', '1')
      for (const run of [
        () => store.create('another', bytes('x'), LATER),
        () => store.replace('id', bytes('new'), LATER, bytes('old')),
        () => store.touch('id', LATER, bytes('old')),
        () => store.delete('id'),
      ]) {
        expect(await failureOf(run)).toMatchObject({ outcome: 'not-done', retriable: true })
      }
      expect(await ada.read()).toBe(0)
      await raw('REPLICAOF', 'NO', 'ONE')
      await recovers(async () => expect(await ada.count()).toBe(1))
    })

    test('busy with a script: a typed error, that passes', async () => {
      const { store, raw } = await place(name, '--busy-reply-threshold', '50')
      await store.create('id', bytes('old'), LATER)
      const endless = raw('EVAL', 'while true do end', '0').catch(() => undefined)
      await recovers(async () => {
        const error = await failureOf(() => store.touch('id', LATER, bytes('old')))
        expect(error).toMatchObject({ outcome: 'not-done', retriable: true })
        expect(error.message).toContain('a script keeps the server busy')
      })
      await raw('SCRIPT', 'KILL')
      await endless
      expect(content(await store.read('id'))).toBe('old')
    })

    test('a user that may not: not to be tried again, and no id is shown', async () => {
      const { store, raw } = await place(name)
      const id = 'a-secret-session-id'
      await store.create(id, bytes('a secret value'), LATER)
      await raw('ACL', 'SETUSER', 'default', '-evalsha', '-set')
      const replacing = () => store.replace(id, bytes('a secret value'), LATER, bytes('x'))
      const refused = [await failureOf(replacing)]
      await raw('ACL', 'SETUSER', 'default', '+@all', 'resetkeys')
      refused.push(await failureOf(() => store.read(id)))
      await raw('ACL', 'SETUSER', 'default', 'allkeys')
      refused.push(await failureOf(() => store.read(id, { signal: AbortSignal.abort() })))
      for (const error of refused) {
        expect(error.outcome).toBe('not-done')
        const shown = inspect(error, { depth: 9, showHidden: true })
        expect(shown).not.toContain(id)
        expect(shown).not.toContain('a secret value')
      }
      expect(refused.map(({ retriable }) => retriable)).toEqual([false, false, true])
      expect(refused[0]?.message).toContain('It needs GET, PTTL, SET')
    })

    test('without its script, and with no right to load it: a typed error', async () => {
      const { store, raw } = await place(name)
      await store.create('id', bytes('old'), LATER)
      await raw('SCRIPT', 'FLUSH')
      await raw('ACL', 'SETUSER', 'default', '-eval')
      expect(await failureOf(() => store.delete('id', bytes('old')))).toMatchObject({
        outcome: 'not-done',
        retriable: false,
      })
      await raw('ACL', 'SETUSER', 'default', '+eval')
      expect(await store.delete('id', bytes('old'))).toBe('deleted')
    })
  },
)

describe.skipIf(missing)('what the refusal of resending clients is for', () => {
  test('ioredis as it comes, accepted: its own write answers as a conflict', async () => {
    const { proxy, server, prefix } = await place('ioredis')
    const client = new IoRedis(proxy.url(server.url))
    client.on('error', () => undefined)
    onTestFinished(() => client.disconnect())
    const store = redisStore(client, { prefix, retries: 'accept' })
    await store.create('id', bytes('1'), LATER)
    await store.replace('id', bytes('2'), LATER, bytes('1'))
    const lost = proxy.loseNextReply()
    const result = await store.replace('id', bytes('3'), LATER, bytes('2'))
    await lost
    expect(result.kind === 'conflict' && content(result.current)).toBe('3')
  })
})
