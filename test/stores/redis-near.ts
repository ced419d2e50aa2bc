/** What the tests of the near cache of the Redis store have in common. */

import type { Store } from 'vial'
import { type NearCacheOptions, nearCache } from 'vial/stores/redis-near-cache'
import { onTestFinished, vi } from 'vitest'
import { startRedis } from '../../scripts/services/servers/redis.ts'
import { redisCommand } from '../../scripts/services/servers/redis-command.ts'
import type { RunningServer } from '../../scripts/services/servers/running-server.ts'
import { type CaughtConnection, type FaultProxy, faultProxy } from '../support/fault-proxy.ts'
import { clientsFor, newPrefix, openStore } from './redis-clients.ts'

/** The clients that it takes on a single server. */
export const NEAR_CLIENTS: readonly string[] = clientsFor('single').filter(
  (name) => !name.includes('pool'),
)

/** Waits for what comes by itself. */
export function soon(check: () => unknown): Promise<unknown> {
  return vi.waitFor(async () => void (await check()), { timeout: 60_000, interval: 5 })
}

/** Whether the next read was served without asking: what is held keeps its version. */
export async function isHeld(store: Store, id: string): Promise<boolean> {
  const first = await store.read(id)
  const second = await store.read(id)
  return first !== undefined && first.version === second?.version
}

/** Reads until the record is held. */
export function held(store: Store, id: string): Promise<unknown> {
  return soon(async () => {
    if (!(await isHeld(store, id))) throw new Error('It is not held')
  })
}

export interface NearPlace {
  readonly server: RunningServer
  readonly proxy: FaultProxy
  readonly prefix: string
  /** A store with the near cache, behind the proxy. */
  readonly store: Store
  /** The connection of the store on which the server reports what changes; another one after each that is lost. */
  readonly tracking: () => Promise<CaughtConnection>
  /** What its `onError` was called with. */
  readonly reports: Error[]
  /** A command of another program. */
  readonly raw: (...words: string[]) => Promise<unknown>
  /** The ids of the connections that track, as the server sees them. */
  readonly trackers: () => Promise<string[]>
  /** How often the server ran each of these commands. */
  readonly counted: (...commands: string[]) => Promise<number[]>
}

/** A server of its own, and a store over one client. */
export async function nearPlace(
  name: string,
  options: NearCacheOptions = {},
  { arguments: args = [], now }: { arguments?: readonly string[]; now?: () => number } = {},
): Promise<NearPlace> {
  const server = await startRedis({ arguments: args })
  onTestFinished(() => server.stop())
  const port = Number(new URL(server.url).port)
  const proxy = await faultProxy({ host: '127.0.0.1', port })
  onTestFinished(() => proxy.close())
  let tracking = caught()
  function caught(): Promise<CaughtConnection> {
    const next = proxy.connectionOf((request) => String(request).includes('__redis__:invalidate'))
    void next.then(() => {
      tracking = Promise.resolve(next)
      void caught()
    })
    return next
  }
  const prefix = newPrefix()
  const reports: Error[] = []
  const onError = (error: unknown) => void reports.push(error as Error)
  const store = await openStore(name, proxy.url(server.url), {
    prefix,
    nearCache: nearCache({ ...options, onError }),
    ...(now && { now }),
  })
  const raw = (...words: string[]) => redisCommand(port, ...words)
  return {
    server,
    proxy,
    prefix,
    store,
    tracking: () => tracking,
    reports,
    raw,
    async trackers() {
      const list = String(await raw('CLIENT', 'LIST'))
      const lines = list.split('\n').filter((line) => / flags=\w*t/.test(line))
      return lines.map((line) => /id=(\d+)/.exec(line)?.[1] as string)
    },
    async counted(...commands) {
      const info = String(await raw('INFO', 'commandstats'))
      return commands.map((command) =>
        Number(new RegExp(`^cmdstat_${command}:calls=(\\d+)`, 'm').exec(info)?.[1] ?? 0),
      )
    },
  }
}
