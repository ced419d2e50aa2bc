/** The least that a store in memory can be, and none that anybody should use: unbounded, and nothing in it ever ends. */

import type { Store, StoredRecord } from '../../src/core/store.ts'

/** What it costs more with more records in it, any store pays that finds its records by their ids in a `Map`. */
export function plainMap(): Store {
  const records = new Map<string, StoredRecord>()

  function put(id: string, bytes: Uint8Array, expiresAt: number): StoredRecord {
    // A copy: the bytes are a slice of a buffer that serves many writes.
    const record = { bytes: bytes.slice(), version: {}, expiresAt }
    records.set(id, record)
    return record
  }

  return {
    name: 'plain Map',
    atomic: true,
    read: (id) => records.get(id),
    create(id, bytes, expiresAt) {
      if (records.has(id)) return { kind: 'exists' }
      return { kind: 'created', version: put(id, bytes, expiresAt).version }
    },
    replace(id, bytes, expiresAt, version) {
      const current = records.get(id)
      if (current === undefined) return { kind: 'gone' }
      if (current.version !== version) return { kind: 'conflict', current }
      return { kind: 'replaced', version: put(id, bytes, expiresAt).version }
    },
    touch: (id) => records.has(id),
    delete: (id) => (records.delete(id) ? 'deleted' : 'gone'),
  }
}
