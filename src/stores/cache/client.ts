/**
 * The caches that `cacheStore` takes, and the three calls it needs of each. A cache that hides its failures is made to
 * show them: a failure that nobody sees would be a session that is gone, or a logout that did not happen.
 *
 * @module
 */

import { ConfigError } from '../../errors.ts'

/** Keyv, or anything with these three calls. */
export interface KeyValueCache {
  get(key: string): unknown
  /** `ttl` in ms. False: it was not kept. */
  set(key: string, value: string, ttl?: number): unknown
  delete(key: string): unknown
  /** Keyv tells here of failures that its calls do not reject with. */
  on?(event: 'error', listener: (error: unknown) => void): unknown
  off?(event: 'error', listener: (error: unknown) => void): unknown
  readonly throwOnErrors?: boolean
}

/** The storage of unstorage. */
export interface ItemStorage {
  getItem(key: string): Promise<unknown>
  /** `ttl` in seconds; drivers that cannot expire leave it aside. */
  setItem(key: string, value: string, options: { ttl: number }): Promise<void>
  removeItem(key: string): Promise<void>
  getKeys(base?: string): Promise<string[]>
  getMount?(key: string): { readonly driver: object }
}

/** What a store needs of a cache. Each call rejects when it failed; a text comes back as it was given. */
export interface CacheClient {
  get(key: string): Promise<unknown>
  set(key: string, text: string, ttl: number): Promise<void>
  remove(key: string): Promise<void>
  /** All keys that begin with the prefix. Absent: the cache cannot tell. */
  keys?(prefix: string): Promise<string[]>
  close(): void
}

/**
 * Tells the caches apart by their calls.
 *
 * @throws {ConfigError} When it is neither, cannot write, or hides its failures.
 */
export function cacheClient(cache: KeyValueCache | ItemStorage, prefix: string): CacheClient {
  if (hasCalls(cache, ['getItem', 'setItem', 'removeItem', 'getKeys'])) {
    return storageClient(cache as ItemStorage, prefix)
  }
  if (hasCalls(cache, ['get', 'set', 'delete'])) return keyValueClient(cache as KeyValueCache)
  throw new ConfigError(
    'cacheStore: this is no cache. Give a Keyv, a storage of unstorage, or an object with get, set and delete.',
  )
}

function hasCalls(cache: unknown, names: readonly string[]): boolean {
  const calls = Object(cache) as Record<string, unknown>
  return names.every((name) => typeof calls[name] === 'function')
}

function keyValueClient(cache: KeyValueCache): CacheClient {
  if (cache.throwOnErrors === false) {
    throw new ConfigError(
      'cacheStore: this Keyv takes a read that failed for an absent session. Make it with { throwOnErrors: true }.',
    )
  }
  const inFlight = new Set<{ failure?: { readonly error: unknown } }>()
  // Adapters of Keyv emit what fails and answer as if nothing was there. It cannot be told whose call it was.
  const onError = (error: unknown) => {
    for (const call of inFlight) call.failure ??= { error }
  }
  cache.on?.('error', onError)

  async function call<T>(run: () => T): Promise<Awaited<T>> {
    const own: { failure?: { readonly error: unknown } } = {}
    inFlight.add(own)
    try {
      const result = await run()
      if (own.failure !== undefined) throw asError(own.failure.error)
      return result
    } finally {
      inFlight.delete(own)
    }
  }

  return {
    get: (key) => call(() => cache.get(key)),
    async set(key, text, ttl) {
      const kept = await call(() => cache.set(key, text, ttl))
      if (kept === false) throw new Error('the cache did not keep it')
    },
    async remove(key) {
      await call(() => cache.delete(key))
    },
    close() {
      cache.off?.('error', onError)
    },
  }
}

function storageClient(storage: ItemStorage, prefix: string): CacheClient {
  const driver = (storage.getMount?.(prefix)?.driver ?? {}) as {
    readonly options?: { readonly readOnly?: boolean }
    readonly setItem?: unknown
    readonly removeItem?: unknown
  }
  const writes = driver.setItem !== undefined && driver.removeItem !== undefined
  if (storage.getMount !== undefined && (!writes || driver.options?.readOnly)) {
    throw new ConfigError(
      'cacheStore: the driver of this storage is read-only and would drop every session. Take another one.',
    )
  }
  return {
    async get(key) {
      const item = await storage.getItem(key)
      // The fs driver resolves to what went wrong.
      if (item instanceof Error) throw item
      return item
    },
    set: (key, text, ttl) => storage.setItem(key, text, { ttl: Math.ceil(ttl / 1_000) }),
    remove: (key) => storage.removeItem(key),
    async keys(start) {
      // Keys come back without a colon in front and without two in a row; a base ends at a colon.
      const plain = start.replace(/:+/g, ':').replace(/^:/, '')
      const keys = await storage.getKeys(plain.slice(0, plain.lastIndexOf(':') + 1))
      return keys.filter((key) => key.startsWith(plain))
    },
    close() {},
  }
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason))
}
