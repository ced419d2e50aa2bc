import { memcachedStore } from 'vial/stores/memcached'
import type { Backend } from '../backend.ts'

export const backend: Backend = {
  service: 'memcached',
  open({ url, name }) {
    const store = memcachedStore({ servers: url, prefix: `${name}:` })
    return { store, close: () => store.close?.() }
  },
}
