/**
 * The table of the DynamoDB store, in the layout of Flask-Session 0.8: `id` (S, the key), `val` (B, the bytes) and
 * `expiration` (N, seconds since the epoch). The seconds are whole when this store writes them, as DynamoDB's time to
 * live needs, and perhaps a fraction when Flask-Session does.
 */

import { setTimeout as delay } from 'node:timers/promises'
import type { StoredRecord } from '../../core/store.ts'
import { warnOnce } from '../../core/warnings.ts'
import { ConfigError, TooLargeError } from '../../errors.ts'
import type {
  DynamodbClient,
  DynamodbCondition,
  DynamodbItem,
  DynamodbRequestOptions,
  DynamodbTable,
  DynamodbValues,
} from './client.ts'

/** How long to wait for a new table, in reads of its status, and the pause between them, in ms. */
const STATUS_READS = 1_200
const PAUSE = 100

/**
 * Makes the table: the key `id`, billing by request, time to live on `expiration`. Accepts a table that exists, also with
 * credentials that may only use it. Rejects with the client's errors, or with a {@link ConfigError} for a table with
 * another key.
 */
export async function createTable(
  client: DynamodbClient,
  TableName: string,
  options: DynamodbRequestOptions,
): Promise<void> {
  const made = await allowed(
    client.createTable(
      {
        TableName,
        KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
        AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
        BillingMode: 'PAY_PER_REQUEST',
      },
      options,
    ),
    'ResourceInUseException',
  )
  const ready = await whenReady()
  if (ready !== undefined) assertKey(TableName, ready)
  // The credentials may neither make nor describe it, so a read shows whether it exists.
  else if (made === undefined) {
    await client.getItem({ TableName, Key: keyOf('vial'), ConsistentRead: true }, options)
  }
  if (await enableTimeToLive()) return
  warnOnce(
    'VIAL_DYNAMODB_TTL',
    `dynamodbStore: time to live is off for the attribute \`expiration\` of table ${JSON.stringify(TableName)} and could not be switched on. Expired sessions are never served, but they take room until you switch it on or call \`sweep()\`.`,
  )

  /** Waits until the table can be used. Undefined: the credentials may not describe it. */
  async function whenReady(): Promise<DynamodbTable | undefined> {
    for (let reads = 1; ; reads++) {
      const found = await allowed(client.describeTable({ TableName }, options))
      if (found?.Table?.TableStatus !== 'CREATING' || reads === STATUS_READS) return found?.Table
      await delay(PAUSE, undefined, options.abortSignal && { signal: options.abortSignal })
    }
  }

  /** Switches time to live on if it is off. Resolves to false when that is not allowed. */
  async function enableTimeToLive(): Promise<boolean> {
    const found = await allowed(client.describeTimeToLive({ TableName }, options))
    const { TimeToLiveStatus: status, AttributeName: name } = found?.TimeToLiveDescription ?? {}
    if (status === 'ENABLED' || status === 'ENABLING') return name === 'expiration'
    const TimeToLiveSpecification = { AttributeName: 'expiration', Enabled: true }
    const request = client.updateTimeToLive({ TableName, TimeToLiveSpecification }, options)
    // DynamoDB also refuses a second change within an hour.
    return (await allowed(request, 'ValidationException')) !== undefined
  }
}

/** Resolves to undefined when these credentials or this server do not allow the request, or it fails with `also`. */
async function allowed<T>(request: Promise<T>, also = ''): Promise<T | undefined> {
  try {
    return await request
  } catch (error) {
    const { name } = error as Error
    if ([also, 'AccessDeniedException', 'UnknownOperationException'].includes(name))
      return undefined
    throw error
  }
}

function assertKey(table: string, { KeySchema, AttributeDefinitions }: DynamodbTable): void {
  const type = AttributeDefinitions?.find(({ AttributeName: name }) => name === 'id')?.AttributeType
  if (KeySchema?.length === 1 && KeySchema[0]?.AttributeName === 'id' && type === 'S') return
  throw new ConfigError(
    `dynamodbStore: the table ${JSON.stringify(table)} has another key. It has to be \`id\`, a string, alone. Set the option \`table\` to another name.`,
  )
}

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
