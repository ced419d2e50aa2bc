/**
 * The caches that `cacheStore` takes, behind one interface of three calls. Failures that a cache hides are brought to
 * light: a hidden one would look like a missing session, or like a logout that happened.
 *
 * A record is a string, which every cache returns unchanged: `vial1:<expiry>:<bytes>:<base64>`, with the expiry in ms
 * since the epoch and the number of bytes, so that a truncated string is detected.
 */

import { createHash } from 'node:crypto'
import type { StoredRecord } from '../../core/store.ts'
import { ConfigError } from '../../errors.ts'
import { FOR_A_URL } from '../shared/failure.ts'

/** Keyv, or any object with these three methods. */
export interface KeyValueCache {
  get(key: string): unknown
  /** `ttl` in ms. A result of false means that the value was not stored. */
  set(key: string, value: string, ttl?: number): unknown
  delete(key: string): unknown
  /** Keyv emits failures here with which its calls do not reject. */
  on?(event: 'error', listener: (error: unknown) => void): unknown
  off?(event: 'error', listener: (error: unknown) => void): unknown
  readonly throwOnErrors?: boolean
}

/** A storage of unstorage. */
export interface ItemStorage {
  getItem(key: string): Promise<unknown>
  /** `ttl` in seconds. Drivers without expiry ignore it. */
  setItem(key: string, value: string, options: { ttl: number }): Promise<void>
  removeItem(key: string): Promise<void>
  getKeys(base?: string): Promise<string[]>
  getMount?(key: string): { readonly driver: object }
}

/** What the store needs of a cache. Each call rejects when it fails; a string is returned as it was stored. */
export interface CacheClient {
  /** Undefined: there is nothing. */
  get(key: string): Promise<unknown>
  /** `ttl` in ms. */
  set(key: string, value: string, ttl: number): Promise<void>
  remove(key: string): Promise<unknown>
  /** All keys that begin with the prefix. Absent: the cache cannot list its keys. */
  keys?(prefix: string): Promise<string[]>
  close(): void
}

/**
 * Makes the client of a cache, whose kind is recognized by its methods.
 *
 * @throws {ConfigError} When the object is not a cache, is read-only, or hides its failures.
 */
export function cacheClient(cache: KeyValueCache | ItemStorage, prefix: string): CacheClient {
  if (hasMethods(cache, ['getItem', 'setItem', 'removeItem', 'getKeys'])) {
    return storageClient(cache as ItemStorage, prefix)
  }
  if (hasMethods(cache, ['get', 'set', 'delete'])) return keyValueClient(cache as KeyValueCache)
  throw new ConfigError(
    `cacheStore: the argument is not a cache. Give a Keyv, a storage of unstorage, or an object with get, set and delete. ${FOR_A_URL}`,
  )
}

function hasMethods(cache: unknown, names: readonly string[]): boolean {
  const object = Object(cache) as Record<string, unknown>
  return names.every((name) => typeof object[name] === 'function')
}

function keyValueClient(cache: KeyValueCache): CacheClient {
  if (cache.throwOnErrors === false) {
    throw new ConfigError(
      'cacheStore: this Keyv answers a failed read as if the session were absent. Create it with { throwOnErrors: true }.',
    )
  }
  const inFlight = new Set<{ errors: unknown[] }>()
  // Adapters of Keyv emit an error and answer as if the key were absent. The event does not name the call, so all fail.
  const onError = (error: unknown) => {
    for (const { errors } of inFlight) errors.push(error)
  }
  cache.on?.('error', onError)

  async function call<T>(run: () => T): Promise<Awaited<T>> {
    const own = { errors: [] as unknown[] }
    inFlight.add(own)
    try {
      const result = await run()
      if (own.errors.length > 0) throw own.errors[0]
      return result
    } finally {
      inFlight.delete(own)
    }
  }

  return {
    get: async (key) => (await call(() => cache.get(key))) ?? undefined,
    async set(key, value, ttl) {
      const stored = await call(() => cache.set(key, value, ttl))
      if (stored === false) throw new Error('the cache did not store the value')
    },
    remove: (key) => call(() => cache.delete(key)),
    close: () => void cache.off?.('error', onError),
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
      'cacheStore: the driver of this storage is read-only, so it would store no session. Use a driver that writes.',
    )
  }
  return {
    async get(key) {
      const item = await storage.getItem(key)
      // The fs driver resolves to the error.
      if (item instanceof Error) throw item
      return item ?? undefined
    },
    set: (key, value, ttl) => storage.setItem(key, value, { ttl: Math.ceil(ttl / 1_000) }),
    remove: (key) => storage.removeItem(key),
    async keys(start) {
      // unstorage removes a leading colon and repeated ones from keys; a base ends at a colon.
      const plain = start.replace(/:+/g, ':').replace(/^:/, '')
      const keys = await storage.getKeys(plain.slice(0, plain.lastIndexOf(':') + 1))
      return keys.filter((key) => key.startsWith(plain))
    },
    close: () => undefined,
  }
}

/** What a string holds. The content is the session in base64, and is also the version. */
export interface CacheRecord {
  readonly content: string
  readonly expiresAt: number
}

const TEXT = /^vial1:([^:]+):(\d+):([A-Za-z0-9+/]*={0,2})$/

/** Writes a record as a string. */
export function toText(content: string, expiresAt: number): string {
  return `vial1:${expiresAt}:${sizeOf(content)}:${content}`
}

/** Reads a string; undefined: it is not a record, or only a part of one. */
export function fromText(text: unknown): CacheRecord | undefined {
  const [, expiry, size, content] = (typeof text === 'string' && TEXT.exec(text)) || []
  if (content === undefined || sizeOf(content) !== Number(size)) return undefined
  const expiresAt = Number(expiry)
  return Number.isNaN(expiresAt) ? undefined : { content, expiresAt }
}

/** The content of a record with these bytes. */
export function contentOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}

export function toStored({ content, expiresAt }: CacheRecord): StoredRecord {
  return { bytes: Buffer.from(content, 'base64'), version: content, expiresAt }
}

/** The key of an id: a digest, as some caches change the case of keys, truncate them, or split them at slashes and colons. */
export function encodeId(prefix: string, id: string): string {
  return prefix + createHash('sha256').update(id).digest('hex')
}

/** The number of bytes in padded base64. */
function sizeOf(content: string): number {
  const padding = content.endsWith('==') ? 2 : content.endsWith('=') ? 1 : 0
  return (content.length / 4) * 3 - padding
}
