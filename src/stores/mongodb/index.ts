/**
 * Sessions in a MongoDB collection, in the layout of Flask-Session 0.8: programs of both sides can share one collection.
 * A write replaces exactly the content that was read.
 *
 * @module
 */

import { setTimeout as delay } from 'node:timers/promises'
import type { AsyncStore, CreateResult, ReplaceResult, StoreOptions } from '../../core/store.ts'
import { ConfigError, isSessionError } from '../../errors.ts'
import { ABORTED, storeError } from '../shared/failure.ts'
import {
  assertFits,
  atOnce,
  date,
  IDS,
  liveRecord,
  type MongodbCollection,
  PRESENCE,
  RECORD,
  tooLarge,
} from './document.ts'
import {
  CONTENDED,
  classifyError,
  isDuplicate,
  isOtherIndex,
  isTooLarge,
  isWriteConflict,
  KnownFailure,
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
/** How often a write is sent that the server undoes. DocumentDB needs a second to notice a deadlock. */
const SENDS = 5
/** The operations that change one document, which the driver sends again after some failures. */
const RETRIED = ['create', 'replace', 'touch']

/** Sends one write. */
type Write = <T>(send: () => Promise<T>) => Promise<T>

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

  /** Runs a verb. Rejects only with errors of this package. */
  async function run<T>(
    operation: string,
    id: string | undefined,
    { signal }: StoreOptions,
    body: (write: Write) => Promise<T>,
    size = 0,
  ): Promise<T> {
    if (signal?.aborted) throw storeError(store, operation, ABORTED)
    try {
      return await body((send) => sendWithRetries(send, signal))
    } catch (error) {
      throw toError(operation, error, id, size)
    }
  }

  function toError(operation: string, error: unknown, id?: string, size = 0): unknown {
    if (isSessionError(error)) return error
    if (isTooLarge(error)) return tooLarge(size)
    const retries = retryWrites && RETRIED.includes(operation)
    return storeError(store, operation, classifyError(error, id, retries))
  }

  /** Reads the live record of an id. */
  async function look(id: string) {
    return liveRecord(await collection.findOne({ id }, RECORD), now())
  }

  /**
   * Removes what a filter finds, and checks that it is gone: DocumentDB skips a document that is being written at that
   * moment. Resolves to false when there was none.
   */
  async function remove(filter: Record<string, unknown>, write: Write): Promise<boolean> {
    for (let turn = 0; turn < TURNS; turn++) {
      // Not deleteOne: Flask-Session may have made several documents of one id.
      if ((await write(() => collection.deleteMany(filter))).deletedCount > 0) return true
      if ((await collection.findOne(filter, PRESENCE)) === null) return false
    }
    throw new KnownFailure(CONTENDED)
  }

  /** Sets fields of the record that has a version, or removes it when its expiry is not in the future. False: neither. */
  async function change(
    id: string,
    version: unknown,
    expiresAt: number,
    fields: Record<string, unknown>,
    write: Write,
  ): Promise<boolean> {
    const same = { id, val: version, expiration: after() }
    if (!isLive(expiresAt)) return remove(same, write)
    return (await write(() => collection.updateOne(same, { $set: fields }))).matchedCount > 0
  }

  /** Makes a document unless a live one exists; then it resolves to false. */
  async function insert(
    id: string,
    record: { val: Uint8Array; expiration: Date },
    write: Write,
  ): Promise<boolean> {
    for (let turn = 0; turn < TURNS; turn++) {
      // The unique `_id` prevents a second document also without an index on `id`. Concurrent writers wait for each
      // other there: at a unique index on another field DocumentDB lets them run into a deadlock.
      const made = await write(() =>
        collection.updateOne({ id }, { $setOnInsert: { _id: id, ...record } }, { upsert: true }),
      ).catch((error: unknown) => {
        if (isDuplicate(error)) return { upsertedCount: 0 }
        throw error
      })
      if (made.upsertedCount > 0) return true
      const expired = { id, expiration: past() }
      const revived = await write(() => collection.updateOne(expired, { $set: record }))
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
      return run('read', id, options, async () => {
        const filter = { id, expiration: after() }
        return liveRecord(await collection.findOne(filter, RECORD), now())
      })
    },

    create(id, bytes, expiresAt, options = {}) {
      async function create(write: Write): Promise<CreateResult> {
        assertFits(bytes)
        let free: boolean
        if (isLive(expiresAt)) {
          free = await insert(id, { val: bytes, expiration: date(expiresAt) }, write)
        } else {
          await remove({ id, expiration: past() }, write)
          free = (await look(id)) === undefined
        }
        return free ? { kind: 'created', version: bytes } : { kind: 'exists' }
      }
      return run('create', id, options, create, bytes.length)
    },

    replace(id, bytes, expiresAt, version, options = {}) {
      async function replace(write: Write): Promise<ReplaceResult> {
        assertFits(bytes, version)
        const fields = { val: bytes, expiration: date(expiresAt) }
        if (await change(id, version, expiresAt, fields, write)) {
          return { kind: 'replaced', version: bytes }
        }
        const current = await look(id)
        return current === undefined ? { kind: 'gone' } : { kind: 'conflict', current }
      }
      return run('replace', id, options, replace, bytes.length)
    },

    touch(id, expiresAt, version, options = {}) {
      return run('touch', id, options, async (write) => {
        const fields = { expiration: date(expiresAt) }
        if (await change(id, version, expiresAt, fields, write)) return 'touched'
        return (await look(id)) === undefined ? 'gone' : 'conflict'
      })
    },

    delete(id, version, options = {}) {
      return run('delete', id, options, async (write) => {
        if (version === undefined) return (await remove({ id }, write)) ? 'deleted' : 'gone'
        if (await remove({ id, val: version, expiration: after() }, write)) return 'deleted'
        return (await look(id)) === undefined ? 'gone' : 'conflict'
      })
    },

    sweep({ limit = Infinity, signal } = {}) {
      return run('sweep', undefined, signal === undefined ? {} : { signal }, async (write) => {
        let removed = 0
        while (removed < limit && !signal?.aborted) {
          const expiration = past()
          const some = { ...PRESENCE, ...atOnce(Math.min(AT_ONCE, limit - removed)) }
          const found: unknown[] = []
          for await (const document of collection.find({ expiration }, some)) {
            found.push((document as { _id: unknown })._id)
          }
          if (found.length === 0) break
          // The condition again, as a record may have been created again meanwhile.
          const filter = { _id: { $in: found }, expiration }
          removed += (await write(() => collection.deleteMany(filter))).deletedCount
        }
        return removed
      })
    },

    async *list({ signal } = {}) {
      // By pages, as the server forgets a cursor that waits; in the order of ids, so that a document whose expiry moves
      // is not listed twice.
      let last = ''
      try {
        if (signal?.aborted) throw storeError(store, 'list', ABORTED)
        for (let full = true; full; ) {
          const filter = { expiration: after(), id: { $gt: last } }
          const page: string[] = []
          for await (const document of collection.find(filter, { ...IDS, ...atOnce(PAGE) })) {
            page.push((document as { id: string }).id)
          }
          full = page.length === PAGE
          // Several documents may have one id.
          for (const id of new Set(page)) {
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
      return run('createIndexes', undefined, options, () => createIndexes(collection))
    },
  }
}

function assertConfig(collection: Partial<MongodbCollection>): void {
  if (typeof collection?.updateOne !== 'function' || typeof collection.namespace !== 'string') {
    throw new ConfigError(
      "mongodbStore: the first argument is not a collection. Pass `client.db('flask_session').collection('sessions')` of the package mongodb.",
    )
  }
  if (collection.writeConcern?.w === 0) {
    throw new ConfigError(
      "mongodbStore: with the write concern `w: 0` the server does not answer writes, so the store cannot know whether they happened. Use `w: 'majority'`.",
    )
  }
}

/** Sends a write, and again after a random pause while the server undoes it for the sake of another writer. */
async function sendWithRetries<T>(send: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  for (let turn = 1; ; turn++) {
    try {
      return await send()
    } catch (error) {
      if (!isWriteConflict(error) || turn === SENDS) throw error
      await delay(Math.random() * 20 * 2 ** turn)
      if (signal?.aborted) throw error
    }
  }
}

/** Makes the indexes that do not exist, and warns where another index is in their place. */
async function createIndexes(collection: MongodbCollection): Promise<void> {
  const name = JSON.stringify(collection.namespace)
  try {
    await collection.createIndex({ id: 1 }, { unique: true })
  } catch (error) {
    if (isDuplicate(error)) await collection.createIndex({ id: 1 }, {})
    else if (!isOtherIndex(error)) throw error
    warn(
      `mongodbStore: the index on \`id\` of ${name} is not unique, as documents there have the same id or another index is in its place. Two writers can create a session of one id at the same moment. Remove these documents, drop that index and call createIndexes() again.`,
    )
  }
  try {
    await collection.createIndex({ expiration: 1 }, { expireAfterSeconds: 0 })
  } catch (error) {
    if (!isOtherIndex(error)) throw error
    warn(
      `mongodbStore: another index on \`expiration\` of ${name} is in the place of the one by which the server removes expired sessions. Drop it and call createIndexes() again.`,
    )
  }
}

function warn(message: string): void {
  process.emitWarning(message, { code: 'VIAL_MONGODB_INDEXES' })
}
