/**
 * Sessions in Redis or Valkey: a single server, Sentinel or Cluster, over node-redis, ioredis or iovalkey. Each verb is
 * one round trip; the server ends sessions by itself, to the millisecond. A server that is full, or fails over, loses
 * what it acknowledged: see `docs/stores/redis.md`.
 *
 * @module
 */

import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import type { AsyncStore, Store, StoredRecord, StoreOptions, Version } from '../../core/store.ts'
import { ConfigError, TooLargeError } from '../../errors.ts'
import { ABORTED, checkPrefix, FOR_A_URL, failures, storeError } from '../shared/failure.ts'
import { describe, isNoScript, isSyntaxError, type RedisCommands, type Retries } from './client.ts'
import { type IoRedisClient, ioRedisCommands } from './ioredis.ts'
import { type NodeRedisClient, nodeRedisCommands } from './node-redis.ts'

/** A client, pool, Cluster or Sentinel of node-redis 5 or later, of ioredis 5 or 6, or of iovalkey. */
export type RedisClient = NodeRedisClient | IoRedisClient

/** Puts a near cache before a store. Made by `nearCache()` of `vial/stores/redis-near-cache`. */
export type NearCache = (
  store: AsyncStore,
  client: RedisClient,
  /** What every key begins with, and the clock of the store. */
  settings: { readonly prefix: string; readonly now: () => number },
) => Store

export interface RedisStoreOptions {
  /** Prefix of every key: at most 100 visible ASCII characters. Default `vial:`. Flask-Session's is `session:`. */
  readonly prefix?: string
  /**
   * Whether the client sends a command again, by itself, when its reply was lost. `never`: it does not, for a Sentinel
   * client of node-redis, whose setting cannot be seen. `accept`: it may, a change may count twice, and every write that
   * fails is `unknown`. Absent: the client's options decide.
   */
  readonly retries?: 'never' | 'accept'
  /** `nearCache()` of `vial/stores/redis-near-cache`. Absent: every read asks the server. */
  readonly nearCache?: NearCache
  /** The clock, ms since the epoch. Only the time left is sent, so the server's clock may differ. */
  readonly now?: () => number
}

const NAME = 'redisStore'
/** Half of the largest string of Redis, in bytes: the old value and the new one are sent as one argument. */
const MAX_BYTES = 256 * 1024 * 1024

/**
 * Compares the value with the first ARGV[3] bytes of ARGV[4] and, when they are equal, does ARGV[1]: `DEL`; `PEXPIRE`
 * for ARGV[2] ms; or `SET` to the rest of ARGV[4] for ARGV[2] ms. Answers with 1, with the value that was not equal, or
 * with nil when there is none. Both values are one argument, as clients write each Buffer to the socket by itself.
 */
const IF_EQUAL = `local value = redis.call('GET', KEYS[1])
if not value then return false end
local length = tonumber(ARGV[3])
if value ~= string.sub(ARGV[4], 1, length) then return value end
if ARGV[1] == 'DEL' then redis.call('DEL', KEYS[1])
elseif ARGV[1] == 'PEXPIRE' then redis.call('PEXPIRE', KEYS[1], ARGV[2])
else redis.call('SET', KEYS[1], string.sub(ARGV[4], length + 1), 'PX', ARGV[2]) end
return 1`
const IF_EQUAL_SHA1 = createHash('sha1').update(IF_EQUAL).digest('hex')

const NOTHING: Buffer = Buffer.alloc(0)
const SCAN_OPTIONS = ['COUNT', '1000', 'TYPE', 'string'] as const

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
 * @throws {ConfigError} When the client is not one that it takes, retries commands by itself, or reads from replicas, or
 * when an option is out of its range. The message names the option to change.
 */
export function redisStore(
  client: RedisClient,
  options?: RedisStoreOptions & { readonly nearCache?: never },
): AsyncStore
export function redisStore(client: RedisClient, options: RedisStoreOptions): Store
export function redisStore(client: RedisClient, options: RedisStoreOptions = {}): Store {
  const { prefix = 'vial:', retries, nearCache, now = Date.now } = options
  checkPrefix(NAME, prefix)
  const commands = commandsOf(client, retries)
  const { send } = commands
  /** Whether the server may know `SET … IFEQ`: Valkey has it from 8.1, Redis from 8.4. */
  let knowsIfEqual = true

  // A repeated command may have been refused what its first attempt did, so no answer says that nothing was done.
  const doubt = commands.retries ? { sent: true, done: undefined } : {}
  const failed = failures(NAME, (error) => ({ ...describe(error), ...doubt }))

  async function attempt<T>(
    operation: string,
    options: StoreOptions,
    run: () => Promise<T>,
  ): Promise<T> {
    // Reading the signal would make one.
    if (options.aborted ?? options.signal?.aborted) throw storeError(NAME, operation, ABORTED)
    try {
      return await run()
    } catch (error) {
      throw failed(operation, error)
    }
  }

  /** Ms from the moment the server takes the value; 0: a live value goes, and a new one never appears. */
  function lifetimeOf(expiresAt: number): number {
    // The server's own numbers overflow beyond that.
    return Math.min(Math.max(0, Math.ceil(expiresAt - now())), Number.MAX_SAFE_INTEGER)
  }

  /**
   * Does a command where the value is still that of the version: `DEL` when no time is left. Answers with the value
   * that was not equal; undefined: there was none.
   */
  async function ifEqual(
    wanted: 'SET' | 'PEXPIRE' | 'DEL',
    key: string,
    version: Version,
    ms = 0,
    value = NOTHING,
  ): Promise<'done' | Uint8Array | undefined> {
    const equal = bufferOf(version)
    const command = ms > 0 ? wanted : 'DEL'
    if (command === 'SET' && knowsIfEqual) {
      try {
        const before = await send(['SET'], key, value, 'PX', String(ms), 'IFEQ', equal, 'GET')
        if (before instanceof Uint8Array) return equal.equals(before) ? 'done' : before
        // No value, or one that is not equal on a server that only resembles Redis. The script finds out which.
      } catch (error) {
        // The server does not know IFEQ and did nothing.
        if (!isSyntaxError(error)) throw error
        knowsIfEqual = false
      }
    }
    const both = command === 'SET' ? Buffer.concat([equal, value]) : equal
    const args = [command, String(ms), String(equal.length), both]
    let reply: unknown
    try {
      reply = await send(['EVALSHA', IF_EQUAL_SHA1, '1'], key, ...args)
    } catch (error) {
      if (!isNoScript(error)) throw error
      reply = await send(['EVAL', IF_EQUAL, '1'], key, ...args)
    }
    if (reply === null) return undefined
    return reply instanceof Uint8Array ? reply : 'done'
  }

  const store: AsyncStore = {
    name: 'redis',
    prefix,
    atomic: true,
    forgets: true,

    async evicting() {
      for (const sendTo of await commands.primaries(prefix)) {
        const memory = String(await sendTo(['INFO', 'memory']))
        const [, policy = 'noeviction'] = /^maxmemory_policy:([\w-]+)/m.exec(memory) ?? []
        const [, most = '0'] = /^maxmemory:(\d+)/m.exec(memory) ?? []
        if (policy !== 'noeviction' && most !== '0') return `maxmemory-policy is ${policy}`
      }
      return undefined
    },

    read: (id, options = {}) =>
      attempt('read', options, async () => {
        const key = prefix + id
        if (!options.expiry) return recordOf(await send(['GET'], key))
        const replies = await Promise.all([send(['GET'], key), send(['PTTL'], key)])
        const [record, left] = [recordOf(replies[0]), Number(replies[1])]
        // A record that another program wrote without an end has no expiry.
        if (record === undefined || left === -1) return record
        return left > 0 ? { ...record, expiresAt: now() + left } : undefined
      }),

    create: (id, bytes, expiresAt, options = {}) =>
      attempt('create', options, async () => {
        const ms = lifetimeOf(expiresAt)
        const expiry = ms > 0 ? ['PX', String(ms)] : ['PXAT', '1']
        const reply = await send(['SET'], prefix + id, checkedBuffer(bytes), ...expiry, 'NX')
        return reply === null ? { kind: 'exists' } : { kind: 'created', version: bytes }
      }),

    replace: (id, bytes, expiresAt, version, options = {}) =>
      attempt('replace', options, async () => {
        const value = checkedBuffer(bytes)
        const result = await ifEqual('SET', prefix + id, version, lifetimeOf(expiresAt), value)
        if (result === undefined) return { kind: 'gone' }
        if (result === 'done') return { kind: 'replaced', version: bytes }
        return { kind: 'conflict', current: { bytes: result, version: result } }
      }),

    touch: (id, expiresAt, version, options = {}) =>
      attempt('touch', options, async () => {
        const result = await ifEqual('PEXPIRE', prefix + id, version, lifetimeOf(expiresAt))
        return result === undefined ? 'gone' : result === 'done' ? 'touched' : 'conflict'
      }),

    delete: (id, version, options = {}) =>
      attempt('delete', options, async () => {
        const key = prefix + id
        if (version === undefined) return Number(await send(['DEL'], key)) > 0 ? 'deleted' : 'gone'
        const result = await ifEqual('DEL', key, version)
        return result === undefined ? 'gone' : result === 'done' ? 'deleted' : 'conflict'
      }),

    async *list({ signal } = {}) {
      const start = commands.keyPrefix + prefix
      const pattern = `${start.replace(/[\\*?[\]^-]/g, '\\$&')}*`
      const seen = new Set<string>()
      try {
        for (const sendTo of await commands.primaries(pattern)) {
          let cursor = '0'
          do {
            const page = await sendTo(['SCAN', cursor, 'MATCH', pattern, ...SCAN_OPTIONS])
            const [next, keys] = page as [Buffer, readonly Buffer[]]
            cursor = next.toString()
            for (const key of keys) {
              if (signal?.aborted) throw storeError(NAME, 'list', ABORTED)
              const id = key.toString().slice(start.length)
              // A key of another program under the same prefix, or one that came before.
              if (!/^[!-~]+$/.test(id) || seen.has(id)) continue
              seen.add(id)
              yield id
            }
          } while (cursor !== '0')
        }
      } catch (error) {
        throw failed('list', error)
      }
    },
  }
  if (nearCache === undefined) return store
  if (typeof nearCache !== 'function') {
    throw new ConfigError(
      "redisStore: nearCache is not a near cache. Give nearCache() of 'vial/stores/redis-near-cache'.",
    )
  }
  return nearCache(store, client, { prefix: commands.keyPrefix + prefix, now })
}

/** Tells the clients apart by what they are, never by a guess. */
function commandsOf(client: RedisClient, retries: Retries): RedisCommands {
  const given = Object(client) as Partial<NodeRedisClient & IoRedisClient & PromiseLike<unknown>>
  if (typeof given.withTypeMapping === 'function') {
    return nodeRedisCommands(client as NodeRedisClient, retries)
  }
  if (typeof given.getBuffer === 'function') {
    return ioRedisCommands(client as IoRedisClient, retries)
  }
  if (typeof given.then === 'function') {
    throw new ConfigError('redisStore: the client is a promise. Await it first.')
  }
  throw new ConfigError(
    `redisStore: this is not a client of redis (5 or later), ioredis (5 or 6) or iovalkey. Give one. ${FOR_A_URL}`,
  )
}

/** The bytes of a record as a value, which is a Buffer over the same bytes: the clients take no other kind of array. */
function checkedBuffer(bytes: Uint8Array): Buffer {
  const { length: size } = bytes
  if (size <= MAX_BYTES) return bufferOf(bytes)
  throw new TooLargeError(
    `redisStore: the session has ${size} bytes, and at most ${MAX_BYTES} can be replaced.`,
    { size, limit: MAX_BYTES },
  )
}

function bufferOf(version: Version): Buffer {
  const { buffer, byteOffset, byteLength } = version as Uint8Array
  return Buffer.from(buffer, byteOffset, byteLength)
}

/** The record of a reply; undefined for nil. */
function recordOf(reply: unknown): StoredRecord | undefined {
  return reply instanceof Uint8Array ? { bytes: reply, version: reply } : undefined
}
