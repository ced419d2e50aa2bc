/**
 * An item in the layout of Flask-Session 0.8: `id` (S, the key), `val` (B, the bytes) and `expiration` (N, seconds since
 * the epoch). The seconds are whole when this store writes them, as DynamoDB's time to live needs, and perhaps a fraction
 * when Flask-Session does.
 *
 * @module
 */

import type { StoredRecord } from '../../core/store.ts'
import { TooLargeError } from '../../errors.ts'
import type { DynamodbCondition, DynamodbItem, DynamodbValues } from './client.ts'

/** The largest record, in bytes. An item may have 400 KiB; the rest is left for the key and other attributes. */
export const MOST_BYTES = 400_000

/** The key of an id. */
export function keyOf(id: string): { id: { readonly S: string } } {
  return { id: { S: id } }
}

/** An instant in ms as a number of seconds, exact to the ms. */
export function instant(at: number): { readonly N: string } {
  return { N: String(at / 1_000) }
}

/** An expiry in ms as a number of whole seconds, rounded up. */
export function expiration(expiresAt: number): { readonly N: string } {
  return { N: String(Math.ceil(expiresAt / 1_000)) }
}

/** Reads an item; undefined when an attribute is missing or has another type. */
export function recordOf(
  item: DynamodbItem,
): (StoredRecord & { readonly expiresAt: number }) | undefined {
  const bytes = item['val']?.B
  const seconds = item['expiration']?.N
  if (bytes === undefined || seconds === undefined) return undefined
  // A thousandth of a ms less, as the product of a fraction may lie that much above the instant that was written.
  return { bytes, version: bytes, expiresAt: Math.ceil(Number(seconds) * 1_000 - 0.001) }
}

/** The error for a record of so many bytes, which an item has no room for. */
export function tooLarge(size: number): TooLargeError {
  return new TooLargeError(
    `dynamodbStore: the record takes ${size} bytes, and an item holds at most ${MOST_BYTES}, less when it has other attributes. Keep less in the session, or use another store.`,
    { size, limit: MOST_BYTES },
  )
}

/**
 * The condition of a write, with the values of all its expressions. The refusal brings the item that exists instead, so
 * a lost race costs no second request.
 */
export function when(condition: string, values: DynamodbValues): Required<DynamodbCondition> {
  return {
    ConditionExpression: condition,
    ExpressionAttributeValues: values,
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
  }
}
