/**
 * Sessions in a DynamoDB table, in the layout of Flask-Session 0.8, so that both sides share one table. Every write is
 * conditional and every read consistent; a lost race costs no request more. Tried with AWS SDK 3.1162 and dynoxide
 * 1.2.
 *
 * @module
 */

import type { AsyncStore, StoreOptions } from '../../core/store.ts'
import { ConfigError } from '../../errors.ts'
import { isDigest } from '../shared/storable-id.ts'
import type { DynamodbClient, DynamodbItem } from './client.ts'
import { FailedCondition, toStoreError } from './errors.ts'
import { assertFits, deadline, instant, keyOf, recordOf } from './item.ts'
import { EXPIRED, LIVE, scan, sender, when } from './requests.ts'
import { createTable } from './table.ts'

export type {
  DynamodbClient,
  DynamodbCondition,
  DynamodbInput,
  DynamodbItem,
  DynamodbRequestOptions,
  DynamodbTable,
  DynamodbValue,
} from './client.ts'

export interface DynamodbStoreOptions {
  /** @default 'Sessions', as Flask-Session has it */
  readonly table?: string
  /** The clock, ms since the epoch. It should agree with that of other writers. */
  readonly now?: () => number
}

/** A store with the means to make its table. */
export interface DynamodbStore extends AsyncStore {
  /**
   * Makes the table when it is missing (paid by request), waits until it can be used, and switches time to live on. A
   * table that is there is accepted, also with credentials that may do none of this.
   */
  createTable(options?: StoreOptions): Promise<void>
}

/** An item that has not changed and not expired. */
const SAME = `#v = :old AND ${LIVE}`
/** How many items a sweep removes at once. */
const AT_ONCE = 16

/**
 * Keeps sessions as items of a table, one request a verb. Deadlines are whole seconds, rounded up, and judged on read,
 * as DynamoDB removes expired items days later. A record may have 400,000 bytes.
 *
 * Make the client with `maxAttempts: 1`. With more the SDK may send a write again that was done, and its second answer
 * tells nothing: a warning says so, and such a write rejects with the outcome `unknown` in place of counting twice.
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
 * @throws {ConfigError} When it is not the SDK's aggregated client, or the name of the table cannot be.
 */
export function dynamodbStore(
  client: DynamodbClient,
  options: DynamodbStoreOptions = {},
): DynamodbStore {
  const { table = 'Sessions', now = Date.now } = options
  assertConfig(client, table)
  warnOfResending(client)
  const TableName = table
  const send = sender(table)
  const live = (record: { readonly expiresAt: number }) => record.expiresAt > now()
  const current = () => ({ ':now': instant(now()) })

  /** What an item holds; undefined when there is none, or it has expired. */
  function read(operation: string, item: DynamodbItem | undefined) {
    try {
      const record = item && recordOf(item)
      return record && live(record) ? record : undefined
    } catch (error) {
      throw toStoreError(error, operation, table)
    }
  }

  return {
    name: 'dynamodb',
    atomic: true,
    resolution: 1_000,

    async read(id, options = {}) {
      const found = await send('read', options, (request) =>
        client.getItem({ TableName, Key: keyOf(id), ConsistentRead: true }, request),
      )
      return found instanceof FailedCondition ? undefined : read('read', found.Item)
    },

    async create(id, bytes, expiresAt, options = {}) {
      assertFits(bytes)
      const condition = when(`attribute_not_exists(#i) OR ${EXPIRED}`, current())
      const Item = { ...keyOf(id), val: { B: bytes }, expiration: deadline(expiresAt) }
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
      const old = { ...current(), ':old': { B: version as Uint8Array } }
      const change = { ':new': { B: bytes }, ':end': deadline(expiresAt) }
      const item = { TableName, Key: keyOf(id) }
      const done = await send(
        'replace',
        options,
        (request) =>
          live({ expiresAt })
            ? client.updateItem(
                {
                  ...item,
                  UpdateExpression: 'SET #v = :new, #e = :end',
                  ...when(SAME, { ...old, ...change }),
                },
                request,
              )
            : client.deleteItem({ ...item, ...when(SAME, old) }, request),
        bytes.length,
      )
      if (!(done instanceof FailedCondition)) return { kind: 'replaced', version: bytes }
      const record = read('replace', done.item)
      return record === undefined ? { kind: 'gone' } : { kind: 'conflict', current: record }
    },

    async touch(id, expiresAt, options = {}) {
      const item = { TableName, Key: keyOf(id) }
      const done = await send('touch', options, (request) =>
        live({ expiresAt })
          ? client.updateItem(
              {
                ...item,
                UpdateExpression: 'SET #e = :end',
                ...when(LIVE, { ...current(), ':end': deadline(expiresAt) }),
              },
              request,
            )
          : client.deleteItem({ ...item, ...when(LIVE, current()) }, request),
      )
      if (!(done instanceof FailedCondition)) return true
      read('touch', done.item)
      return false
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
              const item = { TableName, Key: { id: { S: key } }, ...when(EXPIRED, current()) }
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
      for await (const keys of pages) yield* keys.filter((key) => !isDigest(key))
    },

    async createTable(options = {}) {
      await send('createTable', options, (request) => createTable(client, table, request))
    },
  }
}

function assertConfig(client: Partial<DynamodbClient>, table: string): void {
  if (typeof client?.getItem !== 'function') {
    throw new ConfigError(
      'dynamodbStore: the client has no method getItem. Give the aggregated client, `new DynamoDB({ … })` of @aws-sdk/client-dynamodb, in place of DynamoDBClient or DynamoDBDocument.',
    )
  }
  if (!/^[\w.-]{3,255}$/.test(table) && !table.startsWith('arn:')) {
    throw new ConfigError(
      `dynamodbStore: ${JSON.stringify(table)} cannot be the name of a table. Give 3 to 255 letters, digits, '_', '-' and '.', or an ARN.`,
    )
  }
}

/** Says it when the client sends again what may have been done. */
function warnOfResending({ config }: DynamodbClient): void {
  const attempts = config?.maxAttempts
  if (typeof attempts !== 'function') return
  attempts().then(
    (most) => {
      if (most <= 1) return
      process.emitWarning(
        `dynamodbStore: this client sends a request up to ${most} times, and a write that it sends again tells nothing of the first. Make it with \`new DynamoDB({ maxAttempts: 1, … })\`.`,
        { code: 'VIAL_DYNAMODB_RESENDS' },
      )
    },
    // The first request says what is wrong with the client's configuration.
    () => undefined,
  )
}
