/**
 * A record as a document, in the layout of Flask-Session 0.8: `id` (the key), `val` (binary, the bytes) and
 * `expiration` (a date, exact to the ms). Flask-Session leaves `_id` to MongoDB; here it is the key again.
 *
 * @module
 */

import type { StoredRecord } from '../../core/store.ts'
import { TooLargeError } from '../../errors.ts'
import { storableId } from '../shared/storable-id.ts'
import type { MongodbBinary, MongodbReadOptions } from './collection.ts'

/** A document that this store did not write, nor Flask-Session. */
export class NotARecordError extends Error {}

/** The largest record, in bytes. A command may have 16 MiB, and a replace carries the old record and the new. */
const MOST_BYTES = 8_000_000

/** An index of MongoDB before 4.2 holds little more. */
const MOST_ID_BYTES = 1_000

/** How documents are read: `_id` alone, or what makes a record. */
export const RECORD: MongodbReadOptions = reading({ _id: 0, val: 1, expiration: 1 })
export const PRESENCE: MongodbReadOptions = reading({ _id: 1 })
export const IDS: MongodbReadOptions = { ...reading({ _id: 0, id: 1 }), sort: { id: 1 } }

/** So many in one answer, so that no cursor is left open. */
export function atOnce(count: number): { readonly limit: number; readonly batchSize: number } {
  return { limit: count, batchSize: count }
}

/** The value of `id`. */
export function keyOf(id: string): string {
  return storableId(id, MOST_ID_BYTES)
}

/** An instant as MongoDB keeps it: whole ms, rounded up. */
export function date(at: number): Date {
  return new Date(Math.ceil(at))
}

/**
 * Reads a document; undefined when its deadline is not after `now`. The version is the binary value as it was read,
 * since one of another subtype equals no other.
 *
 * @throws {NotARecordError} When `val` is not binary.
 */
export function liveRecord(document: object | null, now: number): StoredRecord | undefined {
  if (document === null) return undefined
  const { val, expiration } = document as { val?: Partial<MongodbBinary>; expiration?: unknown }
  if (!(expiration instanceof Date && expiration.getTime() > now)) return undefined
  if (val?._bsontype !== 'Binary') throw new NotARecordError()
  const { buffer, position } = val as MongodbBinary
  return { bytes: buffer.subarray(0, position), version: val, expiresAt: expiration.getTime() }
}

/** Throws {@link TooLargeError} for a record that a document, or a command with the old one, has no room for. */
export function assertFits(bytes: Uint8Array, version?: unknown): void {
  const old = version as Partial<MongodbBinary & Uint8Array> | undefined
  const limit = Math.min(MOST_BYTES, 2 * MOST_BYTES - (old?.position ?? old?.length ?? 0))
  if (bytes.length > limit) throw tooLarge(bytes.length, limit)
}

export function tooLarge(size: number, limit: number = MOST_BYTES): TooLargeError {
  return new TooLargeError(
    `mongodbStore: the session takes ${size} bytes; there is room for ${limit}, and less where the document holds other fields. Keep less in the session, or use another store.`,
    { size, limit },
  )
}

function reading(projection: Record<string, 0 | 1>): MongodbReadOptions {
  return {
    projection,
    readPreference: 'primary',
    promoteBuffers: false,
    promoteValues: true,
    raw: false,
  }
}
