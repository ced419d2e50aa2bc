/** The ways to serve the page: the bare framework, vial with each kind of session, and the peers. */

import type { RequestListener } from 'node:http'
import process from 'node:process'
import { createClient } from 'redis'
import type { Sessions } from 'vial'
import type { RedisStoreOptions } from 'vial/stores/redis'
import { vial } from '../common/vial.ts'
import type { Serving } from './server-process.ts'

export interface Contender {
  /** Absent: it does not run in a process of `server.ts`. */
  readonly listener?: () => Promise<RequestListener>
  /** Starts a server of another kind. */
  readonly start?: () => Promise<Serving>
}

export type Contenders = Readonly<Record<string, Contender>>

/** A secret of 32 bytes. */
export const SECRET = 'rW2xN7cT5vK9qL3mP8dF1gH6jB4zS0yA'

/** The bare framework twice, the second time as the control, and vial with each kind of session. */
export function bareAndOurs(
  bare: () => Promise<RequestListener>,
  ours: (sessions: Sessions) => Promise<RequestListener>,
): Contenders {
  const kinds = Object.entries(OURS).map(([kind, sessions]): [string, Contender] => [
    `vial ${kind}`,
    { listener: async () => ours(await sessions()) },
  ])
  return { bare: { listener: bare }, control: { listener: bare }, ...Object.fromEntries(kinds) }
}

const cookie = { secure: false, name: 'session' } as const

/** Each as its page in the documentation has it. */
const OURS: Readonly<Record<string, () => Promise<Sessions>>> = {
  async cookie() {
    const { createSessions } = await vial('vial')
    return createSessions({ secret: SECRET, cookie })
  },
  async flask() {
    const { flaskCookie } = await vial('vial/compat/flask-cookie')
    return flaskCookie({ secret: SECRET, cookie }) as Sessions
  },
  async memory() {
    const { createSessions } = await vial('vial')
    const { memoryStore } = await vial('vial/stores/memory')
    return createSessions({ store: memoryStore(), cookie })
  },
  redis: () => onRedis(),
  async near() {
    const { nearCache } = await vial('vial/stores/redis-near-cache')
    return onRedis({ nearCache: nearCache() })
  },
}

async function onRedis(options: RedisStoreOptions = {}): Promise<Sessions> {
  const { createSessions } = await vial('vial')
  const { redisStore } = await vial('vial/stores/redis')
  return createSessions({ store: redisStore(await redis(), options), cookie })
}

/** A client of the Redis that the run has started. */
export async function redis(): Promise<ReturnType<typeof createClient>> {
  const url = process.env['BENCH_REDIS_URL']
  if (url === undefined) throw new Error('BENCH_REDIS_URL is not set.')
  const client = createClient({ url })
  client.on('error', (error: Error) => console.error(error))
  await client.connect()
  return client as ReturnType<typeof createClient>
}
