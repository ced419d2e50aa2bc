/**
 * Sessions in a MongoDB collection, in the layout of Flask-Session 0.8: programs of both sides can share one collection.
 * A write replaces exactly the content that was read.
 *
 * @module
 */

import { setTimeout as delay } from 'node:timers/promises'
import type { AsyncStore, ReplaceResult, StoreOptions, TouchResult } from '../../core/store.ts'
import { ConfigError, isSessionError } from '../../errors.ts'
import { ABORTED, FOR_A_URL, storeError } from '../shared/failure.ts'
import {
  assertFits,
  date,
  IDS,
  liveRecord,
  type MongodbCollection,
  type MongodbReadOptions,
  PRESENCE,
  RECORD,
  tooLarge,
} from './document.ts'
import {
  CONTENDED,
  classifyError,
  DUPLICATE,
  hasCode,
  KnownFailure,
  OTHER_INDEX,
  TOO_LARGE,
  WRITE_CONFLICT,
} from './failure.ts'

export type { MongodbCollection } from './document.ts'

export interface MongodbStoreOptions {
  /** The clock, ms since the epoch. It should agree with the server's, which removes expired records. @default Date.now */
  readonly now?: () => number
}

/** A store that can make its indexes. */
export interface MongodbStore extends AsyncStore {
  /**
   * Makes a unique index on `id`, and one on `expiration` by which the server removes expired records; indexes that
   * exist stay as they are. Where several documents have one `id`, as Flask-Session may leave them, the first index is
   * not unique, and a process warning says so.
   */
  createIndexes(options?: StoreOptions): Promise<void>
}

/** How often a removal or an insertion starts over when other writers come between. */
const TURNS = 50
/** How many documents a sweep removes at once. */
const AT_ONCE = 500
/** How many ids a page of `list` has. */
const PAGE = 1_000
/** How often an operation starts over when the server undoes its write. DocumentDB needs a second to notice a deadlock. */
const STARTS = 5
/** The operations that change one document, which the driver sends again after some failures. */
const RETRIED = ['create', 'replace', 'touch']

/**
 * Keeps sessions as documents of a collection. The expiry is exact to the ms and checked on each read, as the server
 * removes expired documents up to a minute late. A record may have 8,000,000 bytes. Every read goes to the primary with
 * the read concern `local`, whatever the client's options; writes are acknowledged by the client's write concern.
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
 * @throws {ConfigError} When the argument is not a collection of the driver, or its writes are not acknowledged.
 */
export function mongodbStore(
  collection: MongodbCollection,
  options: MongodbStoreOptions = {},
): MongodbStore {
  const { now = Date.now } = options
  assertConfig(collection)
  const store = `mongodbStore on ${collection.namespace}`
  const retryWrites = collection.client?.options?.retryWrites !== false
  const isLive = (expiresAt: number) => expiresAt > now()
  const after = () => ({ $gt: date(now()) })
  const past = () => ({ $lte: date(now()) })

  /**
   * Runs an operation, again after a random pause while the server undoes its write for the sake of another writer.
   * Rejects only with errors of this package.
   *
   * @param size The length of the record in bytes, for the error when it does not fit.
   * @param undone What it resolves to when the server undoes every attempt. Absent: it rejects.
   */
  async function run<T>(
    operation: string,
    { signal }: StoreOptions,
    body: () => Promise<T>,
    size = 0,
    undone?: T,
  ): Promise<T> {
    if (signal?.aborted) throw storeError(store, operation, ABORTED)
    for (let start = 1; ; start++) {
      try {
        return await body()
      } catch (error) {
        if (hasCode(error, TOO_LARGE)) throw tooLarge(size)
        const isUndone = hasCode(error, WRITE_CONFLICT)
        if (isUndone && start === STARTS && undone !== undefined) return undone
        if (!isUndone || start === STARTS) throw toError(operation, error)
        await delay(Math.random() * 20 * 2 ** start)
        if (signal?.aborted) throw toError(operation, error)
      }
    }
  }

  function toError(operation: string, error: unknown): unknown {
    if (isSessionError(error)) return error
    const retries = retryWrites && RETRIED.includes(operation)
    return storeError(store, operation, classifyError(error, retries))
  }

  /** Reads the live record of an id. */
  async function look(id: string) {
    return liveRecord(await collection.findOne({ id }, RECORD), now())
  }

  /**
   * Removes what a filter finds, and checks that it is gone: DocumentDB skips a document that is being written at that
   * moment. Resolves to false when there was none.
   */
  async function remove(filter: Record<string, unknown>): Promise<boolean> {
    for (let turn = 0; turn < TURNS; turn++) {
      // Not deleteOne: Flask-Session may have made several documents of one id.
      if ((await collection.deleteMany(filter)).deletedCount > 0) return true
      if ((await collection.findOne(filter, PRESENCE)) === null) return false
    }
    throw new KnownFailure(CONTENDED)
  }

  /** Sets fields of the record that has a version, or removes it when its expiry is not in the future. False: neither. */
  async function change(
    id: string,
    version: unknown,
    expiresAt: number,
    val?: Uint8Array,
  ): Promise<boolean> {
    const same = { id, val: version, expiration: after() }
    if (!isLive(expiresAt)) return remove(same)
    const fields = { expiration: date(expiresAt), ...(val && { val }) }
    return (await collection.updateOne(same, { $set: fields })).matchedCount > 0
  }

  /** Makes a document unless a live one exists; then it resolves to false. */
  async function insert(id: string, val: Uint8Array, expiresAt: number): Promise<boolean> {
    const record = { val, expiration: date(expiresAt) }
    for (let turn = 0; turn < TURNS; turn++) {
      // The unique `_id` prevents a second document also without an index on `id`. Concurrent writers wait for each
      // other there: at a unique index on another field DocumentDB lets them run into a deadlock.
      const made = await collection
        .updateOne({ id }, { $setOnInsert: { _id: id, ...record } }, { upsert: true })
        .catch((error: unknown) => {
          if (hasCode(error, DUPLICATE)) return { upsertedCount: 0 }
          throw error
        })
      if (made.upsertedCount > 0) return true
      const revived = await collection.updateOne({ id, expiration: past() }, { $set: record })
      if (revived.matchedCount > 0) return true
      if ((await collection.findOne({ id }, PRESENCE)) !== null) return false
    }
    throw new KnownFailure(CONTENDED)
  }

  return {
    name: 'mongodb',
    atomic: true,
    // With less than a majority a failover can undo what was acknowledged. The server's default is not known here.
    forgets: collection.writeConcern?.w !== 'majority',

    // Every read is fresh: see RECORD.
    read(id, options = {}) {
      return run('read', options, async () => {
        const filter = { id, expiration: after() }
        return liveRecord(await collection.findOne(filter, RECORD), now())
      })
    },

    async create(id, bytes, expiresAt, options = {}) {
      assertFits(bytes)
      async function create(): Promise<boolean> {
        if (isLive(expiresAt)) return insert(id, bytes, expiresAt)
        await remove({ id, expiration: past() })
        return (await look(id)) === undefined
      }
      const made = await run('create', options, create, bytes.length)
      return made ? { kind: 'created', version: bytes } : { kind: 'exists' }
    },

    async replace(id, bytes, expiresAt, version, options = {}) {
      assertFits(bytes, version)
      async function replace(): Promise<ReplaceResult> {
        if (await change(id, version, expiresAt, bytes)) return { kind: 'replaced', version: bytes }
        const current = await look(id)
        return current === undefined ? { kind: 'gone' } : { kind: 'conflict', current }
      }
      return run('replace', options, replace, bytes.length)
    },

    touch(id, expiresAt, version, options = {}) {
      async function touch(): Promise<TouchResult> {
        if (await change(id, version, expiresAt)) return 'touched'
        return (await look(id)) === undefined ? 'gone' : 'conflict'
      }
      // Another writer is at work each time, so the request that only read does not fail.
      return run('touch', options, touch, 0, 'conflict')
    },

    delete(id, version, options = {}) {
      return run('delete', options, async () => {
        if (version === undefined) return (await remove({ id })) ? 'deleted' : 'gone'
        if (await remove({ id, val: version, expiration: after() })) return 'deleted'
        return (await look(id)) === undefined ? 'gone' : 'conflict'
      })
    },

    async sweep({ limit = Infinity, ...options } = {}) {
      let removed = 0
      await run('sweep', options, async () => {
        while (removed < limit && !options.signal?.aborted) {
          const expiration = past()
          const count = Math.min(AT_ONCE, limit - removed)
          const found: unknown[] = []
          for await (const document of collection.find({ expiration }, page(PRESENCE, count))) {
            found.push((document as { _id: unknown })._id)
          }
          if (found.length === 0) break
          // The condition again, as a record may have been created again meanwhile.
          const filter = { _id: { $in: found }, expiration }
          removed += (await collection.deleteMany(filter)).deletedCount
        }
      })
      return removed
    },

    async *list({ signal } = {}) {
      // By pages, as the server forgets a cursor that waits; in the order of ids, so that a document whose expiry moves
      // is not listed twice.
      let last = ''
      try {
        if (signal?.aborted) throw storeError(store, 'list', ABORTED)
        for (let full = true; full; ) {
          const filter = { expiration: after(), id: { $gt: last } }
          const ids: string[] = []
          for await (const document of collection.find(filter, page(IDS, PAGE))) {
            ids.push((document as { id: string }).id)
          }
          full = ids.length === PAGE
          // Several documents may have one id.
          for (const id of new Set(ids)) {
            last = id
            if (signal?.aborted) return
            yield id
          }
        }
      } catch (error) {
        throw toError('list', error)
      }
    },

    createIndexes(options = {}) {
      return run('createIndexes', options, () => createIndexes(collection))
    },
  }
}

function assertConfig(collection: Partial<MongodbCollection>): void {
  if (typeof collection?.updateOne !== 'function' || typeof collection.namespace !== 'string') {
    throw new ConfigError(
      `mongodbStore: the first argument is not a collection. Pass client.db('flask_session').collection('sessions') of the package mongodb. ${FOR_A_URL}`,
    )
  }
  if (collection.writeConcern?.w === 0) {
    throw new ConfigError(
      "mongodbStore: with the write concern `w: 0` the server does not answer writes, so the store cannot know whether they happened. Use `w: 'majority'`.",
    )
  }
}

/** Asks for so many documents in one reply, so that no cursor stays open. */
function page(options: MongodbReadOptions, count: number): MongodbReadOptions {
  return { ...options, limit: count, batchSize: count }
}

/** Makes the indexes that do not exist, and warns where another index is in their place. */
async function createIndexes(collection: MongodbCollection): Promise<void> {
  const name = JSON.stringify(collection.namespace)
  try {
    await collection.createIndex({ id: 1 }, { unique: true })
  } catch (error) {
    if (hasCode(error, DUPLICATE)) await collection.createIndex({ id: 1 }, {})
    else if (!hasCode(error, OTHER_INDEX)) throw error
    warn(
      `mongodbStore: the index on \`id\` of ${name} is not unique, as documents there have the same id or another index is in its place. Two writers can create a session of one id at the same moment. Remove these documents, drop that index and call createIndexes() again.`,
    )
  }
  try {
    await collection.createIndex({ expiration: 1 }, { expireAfterSeconds: 0 })
  } catch (error) {
    if (!hasCode(error, OTHER_INDEX)) throw error
    warn(
      `mongodbStore: another index on \`expiration\` of ${name} is in the place of the one by which the server removes expired sessions. Drop it and call createIndexes() again.`,
    )
  }
}

function warn(message: string): void {
  process.emitWarning(message, { code: 'VIAL_MONGODB_INDEXES' })
}
