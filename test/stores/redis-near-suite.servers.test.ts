/** The contract with the near cache on: each change is heard of before the next verb, as it is within milliseconds. */

import type { Store } from 'vial'
import { redisStore } from 'vial/stores/redis'
import { storeSuite } from 'vial/testing'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { redisCommand } from '../../scripts/services/servers/redis-command.ts'
import { freePort } from '../../scripts/services/servers/running-server.ts'
import type { MaybePromise } from '../../src/core/maybe-promise.ts'
import { type FaultProxy, faultProxy } from '../support/fault-proxy.ts'
import { service } from '../support/services.ts'
import { PROFILES } from './profiles.ts'
import { bytes, CLIENTS, content, LATER, newPrefix, type Opened } from './redis-clients.ts'
import { NEAR_CLIENTS, soon } from './redis-near.ts'

const VERB = /\r\n(?:get|set|evalsha|eval|pexpire|del)\r\n/i
/** Long, so that only what the server tells counts. */
const NEAR = { maxStale: '1h' } as const
const WITNESS = 'witness'

/** What both families of clients share. */
interface Raw {
  set(key: string, value: Buffer): Promise<unknown>
  pexpireat?(key: string, at: number): Promise<unknown>
  pExpireAt?(key: string, at: number): Promise<unknown>
}

describe.each([...NEAR_CLIENTS, 'ioredis Sentinel', 'iovalkey Sentinel'])(
  'the contract with the near cache over %s',
  (name) => {
    const entry = CLIENTS[name]
    if (entry === undefined) throw new Error(`There is no client ${name}`)
    const { open, kind } = entry
    const server = service(kind === 'sentinel' ? 'redis-sentinel' : 'redis')
    if ('missing' in server) {
      test.skip(server.missing)
      return
    }
    const { url } = server
    const clients: Opened[] = []
    const detours = new Map<number, number>()
    let primary = 0
    let proxy: FaultProxy

    beforeAll(async () => {
      const port = Number(new URL(url).port)
      const address =
        kind === 'sentinel'
          ? await redisCommand(port, 'SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'vial')
          : ['', port]
      primary = Number((address as unknown[])[1])
      proxy = await faultProxy({ host: '127.0.0.1', port: primary })
      detours.set(primary, proxy.port)
    })
    afterAll(async () => {
      for (const { close } of clients) await close()
      await proxy.close()
    })

    async function clientAt(at: number): Promise<Opened> {
      const through = kind === 'single' ? proxy.url(url) : url
      clients[at] ??= at === 0 ? open(through, { detours }) : open(url)
      await clients[at].connected
      return clients[at]
    }

    storeSuite({
      test,
      name,
      async make({ now }) {
        const prefix = newPrefix()
        const stores: Store[] = []
        let turn = 0

        /** Waits until every store has heard of all that has changed: the server tells in order. */
        async function heard(): Promise<void> {
          const own = ++turn
          await redisCommand(primary, 'SET', prefix + WITNESS, String(own))
          for (const store of stores) await witnessed(store, own)
        }
        /** Until it holds the witness of that turn or a later one. */
        function witnessed(store: Store, own: number): Promise<unknown> {
          return soon(async () => {
            const [first, second] = [await store.read(WITNESS), await store.read(WITNESS)]
            if (first?.version !== second?.version || Number(content(first)) < own) {
              throw new Error('It has not heard')
            }
          })
        }
        async function telling<T>(run: () => MaybePromise<T>): Promise<T> {
          try {
            return await run()
          } finally {
            await heard()
          }
        }
        async function storeAt(at: number): Promise<Store> {
          const { client, options } = await clientAt(at)
          const store = redisStore(client, { prefix, now, nearCache: NEAR, ...options })
          await store.create(WITNESS, bytes('0'), LATER)
          stores.push(store)
          // What it holds now, it has been told of.
          await heard()
          await heard()
          return {
            ...store,
            create: (...args) => telling(() => store.create(...args)),
            replace: (...args) => telling(() => store.replace(...args)),
            touch: (...args) => telling(() => store.touch(...args)),
            delete: (...args) => telling(() => store.delete(...args)),
            async *list(options) {
              for await (const id of store.list?.(options) ?? []) if (id !== WITNESS) yield id
            },
          }
        }
        return {
          store: await storeAt(0),
          another: () => storeAt(1),
          loseNextReply: () => void proxy.loseNextReply((request) => VERB.test(String(request))),
          async foreignWrite(id, bytes, expiresAt) {
            const raw = (await clientAt(1)).client as unknown as Raw
            await raw.set(prefix + id, Buffer.from(bytes))
            await (raw.pexpireat ?? raw.pExpireAt)?.call(raw, prefix + id, Math.ceil(expiresAt))
            await heard()
          },
        }
      },
      async makeBroken({ now }) {
        const closed = `redis://127.0.0.1:${await freePort()}`
        const { client, options, close } = open(closed, { patient: false })
        return {
          store: redisStore(client, { now, nearCache: NEAR, ...options }),
          close: async () => void (await close()),
        }
      },
      ids: 100,
      serverTime: { shortest: 300, slack: 200 },
      ...PROFILES.redisNearCache.suite,
    })
  },
)
