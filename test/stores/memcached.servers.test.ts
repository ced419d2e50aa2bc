import { randomUUID } from 'node:crypto'
import { type AsyncStore, createSessions, type StoredRecord, StoreError, TooLargeError } from 'vial'
import { type MemcachedStoreOptions, memcachedStore } from 'vial/stores/memcached'
import { memcachedTransport } from 'vial/stores/memcached-transport'
import { storeSuite } from 'vial/testing'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { RunningServer } from '../../scripts/services/servers/running-server.ts'
import { Browser, listener } from '../core/requests.ts'
import { bytes, content, LATER } from '../support/bytes.ts'
import { faultProxy } from '../support/fault-proxy.ts'
import { PATIENCE } from '../support/patience.ts'
import { service } from '../support/services.ts'
import { foreign, foreignSet, missing, PATIENT, portOf, start, stats } from './memcached-server.ts'
import { PROFILES } from './profiles.ts'

const shared = service('memcached')
const noServer = 'missing' in shared ? missing && shared.missing : undefined
const skipped = noServer === undefined ? '' : ` (skipped: ${noServer})`
const skippedAlone = missing === undefined ? '' : ` (skipped: ${missing})`

const servers: RunningServer[] = []
let one = ''
let three: string[] = []

beforeAll(async () => {
  if (missing === undefined) {
    servers.push(...(await Promise.all(Array.from({ length: 3 }, () => start()))))
  }
  three = servers.map(({ url }) => url)
  one = 'url' in shared ? shared.url : (three[0] ?? '')
})
afterAll(() => Promise.all(servers.map((server) => server.stop())))

const EMPTY = new Uint8Array(0)
const open = (options: Partial<MemcachedStoreOptions> = {}): AsyncStore =>
  memcachedStore({ servers: one, prefix: `${randomUUID()}:`, ...PATIENT, ...options })

/** The default -I of 1 MiB without what an item takes, this prefix of 37 characters and the id of 36. */
const LARGEST = PROFILES.memcached.suite.maxBytes

/** Servers for one case, and how to lose a reply of theirs. */
interface Backend {
  readonly servers: string | string[]
  readonly loseNextReply?: () => void
  readonly close?: () => Promise<void>
}

async function viaProxy(): Promise<Backend> {
  const proxy = await faultProxy({ host: new URL(one).hostname, port: portOf(one) })
  return {
    servers: proxy.url(one),
    // Not that of the greeting.
    loseNextReply: () =>
      void proxy.loseNextReply((request) => !request.toString().startsWith('mn')),
    close: () => proxy.close(),
  }
}

function contract(
  name: string,
  run: typeof test | typeof test.skip,
  backend: () => Promise<Backend>,
  deviations: Record<string, string> = {},
) {
  storeSuite({
    // Most of the time is waiting for the server's clock.
    test: (title, body) => run(title, { concurrent: true }, body),
    name,
    ...PROFILES.memcached.suite,
    // What it reports is whole seconds.
    serverTime: { slack: 1_000 },
    ids: 10_000,
    async make({ now }) {
      const prefix = `${randomUUID()}:`
      const { servers, ...fixture } = await backend()
      const client = () => memcachedStore({ servers, prefix, now, ...PATIENT })
      const { serverOf } = memcachedTransport({ servers })
      return {
        ...fixture,
        store: client(),
        another: client,
        foreignWrite: (id, value) =>
          foreignSet(`memcached://${serverOf(prefix + id)}`, prefix + id, value),
      }
    },
    makeBroken: ({ now }) => ({ store: memcachedStore({ servers: '127.0.0.1:1', now }) }),
    deviations: { ...PROFILES.memcached.suite.deviations, ...deviations },
  })
}

// Together, so that all wait at once.
describe('the contract', () => {
  contract(`memcached${skipped}`, skipped ? test.skip : test, viaProxy)
  contract(
    `memcached, three servers${skippedAlone}`,
    skippedAlone ? test.skip : test,
    async () => ({ servers: three }),
    { F2: 'run on one server' },
  )
})

describe.skipIf(noServer !== undefined)(`records${skipped}`, () => {
  test('are found by Flask-Session, with its key, flags 0 and the bytes alone', async () => {
    const store = open({ prefix: 'session:' })
    const id = randomUUID()
    await store.create(id, bytes('\u0081'), LATER)
    const answer = await foreign(one, `get session:${id}\r\n`, /END\r\n$/)
    expect(answer).toBe(`VALUE session:${id} 0 2\r\n\u00c2\u0081\r\nEND\r\n`)
    await store.delete(id)
    await store.close?.()
  })

  test('of Flask-Session are read byte for byte, and its blind writes are a conflict', async () => {
    const prefix = `${randomUUID()}:`
    const store = open({ prefix })
    const every = Uint8Array.from({ length: 256 }, (_, value) => value)
    await foreignSet(one, `${prefix}id`, every)
    const record = await store.read('id')
    expect(record?.bytes).toEqual(every)

    const theirs = every.toReversed()
    await foreignSet(one, `${prefix}id`, theirs)
    const version = record?.version
    for (const expiresAt of [LATER, 0]) {
      const result = await store.replace('id', bytes('ours'), expiresAt, version)
      expect(result).toMatchObject({ kind: 'conflict', current: { bytes: theirs } })
      const { current } = result as { current?: StoredRecord }
      expect(current?.version).toEqual((await store.read('id'))?.version)
      expect(await store.touch('id', expiresAt, version)).toBe('conflict')
    }
    expect(await store.delete('id', version)).toBe('conflict')
    expect((await store.read('id'))?.bytes).toEqual(theirs)
    await store.close?.()
  })

  test('that were touched have the version that was read before, for every verb', async () => {
    const prefix = `${randomUUID()}:`
    const store = open({ prefix })
    const verbs: Record<string, (id: string, version: unknown) => Promise<unknown>> = {
      replaced: async (id, version) => (await store.replace(id, bytes('y'), LATER, version)).kind,
      touched: (id, version) => store.touch(id, LATER, version),
      deleted: (id, version) => store.delete(id, version),
    }
    for (const [done, verb] of Object.entries(verbs)) {
      await store.create(done, bytes('x'), LATER)
      const { version } = (await store.read(done)) ?? {}
      for (const expiresAt of [LATER + 60_000, LATER - 60_000]) {
        expect(await store.touch(done, expiresAt, version)).toBe('touched')
        const record = await store.read(done, { expiry: true })
        expect(content(record)).toBe('x')
        expect(Math.abs((record?.expiresAt ?? 0) - expiresAt)).toBeLessThan(5_000)
      }
      // As Flask-Session reads it.
      const answer = await foreign(one, `get ${prefix}${done}\r\n`, /END\r\n$/)
      expect(answer).toBe(`VALUE ${prefix}${done} 0 1\r\nx\r\nEND\r\n`)
      expect(await verb(done, version)).toBe(done)
    }
    await store.close?.()
  })

  test('that Flask-Session deleted are gone, and stay so', async () => {
    const prefix = `${randomUUID()}:`
    const store = open({ prefix })
    await store.create('id', bytes('x'), LATER)
    const { version } = (await store.read('id')) ?? {}
    await foreign(one, `delete ${prefix}id\r\n`)
    expect(await store.replace('id', bytes('y'), LATER, version)).toEqual({ kind: 'gone' })
    expect(await store.touch('id', LATER, version)).toBe('gone')
    expect(await store.delete('id', version)).toBe('gone')
    expect(await store.read('id')).toBeUndefined()
    await store.close?.()
  })

  test('written by replace can be replaced again without a read', async () => {
    const store = open()
    let { version } = (await store.create('id', bytes('0'), LATER)) as { version?: unknown }
    for (let turn = 1; turn < 5; turn++) {
      const result = await store.replace('id', bytes(`${turn}`), LATER, version)
      expect(result.kind).toBe('replaced')
      version = (result as { version?: unknown }).version
    }
    await store.close?.()
  })

  test('that never end have no expiry', async () => {
    const prefix = `${randomUUID()}:`
    const store = open({ prefix })
    await foreign(one, `set ${prefix}for-ever 0 0 1\r\nx\r\n`)
    expect((await store.read('for-ever', { expiry: true }))?.expiresAt).toBeUndefined()
    await store.delete('for-ever')
    await store.close?.()
  })

  test('with expiries of 30 and 31 days, and after 2038, are there', async () => {
    const store = open()
    const day = 86_400_000
    for (const length of [30 * day - 5_000, 30 * day, 30 * day + 1, 31 * day, 9_000 * day]) {
      const id = randomUUID()
      const end = Date.now() + length
      await store.create(id, bytes('first'), end)
      const record = await store.read(id, { expiry: true })
      expect(content(record)).toBe('first')
      if (length < 9_000 * day) {
        expect(Math.abs((record?.expiresAt ?? 0) - end)).toBeLessThan(5_000)
      }
      await store.replace(id, bytes('second'), end, record?.version)
      expect(content(await store.read(id))).toBe('second')
      const { version } = (await store.read(id)) ?? {}
      expect(await store.touch(id, end + day, version)).toBe('touched')
      expect(content(await store.read(id))).toBe('second')
    }
    await store.close?.()
  })

  test('too large are refused before the server drops what it has', async () => {
    const store = open()
    const id = randomUUID()
    await store.create(id, bytes('old'), LATER)
    const { version } = (await store.read(id)) ?? {}
    const large = new Uint8Array(LARGEST + 1)
    for (const call of [
      () => store.create(id, large, LATER),
      () => store.replace(id, large, LATER, version),
    ]) {
      const error = await call().catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(TooLargeError)
      expect(error).toMatchObject({ size: LARGEST + 1, limit: LARGEST })
    }
    expect(content(await store.read(id))).toBe('old')
    const most = new Uint8Array(LARGEST).fill(7)
    expect((await store.replace(id, most, LATER, version)).kind).toBe('replaced')
    expect(Buffer.compare((await store.read(id))?.bytes ?? EMPTY, most)).toBe(0)
    await store.delete(id)
    await store.close?.()
  })

  test('a limit that the server does not have is the same error, once it says so', async () => {
    const store = open({ maxItemSize: 2_097_152 })
    const error = await store
      .create('id', new Uint8Array(1_500_000), LATER)
      .catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(TooLargeError)
    expect((await store.create('id', bytes('small'), LATER)).kind).toBe('created')
    await store.close?.()
  })
})

describe.skipIf(missing !== undefined)(`on a server of its own${skippedAlone}`, () => {
  test('each verb is one command, and three after another write or touch', async () => {
    const server = await start()
    const proxy = await faultProxy({ host: '127.0.0.1', port: portOf(server.url) })
    const sent: string[] = []
    void proxy.loseNextReply((request) => {
      const lines = request.toString('latin1').matchAll(/^(mg|ms|md) \S+ .*O\w+\r$/gm)
      sent.push(...[...lines].map(([, verb]) => String(verb)))
      return false
    })
    const store = open({ servers: proxy.url(server.url) })
    const commands = async (call: () => Promise<unknown>) => {
      sent.length = 0
      await call()
      return sent.join(' ')
    }
    expect(await commands(() => store.create('id', bytes('x'), LATER))).toBe('ms')
    expect(await commands(() => store.read('id', { expiry: true }))).toBe('mg')
    expect(await commands(() => store.read('unknown'))).toBe('mg')
    const before = (await store.read('id'))?.version
    expect(await commands(() => store.touch('id', LATER, before))).toBe('md')
    expect(await commands(() => store.touch('id', LATER, before))).toBe('md mg md')
    const { version } = (await store.read('id')) ?? {}
    expect(await commands(() => store.replace('id', bytes('y'), LATER, version))).toBe('ms')
    expect(await commands(() => store.replace('id', bytes('z'), LATER, version))).toBe('ms mg')
    expect(await commands(() => store.delete('id', version))).toBe('md mg')
    expect(await commands(() => store.delete('id'))).toBe('md')
    await store.close?.()
    await proxy.close()
    await server.stop()
  })

  test('a request that reads costs one command, one that writes two, others none', async () => {
    const server = await start()
    const store = open({ servers: server.url })
    const sessions = createSessions({ store, timeout: PATIENCE })
    const browser = new Browser(sessions)
    await browser.visit((session) => session.set('a', 1))
    const commands = async (work: () => Promise<unknown>) => {
      const before = await stats(server.url)
      await work()
      const after = await stats(server.url)
      return ['cmd_get', 'cmd_set', 'cmd_touch', 'delete_hits', 'delete_misses']
        .map((name) => (after[name] ?? 0) - (before[name] ?? 0))
        .reduce((sum, count) => sum + count)
    }
    expect(await commands(() => browser.visit((session) => session.get('a')))).toBe(1)
    expect(await commands(() => browser.visit((session) => session.increment('a')))).toBe(2)
    expect(await commands(async () => undefined)).toBe(0)
    await sessions.close()
    await server.stop()
  })

  test('a session that had to make room is gone, and stays so', async () => {
    const server = await start('-m', '4')
    const store = open({ servers: server.url })
    const { events, onEvent } = listener()
    const sessions = createSessions({ store, timeout: PATIENCE, onEvent })
    const browser = new Browser(sessions)
    await browser.visit((session) => session.set('name', 'ann'))
    const { cookie } = browser
    await browser.visit(async (session) => {
      expect(session.get('name')).toBe('ann')
      await crowd(server.url)
      session.set('name', 'bob')
    })
    expect((await stats(server.url))['evictions']).toBeGreaterThan(0)
    expect(events).toMatchObject([{ type: 'gone', keys: ['name'] }])
    const later = new Browser(sessions, cookie)
    await later.visit((session) => expect(session.isNew).toBe(true))
    await sessions.close()
    await server.stop()
  })

  test('a server without room and without eviction: a typed error', async () => {
    const server = await start('-m', '4', '-M')
    const store = open({ servers: server.url })
    const results = await Promise.allSettled(
      Array.from({ length: 120 }, (_, n) => store.create(`${n}`, new Uint8Array(100_000), LATER)),
    )
    const failed = results.flatMap((result) =>
      result.status === 'rejected' ? [result.reason as unknown] : [],
    )
    expect(failed.length).toBeGreaterThan(0)
    for (const error of failed) {
      expect(error).toBeInstanceOf(StoreError)
      expect(error).toMatchObject({ operation: 'create', outcome: 'unknown', retriable: true })
    }
    await store.delete('0')
    expect((await store.create('0', bytes('small'), LATER)).kind).toBe('created')
    await store.close?.()
    await server.stop()
  })

  test('a reply that is lost after the write was done is unknown', async () => {
    const server = await start()
    const proxy = await faultProxy({ host: '127.0.0.1', port: portOf(server.url) })
    const store = open({ servers: proxy.url(server.url) })
    await store.create('id', bytes('first'), LATER)
    const { version } = (await store.read('id')) ?? {}
    const lost = async (call: () => Promise<unknown>) => {
      const done = proxy.loseNextReply((request) => !request.toString().startsWith('mn'))
      const error = await call().catch((thrown: unknown) => thrown)
      await done
      expect(error).toBeInstanceOf(StoreError)
      // After two failures without an answer in between there is a pause.
      await vi.waitFor(() => store.read('any'), 5_000)
      return (error as StoreError).outcome
    }
    expect(await lost(() => store.replace('id', bytes('second'), LATER, version))).toBe('unknown')
    expect(content(await store.read('id'))).toBe('second')
    expect(await lost(() => store.read('id'))).toBe('not-done')
    const touched = (await store.read('id'))?.version
    expect(await lost(() => store.touch('id', LATER + 60_000, touched))).toBe('unknown')
    expect(await lost(() => store.create('other', bytes('x'), LATER))).toBe('unknown')
    expect(content(await store.read('other'))).toBe('x')
    expect(await lost(() => store.delete('id'))).toBe('unknown')
    expect(await store.read('id')).toBeUndefined()
    await store.close?.()
    await proxy.close()
    await server.stop()
  })
})

/** Fills a server with small records of many sizes. */
async function crowd(url: string): Promise<void> {
  const lines = Array.from({ length: 80_000 }, (_, n) => {
    const size = 20 + (n % 200)
    return `set ${randomUUID()} 0 100 ${size} noreply\r\n${'x'.repeat(size)}\r\n`
  })
  await foreign(url, `${lines.join('')}version\r\n`)
}
