import session from 'express-session'
import { memoryStore } from 'vial/stores/memory'
import type { Backend } from '../backend.ts'

export const backend: Backend = {
  oneProcess: true,
  open() {
    const store = memoryStore()
    return { store, close: () => store.close?.() }
  },
  peer: {
    name: 'MemoryStore',
    open: () => ({ store: new session.MemoryStore(), close: () => undefined }),
  },
}
