/**
 * The near cache of the Redis store: records that this process has read are served again without a command, for as long
 * as the server is known to report every change.
 *
 * Three conditions hold for a record that is served: the tracking connection is the current one; the server answered on
 * it less than `maxStale` ago, so no report older than that is missing; and no report and no write of this process has
 * named the record since it was read.
 *
 * @module
 */

import { Buffer } from 'node:buffer'
import { clearTimeout, setTimeout } from 'node:timers'
import { type Duration, milliseconds } from '../../../core/duration.ts'
import { guarded } from '../../../core/events.ts'
import type { AsyncStore, ReadOptions, Store, StoredRecord } from '../../../core/store.ts'
import { ConfigError, StoreError } from '../../../errors.ts'
import { trackingFailure } from '../client.ts'
import { nearEntries } from './entries.ts'
import { type Tracker, type TrackingConnection, trackerOf } from './tracking.ts'

/** The bounds of the near cache. */
export interface NearCacheOptions {
  /** The number of records that are held; default 10,000. The oldest is dropped first, unless it was read since it came. */
  readonly maxEntries?: number
  /** The bytes of all records that are held; default 32 MiB. A larger record is not held. */
  readonly maxBytes?: number
  /**
   * The age that a record can have at most, whatever the network does; from 50 ms, default `'2s'`. The server is asked
   * twice in that time while anything is held.
   */
  readonly maxStale?: Duration
}

/** The options with their defaults; `maxStale` in ms. */
export interface NearCacheBounds {
  readonly maxEntries: number
  readonly maxBytes: number
  readonly maxStale: number
}

/** What the near cache needs of its store and client. */
export interface NearCacheSettings {
  /** What every key begins with. */
  readonly prefix: string
  readonly now: () => number
  readonly onError: ((error: unknown) => void) | undefined
}

const DEFAULT_MAX_BYTES = 32 * 1024 * 1024

/** In ms: the pause after a connection failed, the first time and at most. */
const [SHORTEST_PAUSE, LONGEST_PAUSE] = [250, 30_000]
/** In ms: after that a connection that does not answer is closed. Until then it is only not relied on. */
const ANSWER_TIMEOUT = 2_000

/**
 * Puts a near cache before the store of a client.
 *
 * @throws {ConfigError} When an option is unknown or out of its range, or the client has more than one connection.
 */
export function withNearCache(
  store: AsyncStore,
  options: true | NearCacheOptions,
  client: object,
  settings: NearCacheSettings,
): Store {
  const bounds = boundsOf(options === true ? {} : options)
  checkClient(client, settings.prefix)
  return nearCache(store, bounds, trackerOf(client, settings.prefix), settings)
}

/** @param clock Ms from any start, never set back. */
export function nearCache(
  store: AsyncStore,
  { maxEntries, maxBytes, maxStale }: NearCacheBounds,
  tracker: Tracker,
  { prefix, now, onError }: NearCacheSettings,
  clock: () => number = () => performance.now(),
): Store {
  const entries = nearEntries(maxEntries, maxBytes)
  const report = guarded(onError, 'redisStore: onError')

  let current: TrackingConnection | undefined
  let stopListening: (() => void) | undefined
  let timer: NodeJS.Timeout | undefined
  /** The end of the time for which the last answer lets records be served. */
  let freshUntil = -Infinity
  let retryAt = -Infinity
  let pause = SHORTEST_PAUSE
  let reported = false
  let closed = false

  function start(): void {
    let connection: TrackingConnection | undefined
    const lose = (error: unknown) => {
      if (connection !== undefined && connection === current) fail(error)
    }
    try {
      connection = tracker.open({
        onChange(keys) {
          if (keys === undefined) entries.change(undefined)
          else for (const key of keys) onChange(key)
        },
        onLost: lose,
      })
    } catch (error) {
      fail(error)
      return
    }
    current = connection
    // The client may reconnect to another server, which this connection says nothing about.
    stopListening = tracker.onDisconnect(stop)
    wait(ANSWER_TIMEOUT, () => lose(undefined))
    connection.start().then(() => {
      if (connection === current) void confirm(true)
    }, lose)
  }

  function onChange(key: Buffer): void {
    const text = key.toString()
    if (text.startsWith(prefix)) entries.change(text.slice(prefix.length))
  }

  /** Asks the server for an answer, and repeats that while anything is held. */
  async function confirm(first: boolean): Promise<void> {
    const connection = current
    if (connection === undefined) return
    const askedAt = clock()
    wait(ANSWER_TIMEOUT, () => fail(undefined))
    try {
      await connection.confirm()
    } catch (error) {
      if (connection === current) fail(error)
      return
    }
    if (connection !== current) return
    freshUntil = askedAt + maxStale
    clearTimeout(timer)
    timer = undefined
    if (first) {
      entries.track(true)
      pause = SHORTEST_PAUSE
      reported = false
    }
    if (entries.size > 0) wait(askedAt + maxStale / 2 - clock(), () => void confirm(false))
  }

  function wait(ms: number, then: () => void): void {
    clearTimeout(timer)
    timer = setTimeout(then, Math.max(0, ms))
    timer.unref()
  }

  function fail(error: unknown): void {
    stop()
    retryAt = clock() + pause
    pause = Math.min(2 * pause, LONGEST_PAUSE)
    if (reported) return
    reported = true
    const { what, retriable, cause } = trackingFailure(error)
    const message = `redisStore: the near cache is off, and every read goes to the server: ${what}.`
    report(new StoreError(message, { operation: 'read', outcome: 'not-done', retriable, cause }))
  }

  function stop(): void {
    const connection = current
    current = undefined
    freshUntil = -Infinity
    entries.track(false)
    clearTimeout(timer)
    timer = undefined
    stopListening?.()
    stopListening = undefined
    connection?.end()
  }

  async function readFromServer(
    id: string,
    options: ReadOptions,
  ): Promise<StoredRecord | undefined> {
    if (current === undefined && !closed && clock() >= retryAt) start()
    const asking = entries.ask(id)
    if (asking === undefined) return store.read(id, options)
    const aborted = options.aborted ?? options.signal?.aborted
    const askedAt = now()
    let record: StoredRecord | undefined
    let expiresAt: number | undefined
    try {
      record = await store.read(id, { expiry: true, aborted })
      // The store adds the time left to the time of the reply, the server counted it earlier: subtract the difference.
      const took = Math.max(0, now() - askedAt)
      if (record?.expiresAt !== undefined) expiresAt = record.expiresAt - took
    } finally {
      entries.answer(asking, record && { bytes: record.bytes, expiresAt })
    }
    if (timer === undefined && entries.size > 0) void confirm(false)
    return record
  }

  async function write<T>(id: string, run: () => Promise<T>): Promise<T> {
    const done = entries.write(id)
    try {
      return await run()
    } finally {
      done()
    }
  }

  return {
    ...store,

    read(id, options = {}) {
      const isFresh = clock() < freshUntil && !options.fresh
      const entry = isFresh ? entries.get(id, now()) : undefined
      if (entry === undefined) return readFromServer(id, options)
      const { bytes: version, expiresAt } = entry
      // A copy, so that a caller which changes the bytes does not change the cache.
      const bytes = Buffer.from(version)
      return expiresAt === undefined ? { bytes, version } : { bytes, version, expiresAt }
    },
    create: (id, ...rest) => write(id, () => store.create(id, ...rest)),
    replace: (id, ...rest) => write(id, () => store.replace(id, ...rest)),
    touch: (id, ...rest) => write(id, () => store.touch(id, ...rest)),
    delete: (id, ...rest) => write(id, () => store.delete(id, ...rest)),

    async close() {
      closed = true
      stop()
      await store.close?.()
    },
  }
}

/** @throws {ConfigError} When changes cannot be tracked over this client. */
function checkClient(client: object, prefix: string): void {
  const visible = client as Record<'masters' | 'nodes' | 'getSentinelNode' | 'duplicate', unknown>
  const hasManyNodes =
    visible.masters !== undefined || visible.nodes !== undefined || visible.getSentinelNode
  if (hasManyNodes || typeof visible.duplicate !== 'function') {
    throw new ConfigError(
      'redisStore: nearCache needs a client with one connection: createClient() of redis, new Redis() of ioredis or iovalkey. Leave it out for a Cluster, a pool, or createSentinel().',
    )
  }
  // A prefix of bytes that are not UTF-8 decodes to this character, so the server would track another prefix.
  if (prefix.includes('\ufffd')) {
    throw new ConfigError('redisStore: nearCache needs a keyPrefix that is valid UTF-8.')
  }
}

function boundsOf(options: NearCacheOptions): NearCacheBounds {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new ConfigError(
      'redisStore: nearCache is neither a boolean nor an object. Give true, or an object of its options.',
    )
  }
  const { maxEntries = 10_000, maxBytes = DEFAULT_MAX_BYTES, maxStale = '2s', ...unknown } = options
  for (const name of Object.keys(unknown)) {
    throw new ConfigError(
      `redisStore: nearCache has no option ${JSON.stringify(name)}. It has maxEntries, maxBytes and maxStale.`,
    )
  }
  for (const [name, value] of Object.entries({ maxEntries, maxBytes })) {
    if (Number.isSafeInteger(value) && value >= 1) continue
    throw new ConfigError(
      `redisStore: nearCache.${name} is ${String(value)}. Give a whole number from 1.`,
    )
  }
  const length = milliseconds(maxStale, 'redisStore: nearCache.maxStale')
  // A timer fires at once when its time is longer than 2^31 - 1 ms.
  if (length < 50 || length >= 2 ** 31) {
    throw new ConfigError("redisStore: nearCache.maxStale is from 50 ms to '24d'.")
  }
  return { maxEntries, maxBytes, maxStale: length }
}
