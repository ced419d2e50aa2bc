import { redisStore } from 'vial/stores/redis'
import { storeSuite } from 'vial/testing'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { redisCommand } from '../../scripts/services/servers/redis-command.ts'
import { freePort } from '../../scripts/services/servers/running-server.ts'
import { type FaultProxy, faultProxy } from '../support/fault-proxy.ts'
import { service } from '../support/services.ts'
import { PROFILES } from './profiles.ts'
import { CLIENTS, type Kind, newPrefix, type Opened } from './redis-clients.ts'

const SERVICES = { single: 'redis', cluster: 'redis-cluster', sentinel: 'redis-sentinel' } as const
/** What the store sends, in contrast to what a client asks for itself. */
const VERB = /\r\n(?:get|set|evalsha|eval|pexpire|del)\r\n/i

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

/** What both families of clients share. */
interface Raw {
  set(key: string, value: Buffer): Promise<unknown>
  pexpireat?(key: string, at: number): Promise<unknown>
  pExpireAt?(key: string, at: number): Promise<unknown>
}

describe.each(Object.entries(CLIENTS))('the contract over %s', (name, { kind, open }) => {
  const server = service(SERVICES[kind])
  if ('missing' in server) {
    test.skip(server.missing)
    return
  }
  const { url } = server
  const clients: Opened[] = []
  const proxies: FaultProxy[] = []
  const detours = new Map<number, number>()

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
        if (!waiting || !VERB.test(request.toString('latin1'))) return false
        waiting = false
        return true
      })
    }
  }

  storeSuite({
    test,
    name,
    async make({ now }) {
      const prefix = newPrefix()
      const storeAt = async (at: number) => {
        const { client, options } = await clientAt(at)
        return redisStore(client, { prefix, now, ...options })
      }
      return {
        store: await storeAt(0),
        another: () => storeAt(1),
        loseNextReply,
        async foreignWrite(id, bytes, expiresAt) {
          const raw = (await clientAt(1)).client as unknown as Raw
          await raw.set(prefix + id, Buffer.from(bytes))
          await (raw.pexpireat ?? raw.pExpireAt)?.call(raw, prefix + id, Math.ceil(expiresAt))
        },
      }
    },
    async makeBroken({ now }) {
      const closed = `redis://127.0.0.1:${await freePort()}`
      const { client, options, close } = open(closed, { patient: false })
      return {
        store: redisStore(client, { now, ...options }),
        close: async () => void (await close()),
      }
    },
    ids: name === 'node-redis' ? 10_000 : 1_000,
    serverTime: { shortest: 300, slack: 200 },
    ...PROFILES.redis.suite,
  })
})
