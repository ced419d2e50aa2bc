/** The conformance suite over each kind of client: two clients of a shared server, the first one behind proxies. */

import type { Store } from 'vial'
import { type RedisStoreOptions, redisStore } from 'vial/stores/redis'
import { type StoreSuiteOptions, storeSuite } from 'vial/testing'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { redisCommand } from '../../scripts/services/servers/redis-command.ts'
import { freePort } from '../../scripts/services/servers/running-server.ts'
import { type FaultProxy, faultProxy } from '../support/fault-proxy.ts'
import { service } from '../support/services.ts'
import { CLIENTS, type Kind, newPrefix, type Opened } from './redis-clients.ts'

const SERVICES = { single: 'redis', cluster: 'redis-cluster', sentinel: 'redis-sentinel' } as const
/** A command of the store, in contrast to what a client asks for itself. */
const COMMAND = /\r\n(?:get|set|evalsha|eval|del)\r\n/i

/** What both families of clients share. */
interface Raw {
  set(key: string, value: Buffer): Promise<unknown>
  pexpireat?(key: string, at: number): Promise<unknown>
  pExpireAt?(key: string, at: number): Promise<unknown>
}

/** The ports of the servers that take writes. */
async function primaries(kind: Kind, url: string): Promise<number[]> {
  const port = Number(new URL(url).port)
  if (kind === 'single') return [port]
  if (kind === 'sentinel') {
    const address = await redisCommand(port, 'SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'vial')
    return [Number((address as string[])[1])]
  }
  const ranges = (await redisCommand(port, 'CLUSTER', 'SLOTS')) as [
    number,
    number,
    [string, number],
  ][]
  return [...new Set(ranges.map(([, , [, primary]]) => primary))]
}

/** How a variant of the store takes part. */
export interface Variant {
  /** The store as the suite uses it, made from a real one. Absent: as it is. */
  readonly prepare?: (store: Store) => Promise<Store> | Store
  /** Called after a write of another program. */
  readonly afterForeignWrite?: () => Promise<unknown>
}

/**
 * Registers the cases for one client.
 *
 * @param options Of every store.
 * @param variant Called for each case, with the port of a primary and the prefix of the case.
 */
export function redisContract(
  name: string,
  suite: Pick<StoreSuiteOptions, 'deviations' | 'ids'>,
  options: RedisStoreOptions = {},
  variant: (primary: number, prefix: string) => Variant = () => ({}),
): void {
  const entry = CLIENTS[name]
  if (entry === undefined) throw new Error(`There is no client ${name}`)
  const { kind, open } = entry
  const server = service(SERVICES[kind])
  if ('missing' in server) {
    test.skip(`${name}: ${server.missing}`)
    return
  }
  const { url } = server
  const clients: Opened[] = []
  const proxies: FaultProxy[] = []
  const detours = new Map<number, number>()

  /** Two clients, kept over all cases; the first one behind proxies. */
  async function clientAt(at: number): Promise<Opened> {
    const through = kind === 'single' ? (proxies[0]?.url(url) ?? url) : url
    clients[at] ??= at === 0 ? open(through, { detours }) : open(url)
    await clients[at].connected
    return clients[at]
  }

  function loseNextReply(): void {
    let waiting = true
    for (const proxy of proxies) {
      void proxy.loseNextReply((request) => {
        if (!waiting || !COMMAND.test(request.toString('latin1'))) return false
        waiting = false
        return true
      })
    }
  }

  describe(name, () => {
    beforeAll(async () => {
      for (const port of await primaries(kind, url)) {
        const proxy = await faultProxy({ host: '127.0.0.1', port })
        proxies.push(proxy)
        detours.set(port, proxy.port)
      }
    })
    afterAll(async () => {
      for (const { close } of clients) await close()
      for (const proxy of proxies) await proxy.close()
    })

    storeSuite({
      test,
      name,
      async make({ now }) {
        const prefix = newPrefix()
        const [primary = 0] = detours.keys()
        const { prepare = (store) => store, afterForeignWrite } = variant(primary, prefix)
        const storeAt = async (at: number) => {
          const { client, options: own } = await clientAt(at)
          return prepare(redisStore(client, { prefix, now, ...options, ...own }))
        }
        return {
          store: await storeAt(0),
          another: () => storeAt(1),
          loseNextReply,
          async foreignWrite(id, bytes, expiresAt) {
            const raw = (await clientAt(1)).client as unknown as Raw
            await raw.set(prefix + id, Buffer.from(bytes))
            await (raw.pexpireat ?? raw.pExpireAt)?.call(raw, prefix + id, Math.ceil(expiresAt))
            await afterForeignWrite?.()
          },
        }
      },
      async makeBroken({ now }) {
        const closed = `redis://127.0.0.1:${await freePort()}`
        const { client, options: own, close } = open(closed, { patient: false })
        return {
          store: redisStore(client, { now, ...options, ...own }),
          close: async () => void (await close()),
        }
      },
      // A reply may be late on a busy machine, and what it says about the time left with it.
      serverTime: { shortest: 300, slack: 1_000 },
      ...suite,
    })
  })
}
