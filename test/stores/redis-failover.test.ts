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
import { faultProxy } from '../fault-proxy.ts'
import {
  bytes,
  clientsFor,
  content,
  failureOf,
  LATER,
  newPrefix,
  openStore,
} from './redis-clients.ts'

const missing = findProgram('redis-server') ? undefined : 'redis-server is not installed'
const because = missing ? ` (skipped: ${missing})` : ''
const MINUTE = 60_000

type Fate = 'done' | 'not-done' | 'unknown'

/** Requests that all count on one session, until it is told to stop. */
interface Load {
  /** What each request was told, by its number, and when. */
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
      await new Promise((resolve) => setTimeout(resolve, 10))
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

/** Loads a session while `fail` runs, and checks what each request was told against what is there. */
async function survives(
  store: Awaited<ReturnType<typeof openStore>>,
  fail: () => Promise<unknown>,
): Promise<void> {
  const running = await load(store)
  const counted = (more: number) => {
    const from = done(running)
    return vi.waitFor(() => expect(done(running)).toBeGreaterThan(from + more), MINUTE / 2)
  }
  await counted(50)
  const killed = performance.now()
  await fail()
  const over = performance.now()
  await counted(50)
  const { count, log } = await running.stop()
  const there = new Set(log)
  expect(there.size, 'nothing counted twice').toBe(log.length)
  expect(count).toBe(log.length)
  for (const [number, { fate, at }] of running.fates) {
    if (fate === 'not-done') expect(there.has(number), 'told not-done').toBe(false)
    // Replication is asynchronous: what was acknowledged just before the kill may be gone.
    if (fate === 'done' && (at < killed - 1_000 || at > over + 2_000)) {
      expect(there.has(number), 'told done').toBe(true)
    }
  }
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

  test.each(clientsFor('sentinel'))(
    'a failover under load, over %s',
    async (name) => {
      let old: RunningServer | undefined
      await survives(await openStore(name, group.url), async () => {
        old = await group.failover()
      })
      await old?.restart()
      await vi.waitFor(async () => expect((await group.primary()) !== old).toBe(true))
    },
    2 * MINUTE,
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

  test.each(clientsFor('cluster'))(
    'a failover under load, over %s',
    async (name) => {
      const prefix = `{${newPrefix()}}`
      const store = await openStore(name, group.url, { prefix })
      const alive = Number(new URL(group.url).port)
      const slot = Number(await redisCommand(alive, 'CLUSTER', 'KEYSLOT', `${prefix}x`))
      let old: RunningServer | undefined
      await survives(store, async () => {
        old = await group.failover(slot)
      })
      await old?.restart()
      await group.restart()
    },
    2 * MINUTE,
  )
})
