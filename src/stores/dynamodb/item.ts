/**
 * A record as a DynamoDB item, in the layout of Flask-Session 0.8: `id` (S, the key), `val` (B, the bytes) and
 * `expiration` (N, seconds since the epoch). What is written has whole seconds, as DynamoDB's time to live wants them;
 * what is read may have a fraction, as Flask-Session writes it.
 *
 * @module
 */

import type { StoredRecord } from '../../core/store.ts'
import { TooLargeError } from '../../errors.ts'
import { storableId } from '../shared/storable-id.ts'
import type { DynamodbItem } from './client.ts'

/** An item that this store did not write, nor Flask-Session. */
export class NotARecordError extends Error {}

/**
 * The largest record, in bytes. An item may have 400 KiB with its key and all attributes; the rest is left for these.
 */
const MOST_BYTES = 400_000

const MOST_KEY_BYTES = 2_048

/** The key of an id. */
export function keyOf(id: string): { id: { readonly S: string } } {
  return { id: { S: storableId(id, MOST_KEY_BYTES) } }
}

/** The number of an instant, exact to the ms. */
export function instant(at: number): { readonly N: string } {
  return { N: String(at / 1_000) }
}

/** The number of a deadline: whole seconds, rounded up. */
export function deadline(expiresAt: number): { readonly N: string } {
  return { N: String(Math.ceil(expiresAt / 1_000)) }
}

/**
 * Reads an item.
 *
 * @throws {NotARecordError} When an attribute is missing or has another type.
 */
export function recordOf(item: DynamodbItem): StoredRecord & { readonly expiresAt: number } {
  const bytes = item['val']?.B
  const seconds = item['expiration']?.N
  if (bytes === undefined || seconds === undefined) throw new NotARecordError()
  // A thousandth of a ms, because the product of a fraction may lie that much above the instant that was meant.
  return { bytes, version: bytes, expiresAt: Math.ceil(Number(seconds) * 1_000 - 0.001) }
}

/** Throws {@link TooLargeError} for a record that an item has no room for. */
export function assertFits(bytes: Uint8Array): void {
  if (bytes.length > MOST_BYTES) throw tooLarge(bytes.length)
}

/** Whether DynamoDB refused a write because the item would be too large. */
export function isTooLarge(error: unknown): boolean {
  const { name, message } = error as Error
  // There is no code for it but the text.
  return name === 'ValidationException' && /item size/i.test(message)
}

export function tooLarge(size: number): TooLargeError {
  return new TooLargeError(
    `dynamodbStore: the session takes ${size} bytes; an item of DynamoDB has room for ${MOST_BYTES}, and less where it holds other attributes. Keep less in the session, or use another store.`,
    { size, limit: MOST_BYTES },
  )
}
