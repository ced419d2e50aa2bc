/** The control: the same store, used as most session libraries use theirs. It shows that the race is real. */

import type { Store } from 'vial'

/** A store whose `replace` asks nothing: it writes over whatever is there, and brings back what is gone. */
export function naive(store: Store): Store {
  return {
    ...store,
    name: `naive ${store.name}`,
    async replace(id, bytes, expiresAt) {
      for (;;) {
        const there = await store.read(id)
        if (there === undefined) {
          if ((await store.create(id, bytes, expiresAt)).kind === 'created')
            return { kind: 'replaced' }
        } else {
          const result = await store.replace(id, bytes, expiresAt, there.version)
          if (result.kind === 'replaced') return result
        }
      }
    },
  }
}
