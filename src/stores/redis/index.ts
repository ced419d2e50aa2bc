/**
 * Sessions in Redis or Valkey: a single server, Sentinel or Cluster, over node-redis, ioredis or iovalkey. One round trip
 * a verb; the server ends sessions by itself, to the millisecond. A server that is full, or fails over, forgets what it
 * acknowledged: see `docs/stores/redis.md`.
 *
 * @module
 */

import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import type {
  AsyncStore,
  CreateResult,
  ReplaceResult,
  Store,
  StoredRecord,
  StoreOptions,
} from '../../core/store.ts'
import { ConfigError, StoreError, TooLargeError } from '../../errors.ts'
import { commandsOf, type RedisClient } from './client.ts'
import type { Lifetime, Script } from './commands.ts'
import { isNoScript, isSyntaxError, stopped, toStoreError } from './errors.ts'
import { idOf, isBroken, keyOf, patternOf, type RedisKey } from './keys.ts'
import { type NearCacheOptions, withNearCache } from './near-cache/index.ts'
import { trackerOf } from './near-cache/tracking.ts'

export type { RedisClient } from './client.ts'
export type { NearCacheOptions } from './near-cache/index.ts'

export interface RedisStoreOptions {
  /** Stands before each id; default `vial:`. Flask-Session's is `session:`. */
  readonly prefix?: string
  /**
   * What happens to a command whose reply was lost. `never`: it is not sent again, for a Sentinel client of node-redis,
   * whose setting cannot be seen. `accept`: it may be, and a change may count twice. Absent: the client is looked at.
   */
  readonly resends?: 'never' | 'accept'
  /**
   * Serves a record that this process has read before without asking, until the server tells that it changed: within
   * milliseconds as a rule, within `maxStale` at worst. Default false. Needs a client with one connection, and `close()`
   * or the client's end to end its own.
   */
  readonly nearCache?: boolean | NearCacheOptions
  /** Hears, once each time, why the near cache cannot be used; the store goes on without it, and tries again. */
  readonly onError?: (error: unknown) => void
  /** The clock, ms since the epoch. Only the time left is sent, so the server's clock may differ. */
  readonly now?: () => number
}

/** Half of the largest string of Redis, in bytes: what is replaced and what takes its place are sent as one. */
const MOST_BYTES = 256 * 1024 * 1024
/** In ms. Beyond it the server's own numbers overflow. */
const LONGEST = Number.MAX_SAFE_INTEGER

/**
 * Puts the new value for ARGV[1] ms in the place of an equal one, or nothing when ARGV[1] is `ended`: 1, or what is there.
 * Both are in ARGV[3], the equal one in its first ARGV[2] bytes, as clients send each Buffer with a write of its own.
 */
const SWAP: Script = script(`local value = redis.call('GET', KEYS[1])
if not value then return false end
local length = tonumber(ARGV[2])
if value ~= string.sub(ARGV[3], 1, length) then return value end
if ARGV[1] == 'ended' then redis.call('DEL', KEYS[1])
else redis.call('SET', KEYS[1], string.sub(ARGV[3], length + 1), 'PX', ARGV[1]) end
return 1`)

/** What became of it: the value that was not equal; undefined: there was none. */
type Swapped = 'swapped' | Uint8Array | undefined

const NOTHING: Buffer = Buffer.alloc(0)

/**
 * Keeps sessions under `prefix` and the id. The client is the program's: connect it before, close it after.
 *
 * ```ts
 * import { createClient } from 'redis'
 * import { createSessions } from 'vial'
 * import { redisStore } from 'vial/stores/redis'
 *
 * const client = createClient({ url: process.env['REDIS_URL'], disableOfflineQueue: true })
 * client.on('error', (error) => console.error(error))
 * await client.connect()
 * export const sessions = createSessions({ secret: process.env['SECRET_KEY'], store: redisStore(client) })
 * ```
 *
 * @throws {ConfigError} When the client is none that it takes, sends a command again after a lost reply, or reads from
 * replicas. The message names the option to change.
 */
export function redisStore(
  client: RedisClient,
  options?: RedisStoreOptions & { readonly nearCache?: false },
): AsyncStore
export function redisStore(client: RedisClient, options: RedisStoreOptions): Store
export function redisStore(client: RedisClient, options: RedisStoreOptions = {}): Store {
  const { prefix = 'vial:', resends, nearCache = false, onError, now = Date.now } = options
  if (isBroken(prefix)) throw new ConfigError('redisStore: the prefix holds half a character.')
  const commands = commandsOf(client, resends)
  let { setIfEqual } = commands

  /** Sends what a verb needs, and makes its answer of the reply. */
  function attempt<Reply, T>(
    operation: string,
    id: string,
    options: StoreOptions,
    send: (key: RedisKey) => Promise<Reply>,
    answer: (reply: Reply) => T,
  ): Promise<T> {
    if (options.aborted ?? options.signal?.aborted) return Promise.reject(stopped(operation))
    try {
      return send(keyOf(prefix, id)).then(answer, (error: unknown) => {
        throw toStoreError(error, operation, id, commands.resends)
      })
    } catch (error) {
      return Promise.reject(toStoreError(error, operation, id, commands.resends))
    }
  }

  function lifetimeOf(expiresAt: number): Lifetime {
    const left = Math.ceil(expiresAt - now())
    return left > 0 ? Math.min(left, LONGEST) : 'ended'
  }

  /** Puts a value in the place of an equal one, and of no other. */
  function swap(key: RedisKey, value: Buffer, equal: Buffer, lifetime: Lifetime): Promise<Swapped> {
    // Not to end a record: a server out of memory refuses any SET.
    return setIfEqual === undefined || lifetime === 'ended'
      ? swapByScript(key, value, equal, lifetime)
      : swapByCommand(setIfEqual, key, value, equal, lifetime)
  }

  async function swapByCommand(
    send: NonNullable<typeof setIfEqual>,
    key: RedisKey,
    value: Buffer,
    equal: Buffer,
    ms: number,
  ): Promise<Swapped> {
    try {
      const before = await send(key, value, equal, ms)
      if (before !== null) return equal.equals(before) ? 'swapped' : before
      // None, or one that is not equal on a server that only resembles Redis. The script tells.
    } catch (error) {
      if (!isSyntaxError(error)) throw error
      // The server does not know IFEQ, and has done nothing.
      setIfEqual = undefined
    }
    return swapByScript(key, value, equal, ms)
  }

  function swapByScript(
    key: RedisKey,
    value: Buffer,
    equal: Buffer,
    lifetime: Lifetime,
  ): Promise<Swapped> {
    const args = [String(lifetime), String(equal.length), Buffer.concat([equal, value])]
    return commands.evalSha(SWAP, key, args).then(swapped, (error: unknown) => {
      if (!isNoScript(error)) throw error
      return commands.eval(SWAP, key, args).then(swapped)
    })
  }

  /** @param left In ms. */
  function recordUntil(bytes: Uint8Array | null, left: number): StoredRecord | undefined {
    // A record that another program gave no end has none to tell.
    if (bytes === null || left === -1) return recordOf(bytes)
    return left > 0 ? { ...recordOf(bytes), expiresAt: now() + left } : undefined
  }

  const store: AsyncStore = {
    name: 'redis',
    prefix,
    atomic: true,

    read(id, options = {}) {
      return options.expiry
        ? attempt(
            'read',
            id,
            options,
            (key) => Promise.all([commands.get(key), commands.pttl(key)]),
            ([bytes, left]) => recordUntil(bytes, left),
          )
        : attempt('read', id, options, commands.get, recordOf)
    },

    create(id, bytes, expiresAt, options = {}) {
      if (bytes.length > MOST_BYTES) return Promise.reject(tooLarge(bytes))
      return attempt(
        'create',
        id,
        options,
        (key) => commands.setNew(key, bufferOf(bytes), lifetimeOf(expiresAt)),
        (set): CreateResult => (set ? { kind: 'created', version: bytes } : { kind: 'exists' }),
      )
    },

    replace(id, bytes, expiresAt, version, options = {}) {
      if (bytes.length > MOST_BYTES) return Promise.reject(tooLarge(bytes))
      return attempt(
        'replace',
        id,
        options,
        (key) => swap(key, bufferOf(bytes), bufferOf(version as Uint8Array), lifetimeOf(expiresAt)),
        (result): ReplaceResult => {
          if (result === undefined) return { kind: 'gone' }
          if (result === 'swapped') return { kind: 'replaced', version: bytes }
          return { kind: 'conflict', current: recordOf(result) }
        },
      )
    },

    touch(id, expiresAt, options = {}) {
      const lifetime = lifetimeOf(expiresAt)
      return attempt(
        'touch',
        id,
        options,
        (key) => commands.pexpire(key, lifetime === 'ended' ? 0 : lifetime),
        (alive) => alive,
      )
    },

    delete(id, version, options = {}) {
      return version === undefined
        ? attempt('delete', id, options, commands.del, (count) => (count > 0 ? 'deleted' : 'gone'))
        : attempt(
            'delete',
            id,
            options,
            (key) => swap(key, NOTHING, bufferOf(version as Uint8Array), 'ended'),
            (result) =>
              result === undefined ? 'gone' : result === 'swapped' ? 'deleted' : 'conflict',
          )
    },

    async *list({ signal } = {}) {
      const start = commands.keyPrefix + prefix
      const seen = new Set<string>()
      try {
        for await (const keys of commands.scan(patternOf(start))) {
          for (const key of keys) {
            if (signal?.aborted) throw stopped('list')
            const id = idOf(start, key)
            if (id === undefined || seen.has(id)) continue
            seen.add(id)
            yield id
          }
        }
      } catch (error) {
        throw error instanceof StoreError
          ? error
          : toStoreError(error, 'list', '', commands.resends)
      }
    },
  }
  if (nearCache === false) return store
  const start = commands.keyPrefix + prefix
  const context = { tracker: trackerOf(client, start), prefix: start, now, onError }
  return withNearCache(store, nearCache, context)
}

function tooLarge({ length }: Uint8Array): TooLargeError {
  return new TooLargeError(
    `redisStore: the session takes ${length} bytes, and at most ${MOST_BYTES} can be replaced.`,
    { size: length, limit: MOST_BYTES },
  )
}

/** The same bytes: the clients take no other kind of array. */
function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function recordOf(bytes: Uint8Array): StoredRecord
function recordOf(bytes: Uint8Array | null): StoredRecord | undefined
function recordOf(bytes: Uint8Array | null): StoredRecord | undefined {
  return bytes === null ? undefined : { bytes, version: bytes }
}

/** What the script replied. */
function swapped(reply: unknown): Swapped {
  if (reply === null) return undefined
  return reply instanceof Uint8Array ? reply : 'swapped'
}

function script(text: string): Script {
  return { text, sha1: createHash('sha1').update(text).digest('hex') }
}
