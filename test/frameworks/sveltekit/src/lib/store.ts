import { type Store, StoreError } from 'vial'
import { memoryStore } from 'vial/stores/memory'

/** What of the store is down, or that it does not respond. */
export const fault: { verbs: 'none' | 'reads' | 'writes' | 'silent' } = { verbs: 'none' }

const inner = memoryStore()

async function run<T>(
  verbs: 'reads' | 'writes',
  operation: string,
  work: () => T | Promise<T>,
): Promise<T> {
  if (fault.verbs === 'silent') return new Promise(() => {})
  if (fault.verbs !== verbs) return work()
  throw new StoreError('The store is down', { operation, outcome: 'not-done', retriable: true })
}

export const store: Store = {
  name: 'memory',
  atomic: true,
  read: (...args) => run('reads', 'read', () => inner.read(...args)),
  create: (...args) => run('writes', 'create', () => inner.create(...args)),
  replace: (...args) => run('writes', 'replace', () => inner.replace(...args)),
  touch: (...args) => run('writes', 'touch', () => inner.touch(...args)),
  delete: (...args) => run('writes', 'delete', () => inner.delete(...args)),
}

/** The number of records. */
export async function count(): Promise<number> {
  let records = 0
  for await (const _id of inner.list?.() ?? []) records++
  return records
}
