/**
 * Sessions in a DynamoDB table, in the layout of Flask-Session 0.8: programs of both sides can share one table. Every write
 * is conditional and every read consistent; a lost race costs no further request.
 *
 * @module
 */

import type { AsyncStore, StoreOptions } from '../../core/store.ts'
import { ConfigError } from '../../errors.ts'
import { storeError } from '../shared/failure.ts'
import type { DynamodbClient, DynamodbInput, DynamodbItem } from './client.ts'
import { FailedCondition, NOT_A_RECORD } from './failure.ts'
import {
  assertFits,
  createTable,
  EXPIRED,
  expiration,
  instant,
  keyOf,
  LIVE,
  recordOf,
  scan,
  sender,
  when,
} from './requests.ts'

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

/** The condition that an item is live and has the version that was read. */
const SAME = `#v = :old AND ${LIVE}`
/** How many items a sweep removes at the same time. */
const AT_ONCE = 16

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
  const { table = 'Sessions', now = Date.now } = options
  assertConfig(client, table)
  warnOfRetries(client)
  const TableName = table
  const store = `dynamodbStore on table ${JSON.stringify(table)}`
  const send = sender(store)
  const live = (record: { readonly expiresAt: number }) => record.expiresAt > now()
  const current = () => ({ ':now': instant(now()) })

  /** Reads an item; undefined when there is none, or it has expired. */
  function read(operation: string, item: DynamodbItem | undefined) {
    if (item === undefined) return undefined
    const record = recordOf(item)
    if (record === undefined) throw storeError(store, operation, NOT_A_RECORD)
    return live(record) ? record : undefined
  }

  /** Updates the item that has a version, or deletes it when its expiry is not in the future. */
  function change(
    { operation, size, ...options }: StoreOptions & { operation: string; size?: number },
    id: string,
    version: unknown,
    expiresAt: number,
    UpdateExpression: string,
    values: Record<string, DynamodbInput> = {},
  ): Promise<unknown> {
    const item = { TableName, Key: keyOf(id) }
    const old = { ...current(), ':old': { B: version as Uint8Array } }
    const all = { ...old, ...values, ':end': expiration(expiresAt) }
    return send(
      operation,
      options,
      (request): Promise<unknown> =>
        live({ expiresAt })
          ? client.updateItem({ ...item, UpdateExpression, ...when(SAME, all) }, request)
          : client.deleteItem({ ...item, ...when(SAME, old) }, request),
      size,
    )
  }

  return {
    name: 'dynamodb',
    atomic: true,
    resolution: 1_000,

    // Every read is fresh: it is consistent.
    async read(id, options = {}) {
      const found = await send('read', options, (request) =>
        client.getItem({ TableName, Key: keyOf(id), ConsistentRead: true }, request),
      )
      return found instanceof FailedCondition ? undefined : read('read', found.Item)
    },

    async create(id, bytes, expiresAt, options = {}) {
      assertFits(bytes)
      const condition = when(`attribute_not_exists(#i) OR ${EXPIRED}`, current())
      const Item = { ...keyOf(id), val: { B: bytes }, expiration: expiration(expiresAt) }
      const done = await send(
        'create',
        options,
        (request) =>
          live({ expiresAt })
            ? client.putItem({ TableName, Item, ...condition }, request)
            : client.deleteItem({ TableName, Key: keyOf(id), ...condition }, request),
        bytes.length,
      )
      return done instanceof FailedCondition
        ? { kind: 'exists' }
        : { kind: 'created', version: bytes }
    },

    async replace(id, bytes, expiresAt, version, options = {}) {
      assertFits(bytes)
      const call = { ...options, operation: 'replace', size: bytes.length }
      const done = await change(call, id, version, expiresAt, 'SET #v = :new, #e = :end', {
        ':new': { B: bytes },
      })
      if (!(done instanceof FailedCondition)) return { kind: 'replaced', version: bytes }
      const record = read('replace', done.item)
      return record === undefined ? { kind: 'gone' } : { kind: 'conflict', current: record }
    },

    async touch(id, expiresAt, version, options = {}) {
      const call = { ...options, operation: 'touch' }
      const done = await change(call, id, version, expiresAt, 'SET #e = :end')
      if (!(done instanceof FailedCondition)) return 'touched'
      return read('touch', done.item) ? 'conflict' : 'gone'
    },

    async delete(id, version, options = {}) {
      const condition =
        version === undefined
          ? {}
          : when(SAME, { ...current(), ':old': { B: version as Uint8Array } })
      const done = await send('delete', options, (request) =>
        client.deleteItem(
          { TableName, Key: keyOf(id), ...condition, ReturnValues: 'ALL_OLD' },
          request,
        ),
      )
      if (!(done instanceof FailedCondition)) return done.Attributes ? 'deleted' : 'gone'
      return read('delete', done.item) ? 'conflict' : 'gone'
    },

    async sweep({ limit = Infinity, ...options } = {}) {
      let removed = 0
      const pages = scan(client, table, EXPIRED, now, (request) => send('sweep', options, request))
      for await (const keys of pages) {
        while (keys.length > 0 && removed < limit) {
          const done = await Promise.all(
            keys.splice(0, Math.min(AT_ONCE, limit - removed)).map((key) => {
              const item = { TableName, Key: keyOf(key), ...when(EXPIRED, current()) }
              return send('sweep', options, (request) => client.deleteItem(item, request))
            }),
          )
          removed += done.filter((one) => !(one instanceof FailedCondition)).length
        }
        if (removed >= limit) break
      }
      return removed
    },

    async *list(options = {}) {
      const pages = scan(client, table, LIVE, now, (request) => send('list', options, request))
      for await (const keys of pages) yield* keys
    },

    async createTable(options = {}) {
      await send('createTable', options, (request) => createTable(client, table, request))
    },
  }
}

function assertConfig(client: Partial<DynamodbClient>, table: string): void {
  if (typeof client?.getItem !== 'function') {
    throw new ConfigError(
      'dynamodbStore: the client has no method getItem. Pass the aggregated client, `new DynamoDB({ … })` of @aws-sdk/client-dynamodb, in place of DynamoDBClient or DynamoDBDocument.',
    )
  }
  if (!/^[\w.-]{3,255}$/.test(table) && !table.startsWith('arn:')) {
    throw new ConfigError(
      `dynamodbStore: ${JSON.stringify(table)} is not a valid name of a table. Use 3 to 255 letters, digits, '_', '-' and '.', or an ARN.`,
    )
  }
}

/** Warns when the client may send a request again that was done. */
function warnOfRetries({ config }: DynamodbClient): void {
  const attempts = config?.maxAttempts
  if (typeof attempts !== 'function') return
  attempts().then(
    (most) => {
      if (most <= 1) return
      process.emitWarning(
        `dynamodbStore: this client sends a request up to ${most} times, and the answer to a repeated write does not show whether the first one was done. Create it with \`new DynamoDB({ maxAttempts: 1, … })\`.`,
        { code: 'VIAL_DYNAMODB_RETRIES' },
      )
    },
    // A wrong configuration of the client shows at the first request.
    () => undefined,
  )
}
