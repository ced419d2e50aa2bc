/**
 * A record as a document in the layout of Flask-Session 0.8: `id` (the key), `val` (binary, the bytes) and `expiration`
 * (a date, exact to the ms). Flask-Session leaves `_id` to MongoDB; this store writes the key there too.
 */

import type { StoredRecord } from '../../core/store.ts'
import { TooLargeError } from '../../errors.ts'
import { KnownFailure, NOT_A_RECORD } from './failure.ts'

type Document = Record<string, unknown>

/** How every read is done, whatever the client's options. */
const READING = {
  readPreference: 'primary',
  // With the level majority the primary may leave out the newest writes.
  readConcern: { level: 'local' },
  // Values as JavaScript's, and binary data with their subtype.
  promoteBuffers: false,
  promoteValues: true,
  raw: false,
} as const

/** The options of a read. */
export type MongodbReadOptions = typeof READING & {
  readonly projection: Record<string, 0 | 1>
  readonly sort?: Record<string, 1>
  readonly limit?: number
  readonly batchSize?: number
}

/** Reads a record. */
export const RECORD: MongodbReadOptions = {
  ...READING,
  projection: { _id: 0, val: 1, expiration: 1 },
}
/** Reads `_id` alone. */
export const PRESENCE: MongodbReadOptions = { ...READING, projection: { _id: 1 } }
/** Reads ids in order. */
export const IDS: MongodbReadOptions = {
  ...READING,
  projection: { _id: 0, id: 1 },
  sort: { id: 1 },
}

/** Binary data as the driver returns them when it makes no `Buffer` of them. */
interface MongodbBinary {
  readonly _bsontype: 'Binary'
  /** May be longer than the data. */
  readonly buffer: Uint8Array
  /** The length of the data. */
  readonly position: number
}

/** The part of a collection of the official driver, versions 6 and 7, that the store uses. */
export interface MongodbCollection {
  readonly namespace: string
  findOne(filter: Document, options: MongodbReadOptions): Promise<object | null>
  find(filter: Document, options: MongodbReadOptions): AsyncIterable<object>
  updateOne(
    filter: Document,
    update: Record<string, Document>,
    options?: { readonly upsert?: boolean },
  ): Promise<{ readonly matchedCount: number; readonly upsertedCount: number }>
  deleteMany(filter: Document): Promise<{ readonly deletedCount: number }>
  createIndex(
    keys: Record<string, 1>,
    options: { readonly unique?: boolean; readonly expireAfterSeconds?: number },
  ): Promise<string>
  /** Read for `w`, which says how many members have a write when it is acknowledged. */
  readonly writeConcern?: { readonly w?: number | string } | undefined
  /** Read for `retryWrites`. Absent: taken to be true, as by default. */
  readonly client?: { readonly options?: { readonly retryWrites?: boolean } }
}

/** The largest record, in bytes. A command may have 16 MiB, and a replace carries the old record and the new. */
const MOST_BYTES = 8_000_000

/** An instant in ms as MongoDB keeps it: whole ms, rounded up. */
export function date(at: number): Date {
  return new Date(Math.ceil(at))
}

/**
 * Reads a document; undefined when there is none or it has expired at `now`. The version is the binary value as it was
 * read, since a value of another subtype does not equal it.
 *
 * @throws {KnownFailure} When `val` is not binary.
 */
export function liveRecord(document: object | null, now: number): StoredRecord | undefined {
  if (document === null) return undefined
  const { val, expiration } = document as { val?: Partial<MongodbBinary>; expiration?: unknown }
  if (!(expiration instanceof Date && expiration.getTime() > now)) return undefined
  if (val?._bsontype !== 'Binary') throw new KnownFailure(NOT_A_RECORD)
  const { buffer, position } = val as MongodbBinary
  return { bytes: buffer.subarray(0, position), version: val, expiresAt: expiration.getTime() }
}

/** Throws a {@link TooLargeError} when a document, or a command together with the old record, has no room for the bytes. */
export function assertFits(bytes: Uint8Array, version?: unknown): void {
  const old = version as Partial<MongodbBinary & Uint8Array> | undefined
  const limit = Math.min(MOST_BYTES, 2 * MOST_BYTES - (old?.position ?? old?.length ?? 0))
  if (bytes.length > limit) throw tooLarge(bytes.length, limit)
}

export function tooLarge(size: number, limit: number = MOST_BYTES): TooLargeError {
  return new TooLargeError(
    `mongodbStore: the record takes ${size} bytes, and a document holds at most ${limit}, less when it has other fields. Keep less in the session, or use another store.`,
    { size, limit },
  )
}
