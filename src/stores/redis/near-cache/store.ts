/**
 * A store with the near cache before it. Three conditions hold for a record that is served: the tracking connection is
 * the current one; the server answered on it less than `maxStale` ago, so no report older than that is missing; and no
 * report and no write of this process has named the record since it was read.
 */

import { Buffer } from 'node:buffer'
import { clearTimeout, setTimeout } from 'node:timers'
import { guarded } from '../../../core/events.ts'
import type { AsyncStore, ReadOptions, Store, StoredRecord } from '../../../core/store.ts'
import { StoreError } from '../../../errors.ts'
import { refused, uncertain } from '../../shared/failure.ts'
import { describe, type Replies } from '../client.ts'
import { nearEntries } from './entries.ts'
import type { Track, TrackingConnection } from './tracking.ts'

interface Settings {
  readonly maxEntries: number
  readonly maxBytes: number
  /** In ms. */
  readonly maxStale: number
  readonly onError: ((error: unknown) => void) | undefined
  /** What every key begins with. */
  readonly prefix: string
  readonly now: () => number
}

/** In ms: the pause after a connection failed, the first time and at most. */
const [SHORTEST_PAUSE, LONGEST_PAUSE] = [250, 30_000]
/** In ms: after that a connection that does not answer is closed. Until then it is only not relied on. */
const ANSWER_TIMEOUT = 2_000

/** Error replies that mean something else here than in the store. */
const TRACKING_REPLIES: Replies = {
  ERR: refused('the server does not know CLIENT TRACKING, which Redis has from version 6'),
  NOPERM: refused(
    'the user lacks a permission. It needs CLIENT ID, CLIENT TRACKING, SUBSCRIBE, PING and PUBLISH, on the channels of the prefix and on __redis__:invalidate',
  ),
}

/** @param clock Ms from any start, never set back. */
export function nearStore(
  store: AsyncStore,
  track: Track,
  { maxEntries, maxBytes, maxStale, onError, prefix, now }: Settings,
  clock: () => number = () => performance.now(),
): Store {
  const entries = nearEntries(maxEntries, maxBytes)
  const report = guarded(onError, 'nearCache: onError')

  let current: TrackingConnection | undefined
  /** Of the current connection: the limit of what is waited for, or the pause until the server is asked again. */
  let timer: NodeJS.Timeout | undefined
  /** The end of the time for which the last answer lets records be served. */
  let freshUntil = -Infinity
  let retryAt = -Infinity
  let pause = SHORTEST_PAUSE
  let reported = false
  let closed = false

  async function start(): Promise<void> {
    let connection: TrackingConnection | undefined
    try {
      connection = track({
        onChange(keys) {
          if (keys === undefined) entries.change(undefined)
          for (const key of keys?.map(String) ?? []) {
            if (key.startsWith(prefix)) entries.change(key.slice(prefix.length))
          }
        },
        onLost(error) {
          if (connection === current) fail(error)
        },
        onDisconnect: stop,
      })
    } catch (error) {
      return fail(error)
    }
    current = connection
    if (await settles(connection, connection.start())) await confirm(true)
  }

  /** Waits for an answer on a connection, which fails without one. False: it is not the current one any more. */
  async function settles(connection: TrackingConnection, answer: Promise<void>): Promise<boolean> {
    wait(ANSWER_TIMEOUT, fail)
    try {
      await answer
    } catch (error) {
      if (connection === current) fail(error)
    }
    return connection === current
  }

  /** Asks the server for an answer, and repeats that while anything is held. */
  async function confirm(first = false): Promise<void> {
    if (current === undefined) return
    const askedAt = clock()
    if (!(await settles(current, current.confirm()))) return
    freshUntil = askedAt + maxStale
    clearTimer()
    if (first) {
      entries.track(true)
      pause = SHORTEST_PAUSE
      reported = false
    }
    if (entries.size > 0) wait(askedAt + maxStale / 2 - clock(), confirm)
  }

  function wait(ms: number, then: () => unknown): void {
    clearTimer()
    timer = setTimeout(() => void then(), Math.max(0, ms))
    timer.unref()
  }

  function clearTimer(): void {
    clearTimeout(timer)
    timer = undefined
  }

  function fail(error?: unknown): void {
    stop()
    retryAt = clock() + pause
    pause = Math.min(2 * pause, LONGEST_PAUSE)
    if (reported) return
    reported = true
    const { what, retriable, cause } =
      error === undefined
        ? uncertain('its connection was lost or does not answer')
        : describe(error, TRACKING_REPLIES)
    const message = `redisStore: the near cache is off, and every read goes to the server: ${what}.`
    report(new StoreError(message, { operation: 'read', outcome: 'not-done', retriable, cause }))
  }

  function stop(): void {
    const connection = current
    current = undefined
    freshUntil = -Infinity
    entries.track(false)
    clearTimer()
    connection?.end()
  }

  async function readFromServer(
    id: string,
    options: ReadOptions,
  ): Promise<StoredRecord | undefined> {
    if (current === undefined && !closed && clock() >= retryAt) void start()
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
    if (timer === undefined && entries.size > 0) void confirm()
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
