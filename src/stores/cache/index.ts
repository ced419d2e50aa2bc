/**
 * Sessions in any cache with get, set and delete: Keyv 5 and 6, unstorage 1, or an object of your own. Such a cache
 * cannot compare and set, so concurrent writes may be lost, and a request in flight at a logout may bring the session
 * back. Use another store where that matters.
 *
 * @module
 */

import { setTimeout as delay } from 'node:timers/promises'
import type { AsyncStore, StoreOptions } from '../../core/store.ts'
import { warnOnce } from '../../core/warnings.ts'
import { ConfigError } from '../../errors.ts'
import { ABORTED, type Failure, storeError } from '../shared/failure.ts'
import {
  type CacheRecord,
  cacheClient,
  contentOf,
  encodeId,
  fromText,
  type ItemStorage,
  type KeyValueCache,
  toStored,
  toText,
} from './client.ts'

export type { ItemStorage, KeyValueCache } from './client.ts'

export interface CacheStoreOptions {
  /** The prefix of every key: letters, digits, `_`, `-` and `:`. @default 'vial:' */
  readonly prefix?: string
  /** The clock, in ms since the epoch. @default Date.now */
  readonly now?: () => number
}

/** How long after its expiry a record stays in the cache and a sweep leaves it, in ms: clocks and grains differ. */
const GRACE = 60_000
/** The longest time to live that is passed to a cache, in ms: a century. */
const LONGEST = 3_155_760_000_000
/** Pauses before a damaged record is read again while it stays the same, in ms: a driver may be in the middle of a write. */
const READ_AGAIN_AFTER = [1, 5, 20, 50]
/** How often a removal is tried. */
const REMOVALS = 3
const NAME = 'cacheStore'

/**
 * Keeps sessions in a cache, each as one string under a digest of its id. The string holds the expiry, so expiry is
 * exact; the time to live in the cache is a minute longer.
 *
 * `atomic` is false: every verb reads before it writes, and a write in between goes unnoticed. `evicts` is true, as most
 * caches drop records to make room.
 *
 * @throws {ConfigError} When the object is not a cache, is read-only, hides failures, or the prefix has another character.
 */
export function cacheStore(
  cache: KeyValueCache | ItemStorage,
  options: CacheStoreOptions = {},
): AsyncStore {
  const { prefix = 'vial:', now = Date.now } = options
  if (!/^[\w:-]*$/.test(prefix)) {
    throw new ConfigError(
      `cacheStore: the prefix ${JSON.stringify(prefix)} has a character that caches treat differently. Give only letters, digits, '_', '-' and ':'.`,
    )
  }
  const client = cacheClient(cache, prefix)
  warnOnce(
    'VIAL_CACHE_NOT_ATOMIC',
    'cacheStore: a cache cannot compare and set, so concurrent writes to a session may be lost, and a request in flight at a logout may bring it back. Use another store where that matters.',
  )

  const isLive = (expiresAt: number) => expiresAt > now()

  /** Runs a verb. A failure before the call of `writing` has changed nothing. */
  async function run<T>(
    operation: string,
    id: string,
    { signal }: StoreOptions = {},
    body: (key: string, writing: () => void) => Promise<T>,
  ): Promise<T> {
    if (signal?.aborted) throw storeError(NAME, operation, ABORTED)
    let sent = false
    try {
      return await body(encodeId(prefix, id), () => {
        sent = true
      })
    } catch (error) {
      throw storeError(NAME, operation, { ...classify(error), sent })
    }
  }

  async function readLive(key: string): Promise<CacheRecord | undefined> {
    let last: unknown
    for (let unchanged = 0; ; ) {
      const text = await client.get(key)
      if (text === undefined) return undefined
      const record = fromText(text)
      if (record !== undefined) return isLive(record.expiresAt) ? record : undefined
      unchanged = text === last ? unchanged + 1 : 0
      last = text
      const wait = READ_AGAIN_AFTER[unchanged]
      if (wait === undefined) throw new DamagedError()
      await delay(wait)
    }
  }

  /** Writes a record, or removes it when its expiry is not in the future. */
  async function put(key: string, content: string, expiresAt: number): Promise<void> {
    if (!isLive(expiresAt)) return remove(key)
    const ttl = Math.min(Math.ceil(expiresAt - now()) + GRACE, LONGEST)
    await client.set(key, toText(content, expiresAt), ttl)
  }

  /** Reads after each removal, as a driver may fail without an error, and a write in flight may arrive later. */
  async function remove(key: string): Promise<void> {
    for (let turn = 0; turn < REMOVALS; turn++) {
      await client.remove(key)
      if ((await client.get(key)) === undefined) return
    }
    throw new Error('the record is still there after the removal')
  }

  const sweep: AsyncStore['sweep'] = async ({ limit = Infinity, signal } = {}) => {
    let removed = 0
    try {
      for (const key of (await client.keys?.(prefix)) ?? []) {
        if (signal?.aborted || removed >= limit) break
        const record = fromText(await client.get(key))
        // Not sooner: a record that is created again at this moment could be removed in its place.
        if (record === undefined || isLive(record.expiresAt + GRACE)) continue
        await client.remove(key)
        removed++
      }
      return removed
    } catch (error) {
      throw storeError(NAME, 'sweep', classify(error))
    }
  }

  return {
    name: 'cache',
    prefix,
    atomic: false,
    evicts: true,

    read: (id, options) =>
      run('read', id, options, async (key) => {
        const record = await readLive(key)
        return record && toStored(record)
      }),

    create: (id, bytes, expiresAt, options) =>
      run('create', id, options, async (key, writing) => {
        if (await readLive(key)) return { kind: 'exists' }
        const content = contentOf(bytes)
        writing()
        await put(key, content, expiresAt)
        return { kind: 'created', version: content }
      }),

    replace: (id, bytes, expiresAt, version, options) =>
      run('replace', id, options, async (key, writing) => {
        const record = await readLive(key)
        if (record === undefined) return { kind: 'gone' }
        if (record.content !== version) return { kind: 'conflict', current: toStored(record) }
        const content = contentOf(bytes)
        writing()
        await put(key, content, expiresAt)
        return { kind: 'replaced', version: content }
      }),

    touch: (id, expiresAt, version, options) =>
      run('touch', id, options, async (key, writing) => {
        const record = await readLive(key)
        if (record === undefined) return 'gone'
        if (record.content !== version) return 'conflict'
        writing()
        await put(key, record.content, expiresAt)
        return 'touched'
      }),

    delete: (id, version, options) =>
      run('delete', id, options, async (key, writing) => {
        if (version === undefined) {
          // Also a value that is damaged.
          if ((await client.get(key)) === undefined) return 'gone'
        } else {
          const record = await readLive(key)
          if (record === undefined) return 'gone'
          if (record.content !== version) return 'conflict'
        }
        writing()
        await remove(key)
        return 'deleted'
      }),

    ...(client.keys && { sweep }),

    /** Removes its listener from the cache, which stays open. */
    close: async () => client.close(),
  }
}

/** The value under a key is not a record that this version reads. */
class DamagedError extends Error {
  override readonly message = 'the value is not a session record, is damaged, or has a newer format'
}

/** Messages of caches hold the key, whose digest of the id must not be shown. */
function classify(error: unknown): Failure {
  const { message } = Object(error) as Partial<Error>
  const what = (message ?? String(error)).replace(/[0-9a-f]{64}/g, '…')
  const retriable = !(error instanceof DamagedError)
  return { what, sent: true, done: undefined, retriable, cause: error }
}
