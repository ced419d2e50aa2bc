/**
 * Makes the table of the DynamoDB store: the key `id`, paid by request, with time to live on `expiration`. A table that
 * is there already is accepted, also with credentials that may use it and no more.
 *
 * @module
 */

import { setTimeout as delay } from 'node:timers/promises'
import { ConfigError } from '../../errors.ts'
import type { DynamodbClient, DynamodbRequestOptions, DynamodbTable } from './client.ts'
import { keyOf } from './item.ts'

/** How often a table that is being made is looked at, in ms; it takes some seconds. */
const LOOK_EVERY = 100
const LOOKS = 1_200

/** Rejects with what the client rejects with, or with a {@link ConfigError} for a table with another key. */
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
  const seen = await settled()
  if (seen !== undefined) assertKey(table, seen)
  // May neither make nor look at it, so that it is there has to show in use.
  else if (made === undefined) {
    await client.getItem({ TableName, Key: keyOf('vial'), ConsistentRead: true }, options)
  }
  if (!(await expires())) {
    process.emitWarning(
      `dynamodbStore: time to live is not on for \`expiration\` of table ${JSON.stringify(table)} and could not be switched on. Expired sessions are never served, but they stay there until it is on, or \`sweep()\` is called.`,
      { code: 'VIAL_DYNAMODB_TTL' },
    )
  }

  /** Waits until the table can be used. Undefined: it may not be looked at. */
  async function settled(): Promise<DynamodbTable | undefined> {
    for (let look = 0; ; look++) {
      const found = await allowed(client.describeTable({ TableName }, options))
      const status = found?.Table?.TableStatus
      if (status !== 'CREATING' || look === LOOKS) return found?.Table
      await delay(LOOK_EVERY, undefined, options.abortSignal && { signal: options.abortSignal })
    }
  }

  /** Switches time to live on unless it is. Resolves to false when that is not allowed. */
  async function expires(): Promise<boolean> {
    const found = await allowed(client.describeTimeToLive({ TableName }, options))
    const { TimeToLiveStatus: status, AttributeName: name } = found?.TimeToLiveDescription ?? {}
    if (status === 'ENABLED' || status === 'ENABLING') return name === 'expiration'
    const TimeToLiveSpecification = { AttributeName: 'expiration', Enabled: true }
    const request = client.updateTimeToLive({ TableName, TimeToLiveSpecification }, options)
    // It may also be refused for having been changed within the hour.
    return (await allowed(request, 'ValidationException')) !== undefined
  }
}

/** Resolves to undefined for what these credentials, or this server, cannot do. */
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
    `dynamodbStore: the table ${JSON.stringify(table)} is there with another key. It has to be \`id\`, a string, alone. Give the name of another table.`,
  )
}
