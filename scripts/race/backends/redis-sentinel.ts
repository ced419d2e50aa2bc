import { createSentinel } from 'redis'
import { redisStore } from 'vial/stores/redis'
import type { Backend } from '../backend.ts'

/** Its clients are none that connect-redis names, so what stands beside it is the naive use of the same store. */
export const backend: Backend = {
  service: 'redis-sentinel',
  async open({ url, name }) {
    const { hostname, port, searchParams } = new URL(url)
    const client = createSentinel({
      name: searchParams.get('sentinel') ?? 'vial',
      sentinelRootNodes: [{ host: hostname, port: Number(port) }],
      maxCommandRediscovers: 0,
    })
    client.on('error', (error) => console.error(error))
    await client.connect()
    const store = redisStore(client, { prefix: `${name}:`, retries: 'never' })
    return { store, close: () => client.close() }
  },
}
