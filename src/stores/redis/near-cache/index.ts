/**
 * The near cache of the Redis store: records that this process has read, served again without asking, for as long as the
 * server tells what changes and is heard to.
 *
 * @module
 */

import { Buffer } from 'node:buffer'
import { clearTimeout, setTimeout } from 'node:timers'
import { type Duration, milliseconds } from '../../../core/duration.ts'
import { guarded } from '../../../core/events.ts'
import type { AsyncStore, ReadOptions, Store, StoredRecord } from '../../../core/store.ts'
import { ConfigError } from '../../../errors.ts'
import { toTrackingError } from '../errors.ts'
import { idOf } from '../keys.ts'
import { nearEntries } from './entries.ts'
import type { Tracker, TrackingConnection } from './tracking.ts'

/** The bounds of the near cache. */
export interface NearCacheOptions {
  /** How many records are held; default 10,000. The oldest goes first, unless it was read since it came. */
  readonly maxEntries?: number
  /** How many bytes the records have together; default 32 MiB. A larger record is not held. */
  readonly maxBytes?: number
  /**
   * How old a record can be at most, whatever the network does; default `'2s'`. From 50 ms. The server is heard twice in
   * that time, while anything is held.
   */
  readonly maxStale?: Duration
}

/** What the near cache needs of its store and client. */
export interface NearCacheContext {
  readonly tracker: Tracker
  /** What all keys begin with. */
  readonly prefix: string
  readonly now: () => number
  readonly onError?: ((error: unknown) => void) | undefined
  /** Ms from any start, never set back. */
  readonly clock?: () => number
}

/** In ms: how long one that fails is left alone, the first time and at most. */
const [SHORTEST_PAUSE, LONGEST_PAUSE] = [250, 30_000]
/** In ms: after that a silent connection is given up. Until then it is only not relied on. */
const PATIENCE = 2_000
const DEFAULT_BYTES = 32 * 1024 * 1024

/**
 * Puts a near cache before the store of one client.
 *
 * @throws {ConfigError} When an option is unknown or out of its range.
 */
export function withNearCache(
  store: AsyncStore,
  options: true | NearCacheOptions,
  { tracker, prefix, now, onError, clock = () => performance.now() }: NearCacheContext,
): Store {
  const { maxEntries, maxBytes, maxStale } = checked(options === true ? {} : options)
  const entries = nearEntries(maxEntries, maxBytes)
  const hear = guarded(onError, 'onError')

  let current: TrackingConnection | undefined
  let stopListening: (() => void) | undefined
  let timer: NodeJS.Timeout | undefined
  /** Until then records may be served, by what the last answer has shown. */
  let freshUntil = -Infinity
  let retryAt = -Infinity
  let pause = SHORTEST_PAUSE
  let told = false
  let closed = false

  function start(): void {
    let connection: TrackingConnection | undefined
    const isCurrent = () => connection !== undefined && connection === current
    const lose = (error: unknown) => {
      if (isCurrent()) fail(error)
    }
    try {
      connection = tracker.open({
        changed(keys) {
          if (keys === undefined) entries.change(undefined)
          else for (const key of keys) change(key)
        },
        lost: lose,
      })
    } catch (error) {
      fail(error)
      return
    }
    current = connection
    // It could come back to another server.
    stopListening = tracker.onAway(stop)
    wait(PATIENCE, () => lose(undefined))
    connection.start().then(() => {
      if (isCurrent()) void confirm(true)
    }, lose)
  }

  function change(key: Buffer): void {
    const id = idOf(prefix, key)
    if (id !== undefined) entries.change(id)
  }

  /** Asks the server to show that it is there, and goes on doing so while anything is held. */
  async function confirm(first: boolean): Promise<void> {
    const connection = current
    if (connection === undefined) return
    const askedAt = clock()
    wait(PATIENCE, () => fail(undefined))
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
      told = false
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
    if (told) return
    told = true
    hear(toTrackingError(error))
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

  async function fetch(id: string, options: ReadOptions): Promise<StoredRecord | undefined> {
    if (current === undefined && !closed && clock() >= retryAt) start()
    const asking = entries.ask(id)
    if (asking === undefined) return store.read(id, options)
    const aborted = options.aborted ?? options.signal?.aborted
    const askedAt = now()
    let record: StoredRecord | undefined
    let end: number | undefined
    try {
      record = await store.read(id, { expiry: true, aborted })
      // What the server said was left is counted from before it said so.
      if (record?.expiresAt !== undefined) end = record.expiresAt - Math.max(0, now() - askedAt)
    } finally {
      entries.answer(asking, record && { bytes: record.bytes, expiresAt: end })
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
      const entry = clock() < freshUntil ? entries.get(id, now()) : undefined
      if (entry === undefined) return fetch(id, options)
      const { bytes: version, expiresAt } = entry
      // Whoever changes what he is given changes it for himself alone.
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

function checked(options: NearCacheOptions): {
  readonly maxEntries: number
  readonly maxBytes: number
  readonly maxStale: number
} {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new ConfigError('redisStore: nearCache is neither true nor an object of its options.')
  }
  const { maxEntries = 10_000, maxBytes = DEFAULT_BYTES, maxStale = '2s', ...unknown } = options
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
  // A longer one would make the timer fire at once.
  if (length < 50 || length >= 2 ** 31) {
    throw new ConfigError("redisStore: nearCache.maxStale is from 50 ms to '24d'.")
  }
  return { maxEntries, maxBytes, maxStale: length }
}
