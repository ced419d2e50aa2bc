/**
 * The requests of the DynamoDB store: items in the layout of Flask-Session 0.8, conditions, sending with errors of this
 * package, scans, and making the table.
 *
 * An item has `id` (S, the key), `val` (B, the bytes) and `expiration` (N, seconds since the epoch): whole seconds when
 * this store writes it, as DynamoDB's time to live needs them, and perhaps a fraction when Flask-Session does.
 *
 * @module
 */

import { setTimeout as delay } from 'node:timers/promises'
import type { StoredRecord, StoreOptions } from '../../core/store.ts'
import { ConfigError, isSessionError, TooLargeError } from '../../errors.ts'
import { ABORTED, storeError } from '../shared/failure.ts'
import type {
  DynamodbClient,
  DynamodbCondition,
  DynamodbInput,
  DynamodbItem,
  DynamodbRequestOptions,
  DynamodbTable,
} from './client.ts'
import {
  classifyError,
  FailedCondition,
  failedCondition,
  isThrottled,
  isTooLarge,
} from './failure.ts'

export const LIVE = '#e > :now'
export const EXPIRED = '#e <= :now'

/** Placeholders of the attributes' names, as DynamoDB may reserve further words. */
const NAMES = { '#i': 'id', '#v': 'val', '#e': 'expiration' } as const

/** The largest record, in bytes. An item may have 400 KiB; the rest is left for the key and other attributes. */
const MOST_BYTES = 400_000

type Values = Record<string, DynamodbInput>

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

/** Throws a {@link TooLargeError} when an item has no room for the bytes. */
export function assertFits(bytes: Uint8Array): void {
  if (bytes.length > MOST_BYTES) throw tooLarge(bytes.length)
}

function tooLarge(size: number): TooLargeError {
  return new TooLargeError(
    `dynamodbStore: the record takes ${size} bytes, and an item holds at most ${MOST_BYTES}, less when it has other attributes. Keep less in the session, or use another store.`,
    { size, limit: MOST_BYTES },
  )
}

/** The condition of a write, with the values of all its expressions. */
export function when(
  condition: string,
  values: Values,
): DynamodbCondition & Required<Pick<DynamodbCondition, 'ConditionExpression'>> {
  return {
    ConditionExpression: condition,
    ...partsOf(condition, values),
    // The refusal brings the item that exists instead, so a lost race costs no second request.
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
  }
}

/** The names and values of expressions. DynamoDB refuses a name that no expression uses. */
function partsOf(expressions: string, values: Values) {
  const names = Object.entries(NAMES).filter(([name]) => expressions.includes(name))
  return {
    ExpressionAttributeNames: Object.fromEntries(names),
    ExpressionAttributeValues: values,
  }
}

/** Sends one request of a verb. Resolves to a {@link FailedCondition} when its condition was false. */
export type Send = <T>(
  operation: string,
  options: StoreOptions,
  request: (options: DynamodbRequestOptions) => Promise<T>,
  /** The length of the record in bytes, for the error when it does not fit. */
  size?: number,
) => Promise<T | FailedCondition>

/** How often a throttled request is sent in all. The SDK's own retries would include requests that may have been done. */
const ATTEMPTS = 4
/** The longest pause before the second attempt, in ms; it doubles for each further one. */
const PAUSE = 50

/**
 * Makes the function that sends requests. It rejects only with errors of this package.
 *
 * @param store The store's name for messages.
 */
export function sender(store: string): Send {
  return async (operation, { signal }, request, size = 0) => {
    for (let attempt = 1; ; attempt++) {
      if (signal?.aborted) throw storeError(store, operation, ABORTED)
      try {
        return await request(signal === undefined ? {} : { abortSignal: signal })
      } catch (error) {
        const failed = failedCondition(error)
        if (failed !== undefined) return failed
        if (isSessionError(error)) throw error
        if (isTooLarge(error)) throw tooLarge(size)
        if (!isThrottled(error) || attempt === ATTEMPTS) {
          throw storeError(store, operation, classifyError(error, operation))
        }
      }
      await delay(Math.random() * PAUSE * 2 ** attempt)
    }
  }
}

/** Yields the keys of the items that a filter lets through, a page at a time. */
export async function* scan(
  client: DynamodbClient,
  TableName: string,
  filter: string,
  now: () => number,
  send: <T>(
    request: (options: DynamodbRequestOptions) => Promise<T>,
  ) => Promise<T | FailedCondition>,
): AsyncGenerator<string[]> {
  let from: Values | undefined
  do {
    const page = await send((options) =>
      client.scan(
        {
          TableName,
          ConsistentRead: true,
          FilterExpression: filter,
          ProjectionExpression: '#i',
          ...partsOf(`${filter} #i`, { ':now': instant(now()) }),
          ...(from !== undefined && { ExclusiveStartKey: from }),
        },
        options,
      ),
    )
    if (page instanceof FailedCondition) return
    yield (page.Items ?? []).flatMap((item) => item['id']?.S ?? [])
    const last = page.LastEvaluatedKey?.['id']?.S
    from = last === undefined ? undefined : { id: { S: last } }
  } while (from !== undefined)
}

/** How often the status of a new table is read, in ms, and how many times; making one takes some seconds. */
const STATUS_EVERY = 100
const STATUS_READS = 1_200

/**
 * Makes the table: the key `id`, billing by request, time to live on `expiration`. Accepts a table that exists, also with
 * credentials that may only use it. Rejects with the client's errors, or with a {@link ConfigError} for a table with
 * another key.
 */
export async function createTable(
  client: DynamodbClient,
  table: string,
  options: DynamodbRequestOptions,
): Promise<void> {
  const TableName = table
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
  if (ready !== undefined) assertKey(table, ready)
  // The credentials may neither make nor describe it, so a read shows whether it exists.
  else if (made === undefined) {
    await client.getItem({ TableName, Key: keyOf('vial'), ConsistentRead: true }, options)
  }
  if (!(await enableTimeToLive())) {
    process.emitWarning(
      `dynamodbStore: time to live is off for the attribute \`expiration\` of table ${JSON.stringify(table)} and could not be switched on. Expired sessions are never served, but they take room until you switch it on or call \`sweep()\`.`,
      { code: 'VIAL_DYNAMODB_TTL' },
    )
  }

  /** Waits until the table can be used. Undefined: the credentials may not describe it. */
  async function whenReady(): Promise<DynamodbTable | undefined> {
    for (let reads = 1; ; reads++) {
      const found = await allowed(client.describeTable({ TableName }, options))
      const status = found?.Table?.TableStatus
      if (status !== 'CREATING' || reads === STATUS_READS) return found?.Table
      await delay(STATUS_EVERY, undefined, options.abortSignal && { signal: options.abortSignal })
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
async function allowed<T>(request: Promise<T>, also?: string): Promise<T | undefined> {
  try {
    return await request
  } catch (error) {
    const { name } = error as Error
    if (name === also || name === 'AccessDeniedException' || name === 'UnknownOperationException') {
      return undefined
    }
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
