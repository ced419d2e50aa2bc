/**
 * Sessions in any cache with get, set and delete: Keyv 5 and 6, unstorage 1, or an object of one's own. Such a cache
 * cannot compare and set, so concurrent writes may be lost and a request in flight at a logout may bring the session
 * back. Take another store where that matters.
 *
 * @module
 */

import { setTimeout as delay } from 'node:timers/promises'
import type { AsyncStore, StoreOptions } from '../../core/store.ts'
import { ConfigError, StoreError, type StoreOutcome } from '../../errors.ts'
import { cacheClient, type ItemStorage, type KeyValueCache } from './client.ts'
import { type CacheRecord, contentOf, fromText, keyOf, toStored, toText } from './record.ts'

export type { ItemStorage, KeyValueCache } from './client.ts'

export interface CacheStoreOptions {
  /** Stands before each key: letters, digits, `_`, `-` and `:`. @default 'vial:' */
  readonly prefix?: string
  /** The clock, ms since the epoch. */
  readonly now?: () => number
}

/** How much longer than the record the cache keeps it, and a sweep leaves it, in ms: clocks and grains differ. */
const GRACE = 60_000
/** The longest time to live that a cache is told, in ms: a century. */
const LONGEST = 3_155_760_000_000
/** A driver without atomic writes shows a part of a record for a moment, so that is read again, after so many ms. */
const READ_AGAIN_AFTER = [1, 5, 20, 50]
const DELETES = 3

let warned = false

/**
 * Keeps sessions in a cache, each as one text under a digest of its id. The deadline is part of the text, so expiry is
 * exact; the cache is told a time to live that is a minute longer.
 *
 * `atomic` is false: every verb looks before it writes, and between the two another writer is not seen.
 *
 * @throws {ConfigError} When it is no cache, is read-only, hides failures, or the prefix has another character.
 */
export function cacheStore(
  cache: KeyValueCache | ItemStorage,
  options: CacheStoreOptions = {},
): AsyncStore {
  const { prefix = 'vial:', now = Date.now } = options
  if (!/^[\w:-]*$/.test(prefix)) {
    throw new ConfigError(
      `cacheStore: the prefix ${JSON.stringify(prefix)} has a character that caches treat in ways of their own. Give letters, digits, '_', '-' and ':'.`,
    )
  }
  const client = cacheClient(cache, prefix)
  warnOnce()

  const isLive = (expiresAt: number) => expiresAt > now()

  /** Runs a verb; what fails before `writing` is called has changed nothing. */
  async function run<T>(
    operation: string,
    id: string,
    { signal }: StoreOptions,
    body: (key: string, writing: () => void) => Promise<T>,
  ): Promise<T> {
    const key = keyOf(prefix, id)
    let outcome: StoreOutcome = 'not-done'
    try {
      signal?.throwIfAborted()
      return await body(key, () => {
        outcome = 'unknown'
      })
    } catch (error) {
      throw toStoreError(error, operation, outcome)
    }
  }

  async function readLive(key: string): Promise<CacheRecord | undefined> {
    for (let turn = 0; ; turn++) {
      const text = await client.get(key)
      if (text === undefined || text === null) return undefined
      const record = fromText(text)
      if (record !== undefined) return isLive(record.expiresAt) ? record : undefined
      const wait = READ_AGAIN_AFTER[turn]
      if (wait === undefined) throw new DamagedError()
      await delay(wait)
    }
  }

  /** Writes a record, or ends it when its deadline is not in the future. */
  async function put(key: string, content: string, expiresAt: number): Promise<void> {
    if (!isLive(expiresAt)) return remove(key)
    const ttl = Math.min(Math.ceil(expiresAt - now()) + GRACE, LONGEST)
    await client.set(key, toText(content, expiresAt), ttl)
  }

  /** Looks again, since a driver may fail in silence, or a write in flight come after. */
  async function remove(key: string): Promise<void> {
    for (let turn = 0; turn < DELETES; turn++) {
      await client.remove(key)
      const text = await client.get(key)
      if (text === undefined || text === null) return
    }
    throw new Error('the record is still there')
  }

  async function sweep({
    limit = Infinity,
    signal,
  }: StoreOptions & { readonly limit?: number } = {}): Promise<number> {
    let removed = 0
    try {
      for (const key of (await client.keys?.(prefix)) ?? []) {
        if (signal?.aborted || removed >= limit) break
        const record = fromText(await client.get(key))
        // Not sooner: one that is made again at this moment could not be told from it.
        if (record === undefined || isLive(record.expiresAt + GRACE)) continue
        await client.remove(key)
        removed++
      }
      return removed
    } catch (error) {
      throw toStoreError(error, 'sweep', 'unknown')
    }
  }

  return {
    name: 'cache',
    prefix,
    atomic: false,

    read(id, options = {}) {
      return run('read', id, options, async (key) => {
        const record = await readLive(key)
        return record && toStored(record)
      })
    },

    create(id, bytes, expiresAt, options = {}) {
      return run('create', id, options, async (key, writing) => {
        if (await readLive(key)) return { kind: 'exists' }
        const content = contentOf(bytes)
        writing()
        await put(key, content, expiresAt)
        return { kind: 'created', version: content }
      })
    },

    replace(id, bytes, expiresAt, version, options = {}) {
      return run('replace', id, options, async (key, writing) => {
        const record = await readLive(key)
        if (record === undefined) return { kind: 'gone' }
        if (record.content !== version) return { kind: 'conflict', current: toStored(record) }
        const content = contentOf(bytes)
        writing()
        await put(key, content, expiresAt)
        return { kind: 'replaced', version: content }
      })
    },

    touch(id, expiresAt, options = {}) {
      return run('touch', id, options, async (key, writing) => {
        const record = await readLive(key)
        if (record === undefined) return false
        writing()
        await put(key, record.content, expiresAt)
        return true
      })
    },

    delete(id, version, options = {}) {
      return run('delete', id, options, async (key, writing) => {
        if (version !== undefined) {
          const record = await readLive(key)
          if (record === undefined) return 'gone'
          if (record.content !== version) return 'conflict'
        }
        const text = await client.get(key)
        if (text === undefined || text === null) return 'gone'
        writing()
        await remove(key)
        return 'deleted'
      })
    },

    ...(client.keys && { sweep }),

    /** Stops listening to the cache, which stays open. */
    async close() {
      client.close()
    },
  }
}

/** A text in the place of a record that is not one of ours. */
class DamagedError extends Error {
  override readonly message = 'what is there is no session record, or damaged, or of a newer format'
}

/** Tells what failed without the digest of the id, which messages of caches hold. */
function toStoreError(error: unknown, operation: string, outcome: StoreOutcome): StoreError {
  const { name, message, code } = Object(error) as Partial<NodeJS.ErrnoException>
  const what = (message ?? String(error)).replace(/[0-9a-f]{64}/g, '…')
  return new StoreError(`cacheStore: ${operation} failed: ${what}.`, {
    operation,
    outcome,
    retriable: !(error instanceof DamagedError),
    cause: Object.assign(new Error(what), { name: name ?? 'Error', code }),
  })
}

function warnOnce(): void {
  if (warned) return
  warned = true
  process.emitWarning(
    'cacheStore: a cache cannot compare and set, so concurrent writes to a session may be lost, and a request in flight at a logout may bring it back. Take a store that can where that matters.',
    { code: 'VIAL_CACHE_NOT_ATOMIC' },
  )
}
