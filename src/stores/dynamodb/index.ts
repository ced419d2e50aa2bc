/**
 * Sessions in a DynamoDB table, in the layout of Flask-Session 0.8: programs of both sides can share one table. Every write
 * is conditional and every read consistent; a lost race costs no further request.
 *
 * @module
 */

import { setTimeout as delay } from 'node:timers/promises'
import type { AsyncStore, StoreOptions } from '../../core/store.ts'
import { warnOnce } from '../../core/warnings.ts'
import { ConfigError, type StoreError } from '../../errors.ts'
import { ABORTED, FOR_A_URL, failures, storeError } from '../shared/failure.ts'
import type {
  DynamodbClient,
  DynamodbItem,
  DynamodbRequestOptions,
  DynamodbValues,
} from './client.ts'
import {
  classifyError,
  failedCondition,
  isPutOff,
  isThrottled,
  isTooLarge,
  NOT_A_RECORD,
} from './failure.ts'
import {
  createTable,
  expiration,
  instant,
  keyOf,
  MOST_BYTES,
  recordOf,
  tooLarge,
  when,
} from './table.ts'

export type { DynamodbClient } from './client.ts'

export interface DynamodbStoreOptions {
  /** The name of the table, or its ARN. @default 'Sessions', as in Flask-Session */
  readonly table?: string
  /** The clock, ms since the epoch. It should agree with the clocks of other writers. @default Date.now */
  readonly now?: () => number
}

/** A store that can make its table. */
export interface DynamodbStore extends AsyncStore {
  /**
   * Makes the table with billing by request if it does not exist, waits until it can be used, and switches time to live
   * on. A table that exists is accepted, also with credentials that may only use it. Rejects with a `StoreError`, or
   * with a `ConfigError` when the table has another key.
   */
  createTable(options?: StoreOptions): Promise<void>
}

const LIVE = 'expiration > :now'
const EXPIRED = 'expiration <= :now'
/** The condition that there is no live item. */
const FREE = `attribute_not_exists(id) OR ${EXPIRED}`
/** The condition that an item is live and has the version that was read. */
const SAME = `val = :old AND ${LIVE}`
/** How many items a sweep removes at the same time. */
const AT_ONCE = 16
/** How often a throttled request is sent in all. The SDK's own retries would include requests that may have been done. */
const ATTEMPTS = 4
/** The longest pause before the second attempt, in ms; it doubles for each further one. */
const PAUSE = 50

/** A request of the SDK, with its options still to come. */
type Request<T> = (options: DynamodbRequestOptions) => Promise<T>

/** Whether a write was done or its condition was false, with the item that was deleted or that exists instead. */
interface Outcome {
  readonly done: boolean
  readonly item: DynamodbItem | undefined
}

/**
 * Keeps sessions as items of a table, with one request for each verb. The expiry is in whole seconds, rounded up, and
 * checked on each read, as DynamoDB removes expired items days later. A record may have 400,000 bytes.
 *
 * Create the client with `maxAttempts: 1`. With more, the SDK may send a write again that was done, and the answer to the
 * second attempt does not show it. Such a write rejects with the outcome `unknown`, and a process warning names the option.
 *
 * @example
 *
 *     import { DynamoDB } from '@aws-sdk/client-dynamodb'
 *     import { createSessions } from 'vial'
 *     import { dynamodbStore } from 'vial/stores/dynamodb'
 *
 *     const store = dynamodbStore(new DynamoDB({ region: 'eu-central-1', maxAttempts: 1 }))
 *     await store.createTable()
 *     export const sessions = createSessions({ store })
 *
 * @throws {ConfigError} When the client is not the SDK's aggregated one, or the name of the table is not valid.
 */
export function dynamodbStore(
  client: DynamodbClient,
  options: DynamodbStoreOptions = {},
): DynamodbStore {
  const { table: TableName = 'Sessions', now = Date.now } = options
  assertConfig(client, TableName)
  void warnOfRetries(client)
  const store = `dynamodbStore on table ${JSON.stringify(TableName)}`
  const toError = failures(store, classifyError)
  const isLive = (expiresAt: number) => expiresAt > now()
  const current = () => ({ ':now': instant(now()) })
  const same = (version: unknown) => ({ ...current(), ':old': { B: version as Uint8Array } })

  /** Sends a request, again while it is throttled. Rejects only with errors of this package. */
  async function send<T>(operation: string, { signal }: StoreOptions, request: Request<T>) {
    for (let attempt = 1; ; attempt++) {
      if (signal?.aborted) throw storeError(store, operation, ABORTED)
      try {
        return await request(signal === undefined ? {} : { abortSignal: signal })
      } catch (error) {
        if (!isThrottled(error) || attempt === ATTEMPTS) throw toError(operation, error)
      }
      await delay(Math.random() * PAUSE * 2 ** attempt)
    }
  }

  /** Sends a conditional write of a record of so many bytes. */
  async function write(
    operation: string,
    options: StoreOptions,
    request: Request<{ readonly Attributes?: DynamodbItem | undefined }>,
    size = 0,
  ): Promise<Outcome> {
    if (size > MOST_BYTES) throw tooLarge(size)
    return send(operation, options, async (requestOptions) => {
      try {
        return { done: true, item: (await request(requestOptions)).Attributes }
      } catch (error) {
        const failed = failedCondition(error)
        if (failed !== undefined) return { done: false, item: failed.Item }
        throw isTooLarge(error) ? tooLarge(size) : error
      }
    })
  }

  /** Updates an item on a condition with its values, or deletes it when its expiry is not in the future. */
  function change(
    operation: string,
    options: StoreOptions,
    id: string,
    expiresAt: number,
    condition: string,
    values: DynamodbValues,
    bytes?: Uint8Array,
  ): Promise<Outcome> {
    const item = { TableName, Key: keyOf(id) }
    const fields = { ':end': expiration(expiresAt), ...(bytes && { ':new': { B: bytes } }) }
    const update = {
      ...item,
      ...when(condition, { ...values, ...fields }),
      UpdateExpression: `SET expiration = :end${bytes === undefined ? '' : ', val = :new'}`,
    }
    const request: Request<object> = (requestOptions) =>
      isLive(expiresAt)
        ? client.updateItem(update, requestOptions)
        : client.deleteItem({ ...item, ...when(condition, values) }, requestOptions)
    return write(operation, options, request, bytes?.length)
  }

  /** Reads an item; undefined when there is none, or it has expired. */
  function read(operation: string, item: DynamodbItem | undefined) {
    if (item === undefined) return undefined
    const record = recordOf(item)
    if (record === undefined) throw storeError(store, operation, NOT_A_RECORD)
    return isLive(record.expiresAt) ? record : undefined
  }

  /** Yields the ids of the items that a filter lets through, a page at a time. */
  async function* scan(operation: string, options: StoreOptions, FilterExpression: string) {
    let from: string | undefined
    do {
      const page = await send(operation, options, (requestOptions) =>
        client.scan(
          {
            TableName,
            ConsistentRead: true,
            FilterExpression,
            ProjectionExpression: 'id',
            ExpressionAttributeValues: current(),
            ...(from !== undefined && { ExclusiveStartKey: keyOf(from) }),
          },
          requestOptions,
        ),
      )
      yield (page.Items ?? []).flatMap((item) => item['id']?.S ?? [])
      from = page.LastEvaluatedKey?.['id']?.S
    } while (from !== undefined)
  }

  return {
    name: 'dynamodb',
    atomic: true,
    resolution: 1_000,

    // Every read is fresh: it is consistent.
    async read(id, options = {}) {
      const { Item } = await send('read', options, (request) =>
        client.getItem({ TableName, Key: keyOf(id), ConsistentRead: true }, request),
      )
      return read('read', Item)
    },

    async create(id, bytes, expiresAt, options = {}) {
      const { done } = await change('create', options, id, expiresAt, FREE, current(), bytes)
      return done ? { kind: 'created', version: bytes } : { kind: 'exists' }
    },

    async replace(id, bytes, expiresAt, version, options = {}) {
      const values = same(version)
      const { done, item } = await change('replace', options, id, expiresAt, SAME, values, bytes)
      if (done) return { kind: 'replaced', version: bytes }
      const record = read('replace', item)
      return record === undefined ? { kind: 'gone' } : { kind: 'conflict', current: record }
    },

    async touch(id, expiresAt, version, options = {}) {
      const touched = change('touch', options, id, expiresAt, SAME, same(version))
      // The next request moves the expiry, so one that only read does not fail for a touch that is put off.
      const outcome = await touched.catch(unlessPutOff)
      if (outcome === undefined) return 'conflict'
      if (outcome.done) return 'touched'
      return read('touch', outcome.item) ? 'conflict' : 'gone'
    },

    async delete(id, version, options = {}) {
      const condition = version === undefined ? {} : when(SAME, same(version))
      const target = { TableName, Key: keyOf(id), ...condition, ReturnValues: 'ALL_OLD' } as const
      const { done, item } = await write('delete', options, (requestOptions) =>
        client.deleteItem(target, requestOptions),
      )
      if (done) return item ? 'deleted' : 'gone'
      return read('delete', item) ? 'conflict' : 'gone'
    },

    async sweep({ limit = Infinity, ...options } = {}) {
      let removed = 0
      for await (const ids of scan('sweep', options, EXPIRED)) {
        while (ids.length > 0 && removed < limit) {
          const some = ids.splice(0, Math.min(AT_ONCE, limit - removed)).map((id) => {
            const item = { TableName, Key: keyOf(id), ...when(EXPIRED, current()) }
            return write('sweep', options, (request) => client.deleteItem(item, request))
          })
          removed += (await Promise.all(some)).filter(({ done }) => done).length
        }
        if (removed >= limit) break
      }
      return removed
    },

    async *list(options = {}) {
      for await (const ids of scan('list', options, LIVE)) yield* ids
    },

    createTable(options = {}) {
      return send('createTable', options, (request) => createTable(client, TableName, request))
    },
  }
}

/** Undefined for the error of a write that DynamoDB put off each time; rejects with any other. */
function unlessPutOff(error: unknown): undefined {
  if (!isPutOff((error as StoreError).cause)) throw error
}

function assertConfig(client: Partial<DynamodbClient>, table: string): void {
  if (typeof client?.getItem !== 'function') {
    throw new ConfigError(
      `dynamodbStore: the client has no method getItem. Pass the aggregated client, new DynamoDB({ … }) of @aws-sdk/client-dynamodb, in place of DynamoDBClient or DynamoDBDocument. ${FOR_A_URL}`,
    )
  }
  if (!/^[\w.-]{3,255}$/.test(table) && !table.startsWith('arn:')) {
    throw new ConfigError(
      `dynamodbStore: ${JSON.stringify(table)} is not a valid name of a table. Use 3 to 255 letters, digits, '_', '-' and '.', or an ARN.`,
    )
  }
}

/** Warns when the client may send a request again that was done. */
async function warnOfRetries({ config }: DynamodbClient): Promise<void> {
  // A wrong configuration of the client shows at the first request.
  const most = await config?.maxAttempts?.().catch(() => 1)
  if (most === undefined || most <= 1) return
  warnOnce(
    'VIAL_DYNAMODB_RETRIES',
    `dynamodbStore: this client sends a request up to ${most} times, and the answer to a repeated write does not show whether the first one was done. Create it with \`new DynamoDB({ maxAttempts: 1, … })\`.`,
  )
}
