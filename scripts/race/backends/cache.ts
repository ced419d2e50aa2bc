import Keyv from 'keyv'
import { createClient } from 'redis'
import { cacheStore } from 'vial/stores/cache'
import type { Backend } from '../backend.ts'

/** Keyv over a Redis that all processes share, as an adapter does it. */
export const backend: Backend = {
  service: 'redis',
  notAtomic: true,
  async open({ url, name }) {
    const client = createClient({ url, disableOfflineQueue: true })
    client.on('error', (error) => console.error(error))
    await client.connect()
    const shared = {
      get: async (key: string) => (await client.get(key)) ?? undefined,
      set: (key: string, value: string, ttl = 3_600_000) =>
        client.set(key, value, { expiration: { type: 'PX', value: ttl } }),
      delete: async (key: string) => (await client.del(key)) > 0,
      clear: () => undefined,
    }
    const keyv = new Keyv({ store: shared, namespace: name, throwOnErrors: true })
    return { store: cacheStore(keyv), close: () => client.close() }
  },
}
