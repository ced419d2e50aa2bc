/**
 * Sessions in the memory of this process: for development, tests and programs of one process. They end with the
 * process, and no other process sees them. The number of records is bounded.
 *
 * @module
 */

import { Buffer } from 'node:buffer'
import { guarded } from '../core/events.ts'
import type { Store, StoredRecord } from '../core/store.ts'
import { warnOnce } from '../core/warnings.ts'
import { ConfigError } from '../errors.ts'
import { refused, storeError } from './shared/failure.ts'

export interface MemoryStoreOptions {
  /** How many records are kept at most: a whole number from 1, or `Infinity`. @default 100_000 */
  readonly maxSessions?: number
  /**
   * What a `create` does when `maxSessions` live records are there. `evict` ends the least recently used session;
   * `refuse` throws a `StoreError` with the outcome `not-done`, so that no session ends early. @default 'evict'
   */
  readonly whenFull?: 'evict' | 'refuse'
  /** Called after each eviction of a live session with the number of evictions so far. Gets no id. Absent: not called. */
  readonly onEvict?: (evicted: number) => void
  /** The clock, in ms since the epoch. @default Date.now */
  readonly now?: () => number
}

/** How many records each `create` checks for expiry: more than one, so that expired records cannot pile up. */
const CHECKED_PER_CREATE = 8
const FIX = 'Raise maxSessions, or use a store outside the process'

/**
 * Keeps sessions in a bounded `Map`. No timer runs: each `create` checks the next eight records and removes those that
 * are expired. If the store is full nevertheless, the least recently used record is evicted.
 *
 * Every verb answers at once. The version of a record is the number of its write.
 *
 * @throws {ConfigError} When `maxSessions` is neither a whole number from 1 nor `Infinity`, or `whenFull` is unknown.
 */
export function memoryStore(options: MemoryStoreOptions = {}): Store {
  const { maxSessions = 100_000, whenFull = 'evict', now = Date.now } = options
  if (!(maxSessions >= 1 && (Number.isInteger(maxSessions) || maxSessions === Infinity))) {
    throw new ConfigError(
      `memoryStore: maxSessions is ${String(maxSessions)}. Give a whole number from 1, or Infinity.`,
    )
  }
  if (whenFull !== 'evict' && whenFull !== 'refuse') {
    throw new ConfigError(`memoryStore: whenFull is ${String(whenFull)}. Give 'evict' or 'refuse'.`)
  }
  const onEvict = guarded(options.onEvict, 'memoryStore: onEvict')
  if (process.env['NODE_ENV'] === 'production') {
    warnOnce(
      'VIAL_MEMORY_PRODUCTION',
      'memoryStore: sessions end with this process and are not shared between processes. Use a store outside the process in production.',
    )
  }

  const records = new Map<string, MemoryRecord>()
  /** The end of a ring of all records, from the least to the most recently used. */
  const end = new MemoryRecord()
  /** The record that the next `create` looks at first. */
  let hand = end
  /** No record expires before this time. Kept for `refuse`, which has to know that every record is live. */
  let soonestExpiry = Infinity
  let writes = 0
  let evicted = 0

  function find(id: string): MemoryRecord | undefined {
    const record = records.get(id)
    if (record === undefined || !(record.expiresAt > now())) return undefined
    unlink(record)
    linkBefore(end, record)
    return record
  }

  function unlink(record: MemoryRecord): void {
    if (hand === record) hand = record.newer
    record.older.newer = record.newer
    record.newer.older = record.older
  }

  function write(record: MemoryRecord, bytes: Uint8Array, expiresAt: number): number {
    record.content = contentOf(bytes)
    record.version = ++writes
    setExpiry(record, expiresAt)
    return record.version
  }

  function setExpiry(record: MemoryRecord, expiresAt: number): void {
    record.expiresAt = expiresAt
    soonestExpiry = Math.min(soonestExpiry, expiresAt)
    if (!(expiresAt > now())) remove(record)
  }

  function remove(record: MemoryRecord): void {
    records.delete(record.id)
    unlink(record)
  }

  /** The end of the ring never expires. */
  function removeIfExpired(record: MemoryRecord): boolean {
    if (record.expiresAt > now()) return false
    remove(record)
    return true
  }

  function makeRoom(): void {
    for (let n = 0; n < CHECKED_PER_CREATE; n++) {
      const record = hand
      hand = record.newer
      removeIfExpired(record)
    }
    if (records.size < maxSessions) return
    if (whenFull === 'evict') evict(end.newer)
    else refuseIfAllLive()
  }

  function evict(oldest: MemoryRecord): void {
    if (removeIfExpired(oldest)) return
    remove(oldest)
    evicted++
    warnOnce(
      'VIAL_MEMORY_FULL',
      `memoryStore: more than ${maxSessions} live sessions, so the least recently used one was evicted. ${FIX}.`,
    )
    onEvict(evicted)
  }

  /** Removes every expired record, if there can be one, before it throws. */
  function refuseIfAllLive(): void {
    if (soonestExpiry <= now()) {
      soonestExpiry = Infinity
      for (const record of records.values()) {
        if (!removeIfExpired(record)) {
          soonestExpiry = Math.min(soonestExpiry, record.expiresAt)
        }
      }
    }
    if (records.size < maxSessions) return
    const what = `it is full with ${maxSessions} live sessions. ${FIX}`
    throw storeError('memoryStore', 'create', refused(what, true))
  }

  return {
    name: 'memory',
    atomic: true,
    evicts: whenFull === 'evict' && maxSessions !== Infinity,

    read(id) {
      const record = find(id)
      return record && toStored(record)
    },

    create(id, bytes, expiresAt) {
      if (find(id) !== undefined) return { kind: 'exists' }
      if (!(expiresAt > now())) return { kind: 'created' }
      const expired = records.get(id)
      if (expired !== undefined) remove(expired)
      makeRoom()
      const record = new MemoryRecord(id)
      records.set(id, record)
      linkBefore(end, record)
      return { kind: 'created', version: write(record, bytes, expiresAt) }
    },

    replace(id, bytes, expiresAt, version) {
      const record = find(id)
      if (record === undefined) return { kind: 'gone' }
      if (record.version !== version) return { kind: 'conflict', current: toStored(record) }
      return { kind: 'replaced', version: write(record, bytes, expiresAt) }
    },

    touch(id, expiresAt, version) {
      const record = find(id)
      if (record === undefined) return 'gone'
      if (record.version !== version) return 'conflict'
      setExpiry(record, expiresAt)
      return 'touched'
    },

    delete(id, version) {
      const record = find(id)
      if (record === undefined) return 'gone'
      if (version !== undefined && record.version !== version) return 'conflict'
      remove(record)
      return 'deleted'
    },

    async sweep({ limit = Infinity } = {}) {
      let removed = 0
      for (const record of records.values()) {
        if (removed >= limit) break
        if (removeIfExpired(record)) removed++
      }
      return removed
    },

    async *list() {
      // A copy: an id that is deleted and created again meanwhile would come twice.
      for (const id of [...records.keys()]) {
        const record = records.get(id)
        if (record !== undefined && record.expiresAt > now()) yield id
      }
    },
  }
}

/** A record is its own link in the ring. */
class MemoryRecord {
  readonly id: string
  content: Content = ''
  expiresAt = Infinity
  version = 0
  older: MemoryRecord = this
  newer: MemoryRecord = this

  constructor(id = '') {
    this.id = id
  }
}

function linkBefore(next: MemoryRecord, record: MemoryRecord): void {
  record.older = next.older
  record.newer = next
  record.older.newer = record
  next.older = record
}

/**
 * Small records are strings of one character a byte, which take 16 bytes besides, where a `Uint8Array` with its buffer
 * takes 300. Large ones stay bytes, so that a read does not copy them.
 */
type Content = string | Uint8Array

const LONGEST_STRING = 1_024

/** Copies always: a slice would keep its larger buffer in memory. */
function contentOf(bytes: Uint8Array): Content {
  if (bytes.length > LONGEST_STRING) return new Uint8Array(bytes)
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}

function toStored({ content, version, expiresAt }: MemoryRecord): StoredRecord {
  if (typeof content !== 'string') return { bytes: content, version, expiresAt }
  // A Uint8Array, as a Buffer slices differently; in the memory of Buffer's pool, as small allocations are slow.
  const { buffer, byteOffset, length } = Buffer.from(content, 'latin1')
  return { bytes: new Uint8Array(buffer, byteOffset, length), version, expiresAt }
}
