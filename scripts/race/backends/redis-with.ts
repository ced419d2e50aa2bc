import { RedisStore } from 'connect-redis'
import { type RedisClient, redisStore } from 'vial/stores/redis'
import type { Backend } from '../backend.ts'

/** A client of node-redis, single or of a Cluster. */
type NodeRedis = RedisClient &
  NonNullable<ConstructorParameters<typeof RedisStore>[0]>['client'] & {
    on(event: 'error', listener: (error: Error) => void): unknown
    connect(): Promise<unknown>
    close(): unknown
  }

/** The store over a client, next to connect-redis over another one. */
export function redisWith(
  service: 'redis' | 'redis-cluster',
  make: (url: string) => NodeRedis,
): Backend {
  async function connect(url: string): Promise<NodeRedis> {
    const client = make(url)
    client.on('error', (error: Error) => console.error(error))
    await client.connect()
    return client
  }
  return {
    service,
    async open({ url, name }) {
      const client = await connect(url)
      return { store: redisStore(client, { prefix: `${name}:` }), close: () => client.close() }
    },
    peer: {
      name: 'connect-redis',
      async open({ url, name }) {
        const client = await connect(url)
        return {
          store: new RedisStore({ client, prefix: `${name}:` }),
          close: () => client.close(),
        }
      },
    },
  }
}
