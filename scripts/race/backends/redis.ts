import { RedisStore } from 'connect-redis'
import { createClient } from 'redis'
import { redisStore } from 'vial/stores/redis'
import type { Backend } from '../backend.ts'

async function connect(url: string) {
  const client = createClient({ url, disableOfflineQueue: true })
  client.on('error', (error) => console.error(error))
  await client.connect()
  return client
}

export const backend: Backend = {
  service: 'redis',
  async open({ url, name }) {
    const client = await connect(url)
    return { store: redisStore(client, { prefix: `${name}:` }), close: () => client.close() }
  },
  peer: {
    name: 'connect-redis',
    async open({ url, name }) {
      const client = await connect(url)
      return { store: new RedisStore({ client, prefix: `${name}:` }), close: () => client.close() }
    },
  },
}
