/**
 * Sessions in a MongoDB collection, in the layout of Flask-Session 0.8, so that both sides share one collection. A
 * write replaces exactly the content that was read. Tried with the driver 6.22 and 7.8 on DocumentDB 1.0, the
 * extension of PostgreSQL, behind a gateway; not on MongoDB's own server.
 *
 * @module
 */

import type { AsyncStore, StoreOptions } from '../../core/store.ts'
import { ConfigError, isSessionError } from '../../errors.ts'
import { isDigest } from '../shared/storable-id.ts'
import type { MongodbCollection } from './collection.ts'
import {
  assertFits,
  atOnce,
  date,
  IDS,
  keyOf,
  liveRecord,
  PRESENCE,
  RECORD,
  tooLarge,
} from './document.ts'
import { abortedBefore, isDuplicate, isTooLarge, TooBusyError, toStoreError } from './errors.ts'
import { createIndexes } from './indexes.ts'
import { sendUntilKept, type Write } from './write.ts'

export type { MongodbBinary, MongodbCollection, MongodbReadOptions } from './collection.ts'

export interface MongodbStoreOptions {
  /** The clock, ms since the epoch. It should agree with the server's, which removes what has expired. */
  readonly now?: () => number
}

/** A store with the means to make its indexes. */
export interface MongodbStore extends AsyncStore {
  /**
   * Makes a unique index on `id` and one on `expiration` by which the server removes what has expired. Where several
   * documents have one `id`, as Flask-Session may leave them, the first is not unique, and a warning says so.
   */
  createIndexes(options?: StoreOptions): Promise<void>
}

/** Others come between this many times, and it is given up. */
const TURNS = 50
/** How many documents a sweep removes at once. */
const AT_ONCE = 500
/** How many ids are asked for at once. */
const PAGE = 1_000

/**
 * Keeps sessions as documents of a collection. Deadlines are exact to the ms and judged on read, as the server removes
 * expired documents up to a minute late. A record may have 8,000,000 bytes. Reads go to the primary, whatever the
 * client's `readPreference`; writes are acknowledged as its write concern says.
 *
 * @example
 *
 *     import { MongoClient } from 'mongodb'
 *     import { createSessions } from 'vial'
 *     import { mongodbStore } from 'vial/stores/mongodb'
 *
 *     const client = new MongoClient('mongodb://127.0.0.1:27017', { writeConcern: { w: 'majority' } })
 *     const store = mongodbStore(client.db('flask_session').collection('sessions'))
 *     await store.createIndexes()
 *     export const sessions = createSessions({ store })
 *
 * @throws {ConfigError} When it is no collection of the driver, or its writes are not acknowledged.
 */
export function mongodbStore(
  collection: MongodbCollection,
  options: MongodbStoreOptions = {},
): MongodbStore {
  const { now = Date.now } = options
  assertConfig(collection)
  const { namespace } = collection
  const retryWrites = collection.client?.options?.retryWrites !== false
  const isLive = (expiresAt: number) => expiresAt > now()
  const after = () => ({ $gt: date(now()) })
  const past = () => ({ $lte: date(now()) })

  /** Runs a verb. Rejects with nothing but errors of this package. */
  async function run<T>(
    operation: string,
    id: string | undefined,
    { signal }: StoreOptions,
    body: (key: string, write: Write) => Promise<T>,
    size = 0,
  ): Promise<T> {
    if (signal?.aborted) throw abortedBefore(operation, namespace)
    const key = id === undefined ? undefined : keyOf(id)
    try {
      return await body(key ?? '', (send) => sendUntilKept(send, signal))
    } catch (error) {
      if (isSessionError(error)) throw error
      if (isTooLarge(error)) throw tooLarge(size)
      // The driver sends what changes one document again, and nothing else.
      const resends = retryWrites && ['create', 'replace', 'touch'].includes(operation)
      throw toStoreError(error, { operation, namespace, key, resends })
    }
  }

  /** What is live there. */
  async function look(key: string) {
    return liveRecord(await collection.findOne({ id: key }, RECORD), now())
  }

  /**
   * Removes what a filter finds, and looks whether it is gone: DocumentDB passes over a document that is being written
   * at that moment. Resolves to false when there was none.
   */
  async function remove(filter: Record<string, unknown>, write: Write): Promise<boolean> {
    for (let turn = 0; turn < TURNS; turn++) {
      // Not deleteOne: Flask-Session may have made several of one id.
      if ((await write(() => collection.deleteMany(filter))).deletedCount > 0) return true
      if ((await collection.findOne(filter, PRESENCE)) === null) return false
    }
    throw new TooBusyError()
  }

  /** Makes a document where there is none, or none that is live. Resolves to false when there is. */
  async function insert(
    key: string,
    record: { val: Uint8Array; expiration: Date },
    write: Write,
  ): Promise<boolean> {
    for (let turn = 0; turn < TURNS; turn++) {
      // By `_id` it makes no second document without an index on `id` either. Where there is one, writers that meet
      // wait for each other at `_id` already: at an index on another field DocumentDB lets them run into a deadlock.
      const made = await write(() =>
        collection.updateOne(
          { id: key },
          { $setOnInsert: { _id: key, ...record } },
          { upsert: true },
        ),
      ).catch((error: unknown) => {
        if (isDuplicate(error)) return { upsertedCount: 0 }
        throw error
      })
      if (made.upsertedCount > 0) return true
      const expired = { id: key, expiration: past() }
      const revived = await write(() => collection.updateOne(expired, { $set: record }))
      if (revived.matchedCount > 0) return true
      if ((await collection.findOne({ id: key }, PRESENCE)) !== null) return false
    }
    throw new TooBusyError()
  }

  return {
    name: 'mongodb',
    atomic: true,

    read(id, options = {}) {
      return run('read', id, options, async (key) => {
        const filter = { id: key, expiration: after() }
        return liveRecord(await collection.findOne(filter, RECORD), now())
      })
    },

    create(id, bytes, expiresAt, options = {}) {
      return run(
        'create',
        id,
        options,
        async (key, write) => {
          assertFits(bytes)
          let free: boolean
          if (isLive(expiresAt)) {
            free = await insert(key, { val: bytes, expiration: date(expiresAt) }, write)
          } else {
            await remove({ id: key, expiration: past() }, write)
            free = (await look(key)) === undefined
          }
          return free ? { kind: 'created', version: bytes } : { kind: 'exists' }
        },
        bytes.length,
      )
    },

    replace(id, bytes, expiresAt, version, options = {}) {
      return run(
        'replace',
        id,
        options,
        async (key, write) => {
          assertFits(bytes, version)
          const same = { id: key, val: version, expiration: after() }
          const record = { val: bytes, expiration: date(expiresAt) }
          const done = isLive(expiresAt)
            ? (await write(() => collection.updateOne(same, { $set: record }))).matchedCount > 0
            : await remove(same, write)
          if (done) return { kind: 'replaced', version: bytes }
          const current = await look(key)
          return current === undefined ? { kind: 'gone' } : { kind: 'conflict', current }
        },
        bytes.length,
      )
    },

    touch(id, expiresAt, options = {}) {
      return run('touch', id, options, async (key, write) => {
        const live = { id: key, expiration: after() }
        if (!isLive(expiresAt)) return remove(live, write)
        const change = { $set: { expiration: date(expiresAt) } }
        return (await write(() => collection.updateOne(live, change))).matchedCount > 0
      })
    },

    delete(id, version, options = {}) {
      return run('delete', id, options, async (key, write) => {
        if (version === undefined) return (await remove({ id: key }, write)) ? 'deleted' : 'gone'
        if (await remove({ id: key, val: version, expiration: after() }, write)) return 'deleted'
        return (await look(key)) === undefined ? 'gone' : 'conflict'
      })
    },

    sweep({ limit = Infinity, signal } = {}) {
      return run('sweep', undefined, signal === undefined ? {} : { signal }, async (_, write) => {
        let removed = 0
        while (removed < limit && !signal?.aborted) {
          const expiration = past()
          const some = { ...PRESENCE, ...atOnce(Math.min(AT_ONCE, limit - removed)) }
          const found: unknown[] = []
          for await (const document of collection.find({ expiration }, some)) {
            found.push((document as { _id: unknown })._id)
          }
          if (found.length === 0) break
          // Still expired, that is: one may have been made again meanwhile.
          const filter = { _id: { $in: found }, expiration }
          removed += (await write(() => collection.deleteMany(filter))).deletedCount
        }
        return removed
      })
    },

    async *list({ signal } = {}) {
      const failure = { operation: 'list', namespace, key: undefined, resends: false }
      // Page by page, as a server forgets a cursor that waits; by id, so that a document whose deadline moves does not
      // come twice. Several of one id are told once.
      let last = ''
      try {
        if (signal?.aborted) throw abortedBefore('list', namespace)
        for (let full = true; full; ) {
          const filter = { expiration: after(), id: { $gt: last } }
          const page: string[] = []
          for await (const document of collection.find(filter, { ...IDS, ...atOnce(PAGE) })) {
            page.push((document as { id: string }).id)
          }
          full = page.length === PAGE
          for (const id of new Set(page)) {
            last = id
            if (signal?.aborted) return
            if (!isDigest(id)) yield id
          }
        }
      } catch (error) {
        throw isSessionError(error) ? error : toStoreError(error, failure)
      }
    },

    createIndexes(options = {}) {
      return run('createIndexes', undefined, options, () => createIndexes(collection))
    },
  }
}

function assertConfig(collection: Partial<MongodbCollection>): void {
  if (typeof collection?.updateOne !== 'function' || typeof collection.namespace !== 'string') {
    throw new ConfigError(
      "mongodbStore: that is no collection. Give `client.db('flask_session').collection('sessions')` of the package mongodb.",
    )
  }
  if (collection.writeConcern?.w === 0) {
    throw new ConfigError(
      "mongodbStore: the write concern `w: 0` gives no answers, so no write could be known. Use `w: 'majority'`, or `w: 1`.",
    )
  }
}
