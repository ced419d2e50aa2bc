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
import { guarded } from '../../../core/events.ts'
import type { AsyncStore, ReadOptions, Store, StoredRecord } from '../../../core/store.ts'
import { StoreError } from '../../../errors.ts'
import { trackingFailure } from '../failure.ts'
import { nearEntries } from './entries.ts'
import type { Tracker, TrackingConnection } from './tracking.ts'

/** The options with their defaults; `maxStale` in ms. */
export interface NearCacheBounds {
  readonly maxEntries: number
  readonly maxBytes: number
  readonly maxStale: number
}

/** What the near cache needs of its store and client. */
export interface NearCacheSettings {
  readonly tracker: Tracker
  /** What every key begins with. */
  readonly prefix: string
  readonly now: () => number
  readonly onError?: ((error: unknown) => void) | undefined
  /** Ms from any start, never set back. */
  readonly clock?: () => number
}

/** In ms: the pause after a connection failed, the first time and at most. */
const [SHORTEST_PAUSE, LONGEST_PAUSE] = [250, 30_000]
/** In ms: after that a connection that does not answer is closed. Until then it is only not relied on. */
const ANSWER_TIMEOUT = 2_000

/** Puts a near cache before the store of one client. */
export function nearCache(
  store: AsyncStore,
  { maxEntries, maxBytes, maxStale }: NearCacheBounds,
  { tracker, prefix, now, onError, clock = () => performance.now() }: NearCacheSettings,
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
    void begin(connection, lose)
  }

  async function begin(
    connection: TrackingConnection,
    lose: (error: unknown) => void,
  ): Promise<void> {
    try {
      await connection.start()
    } catch (error) {
      lose(error)
      return
    }
    if (connection === current) await confirm(true)
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
