/** The contract with the near cache: every change is reported before the next read that is not fresh, as it is within milliseconds. */

import type { Store } from 'vial'
import { nearCache } from 'vial/stores/redis-near-cache'
import { describe } from 'vitest'
import { redisCommand } from '../../scripts/services/servers/redis-command.ts'
import { bytes, content, LATER } from '../support/bytes.ts'
import { PROFILES } from './profiles.ts'
import { redisContract, type Variant } from './redis-contract.ts'
import { NEAR_CLIENTS, soon } from './redis-near.ts'

/** Long, so that only the reports of the server count. */
const NEAR = { maxStale: '1h' } as const
const WITNESS = 'witness'

/** Holds back each read that is not fresh until every store has received the reports of all changes, which come in order. */
function reporting(primary: number, prefix: string): Variant {
  const stores: Store[] = []
  /** The number of writes, and of those that are known to be reported. */
  let writes = 0
  let reported = 0
  let turn = 0

  async function report(): Promise<void> {
    const last = writes
    const own = ++turn
    await redisCommand(primary, 'SET', prefix + WITNESS, String(own))
    for (const store of stores) {
      await soon(async () => {
        const [first, second] = [await store.read(WITNESS), await store.read(WITNESS)]
        if (first?.version !== second?.version || Number(content(first)) < own) {
          throw new Error('the report has not arrived')
        }
      })
    }
    reported = Math.max(reported, last)
  }

  async function counted<T>(result: T | Promise<T>): Promise<T> {
    try {
      return await result
    } finally {
      writes++
    }
  }

  return {
    async prepare(store) {
      await store.create(WITNESS, bytes('0'), LATER)
      stores.push(store)
      // After the second turn, a change is reported of everything that the first one let in.
      await report()
      await report()
      return {
        ...store,
        async read(id, options) {
          if (!options?.fresh && reported < writes) await report()
          return store.read(id, options)
        },
        create: (...args) => counted(store.create(...args)),
        replace: (...args) => counted(store.replace(...args)),
        touch: (...args) => counted(store.touch(...args)),
        delete: (...args) => counted(store.delete(...args)),
        async *list(options) {
          for await (const id of store.list?.(options) ?? []) if (id !== WITNESS) yield id
        },
      }
    },
    afterForeignWrite: () => counted(undefined),
  }
}

describe('the contract with the near cache', () => {
  for (const name of [...NEAR_CLIENTS, 'ioredis Sentinel', 'iovalkey Sentinel']) {
    const suite = { ids: 100, ...PROFILES.redisNearCache.suite }
    redisContract(name, suite, { nearCache: nearCache(NEAR) }, reporting)
  }
})
