/** A Sentinel or a Cluster that loses its primary, or a reply, while sessions are written. */

import { createSessions, isSessionError, type StoredSessions } from 'vial'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { findProgram } from '../../scripts/services/programs.ts'
import { type RunningCluster, startCluster } from '../../scripts/services/servers/redis-cluster.ts'
import { redisCommand } from '../../scripts/services/servers/redis-command.ts'
import {
  type RunningSentinel,
  startSentinel,
} from '../../scripts/services/servers/redis-sentinel.ts'
import type { RunningServer } from '../../scripts/services/servers/running-server.ts'
import { bytes, content, LATER } from '../support/bytes.ts'
import { failureOf } from '../support/failure-of.ts'
import { faultProxy } from '../support/fault-proxy.ts'
import { PATIENCE } from '../support/patience.ts'
import { clientsFor, newPrefix, openStore } from './redis-clients.ts'

const missing = findProgram('redis-server') ? undefined : 'redis-server is not installed'
const because = missing ? ` (skipped: ${missing})` : ''
const MINUTE = 60_000
/** It asks for the new primary only after a reply of a node, which a dead one does not give. Mended in node-redis 6. */
const STAYS = 'node-redis 5 Cluster'

type Fate = 'done' | 'not-done' | 'unknown'

/** Requests that all count on one session, until it is stopped. */
interface Load {
  /** The outcome of each request, by its number, and when. */
  readonly fates: Map<number, { readonly fate: Fate; readonly at: number }>
  /** Ends it; resolves to what the session holds. */
  stop(): Promise<{ readonly count: number; readonly log: readonly number[] }>
}

async function load(store: Awaited<ReturnType<typeof openStore>>): Promise<Load> {
  const sessions: StoredSessions = createSessions({ store, cookie: { secure: false } })
  const first = await sessions.load(undefined)
  first.set('log', [])
  const { headers } = await sessions.commit(first)
  const cookie = headers.find(([header]) => header === 'set-cookie')?.[1].split(';')[0]
  const fates: Load['fates'] = new Map()
  let going = true
  let next = 0

  async function request(number: number): Promise<Fate> {
    try {
      const session = await sessions.load(cookie)
      if (session.isNew) return 'not-done'
      if (number % 3 === 0) {
        // A reader, whose number is never in the log.
        expect(session.get('count') ?? 0).toBeGreaterThanOrEqual(0)
        return 'not-done'
      }
      session.increment('count')
      session.append('log', number)
      return (await sessions.commit(session)).outcome === 'saved' ? 'done' : 'not-done'
    } catch (error) {
      // Nothing but what the documentation says.
      if (!isSessionError(error)) throw error
      if (error.code === 'ERR_VIAL_CONFLICT') return 'not-done'
      expect(error.code).toBe('ERR_VIAL_STORE')
      return (error as { outcome?: Fate }).outcome ?? 'unknown'
    }
  }
  const workers = Array.from({ length: 4 }, async () => {
    while (going) {
      const number = next++
      const start = performance.now()
      const fate = await request(number)
      // The deadline is a second over each of load and commit; the machine may be busy.
      expect(performance.now() - start).toBeLessThan(10_000)
      fates.set(number, { fate, at: performance.now() })
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  })
  return {
    fates,
    async stop() {
      going = false
      await Promise.all(workers)
      const session = await sessions.load(cookie)
      return { count: session.get('count') as number, log: session.get('log') as number[] }
    },
  }
}

const done = ({ fates }: Load) => [...fates.values()].filter(({ fate }) => fate === 'done').length

/**
 * Loads a session over each store for that many ms, of which the last two thirds come after `fail`, and checks what each
 * request was answered against what is there.
 */
async function survive(
  stores: readonly Awaited<ReturnType<typeof openStore>>[],
  fail: () => Promise<unknown>,
  duration = 30_000,
): Promise<void> {
  const end = performance.now() + duration
  const all = await Promise.all(stores.map(load))
  const counted = (running: Load, more: number) => {
    const from = done(running)
    return vi.waitFor(() => expect(done(running)).toBeGreaterThan(from + more), MINUTE / 2)
  }
  await Promise.all([after(duration / 3), ...all.map((running) => counted(running, 50))])
  const killed = performance.now()
  await fail()
  const over = performance.now()
  await Promise.all([after(end - over), ...all.map((running) => counted(running, 50))])
  for (const running of all) {
    const { count, log } = await running.stop()
    const there = new Set(log)
    expect(there.size, 'nothing counted twice').toBe(log.length)
    expect(count).toBe(log.length)
    for (const [number, { fate, at }] of running.fates) {
      if (fate === 'not-done') expect(there.has(number), 'reported not-done').toBe(false)
      // Replication is asynchronous: what was acknowledged just before the kill may be gone.
      if (fate === 'done' && (at < killed - 1_000 || at > over + 2_000)) {
        expect(there.has(number), 'reported done').toBe(true)
      }
    }
  }
}

/** The load is meant to last. */
function after(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)))
}

/** A store whose every server is behind a proxy. */
async function behindProxies(name: string, url: string, servers: readonly RunningServer[]) {
  const ports = servers.map((server) => Number(new URL(server.url).port))
  const proxies = await Promise.all(ports.map((port) => faultProxy({ host: '127.0.0.1', port })))
  onTestFinished(async () => void (await Promise.all(proxies.map((proxy) => proxy.close()))))
  const detours = new Map(ports.map((port, n) => [port, proxies[n]?.port ?? 0]))
  const store = await openStore(name, url, { detours })
  const loseNextWrite = () =>
    Promise.race(
      proxies.map((proxy) =>
        proxy.loseNextReply((request) => /\r\n(?:evalsha|set)\r\n/i.test(String(request))),
      ),
    )
  return { store, loseNextWrite }
}

async function losesNoReply(
  name: string,
  url: string,
  servers: readonly RunningServer[],
): Promise<void> {
  const { store, loseNextWrite } = await behindProxies(name, url, servers)
  await store.create('id', bytes('1'), LATER)
  await store.replace('id', bytes('2'), LATER, bytes('1'))
  const lost = loseNextWrite()
  const error = await failureOf(() => store.replace('id', bytes('3'), LATER, bytes('2')))
  expect(error).toMatchObject({ operation: 'replace', outcome: 'unknown', retriable: true })
  await lost
  await vi.waitFor(async () => expect(content(await store.read('id'))).toBe('3'), MINUTE / 4)
}

describe.skipIf(missing)(`Sentinel${because}`, () => {
  let group: RunningSentinel

  beforeAll(async () => {
    group = await startSentinel()
  }, MINUTE)
  afterAll(() => group?.stop())

  test.each(clientsFor('sentinel'))(
    'a lost reply is unknown, and not sent again, over %s',
    (name) => losesNoReply(name, group.url, group.servers),
    MINUTE,
  )

  test(
    'a failover within 30 s of load over every client',
    async () => {
      let old: RunningServer | undefined
      const stores = clientsFor('sentinel').map((name) => openStore(name, group.url))
      await survive(await Promise.all(stores), async () => {
        old = await group.failover()
      })
      await old?.restart()
      await vi.waitFor(async () => expect((await group.primary()) !== old).toBe(true), PATIENCE)
    },
    3 * MINUTE,
  )
})

describe.skipIf(missing)(`a Cluster${because}`, () => {
  let group: RunningCluster

  beforeAll(async () => {
    group = await startCluster()
  }, MINUTE)
  afterAll(() => group?.stop())

  test.each(clientsFor('cluster'))(
    'a lost reply is unknown, and not sent again, over %s',
    (name) => losesNoReply(name, group.url, group.nodes),
    MINUTE,
  )

  /** Loads sessions of one slot over clients while its node is killed; resolves to what has been killed. */
  async function failover(
    names: readonly string[],
    then: (old: RunningServer) => unknown,
    duration?: number,
  ): Promise<void> {
    const tag = `{${newPrefix()}}`
    const stores = names.map((name, n) => openStore(name, group.url, { prefix: `${tag}${n}` }))
    const alive = Number(new URL(group.url).port)
    const slot = Number(await redisCommand(alive, 'CLUSTER', 'KEYSLOT', tag))
    let old: RunningServer | undefined
    const fail = async () => {
      old = await group.failover(slot)
      await then(old)
    }
    await survive(await Promise.all(stores), fail, duration)
    await old?.restart()
    await group.restart()
  }

  test(
    'a failover within 30 s of load over every client',
    () =>
      failover(
        clientsFor('cluster').filter((name) => name !== STAYS),
        () => undefined,
      ),
    3 * MINUTE,
  )

  test(
    `a failover under load, over ${STAYS}, which goes on once the killed node is back`,
    () => failover([STAYS], (old) => old.restart(), 6_000),
    3 * MINUTE,
  )
})
