/** Tables of a real server for the tests of the DynamoDB store, and clients that count what they send. */

import { randomUUID } from 'node:crypto'
import { DynamoDB, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb'
import { type DynamodbStore, dynamodbStore } from 'vial/stores/dynamodb'

/** In 2033, in whole seconds. */
export const NOW = 2_000_000_000_000
export const LATER: number = NOW + 3_600_000

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

export function text(record: { readonly bytes: Uint8Array } | undefined): string | undefined {
  return record && new TextDecoder().decode(record.bytes)
}

/** A client of the SDK; one that sends each request once, unless the options say otherwise. */
export function newClient(endpoint: string, more: DynamoDBClientConfig = {}): DynamoDB {
  return new DynamoDB({
    endpoint,
    region: 'eu-central-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    maxAttempts: 1,
    ...more,
  })
}

export interface Table {
  readonly name: string
  readonly client: DynamoDB
  readonly store: DynamodbStore
  /** Another client and store on the same table, such as at the port of a proxy. */
  another(
    endpoint?: string,
    more?: DynamoDBClientConfig,
  ): { client: DynamoDB; store: DynamodbStore }
  close(): Promise<void>
}

/** A new table, and a store on it. */
export async function newTable(endpoint: string, now: () => number = () => NOW): Promise<Table> {
  const name = `Sessions-${randomUUID()}`
  const clients: DynamoDB[] = []
  const another: Table['another'] = (at = endpoint, more = {}) => {
    const client = newClient(at, more)
    clients.push(client)
    return { client, store: dynamodbStore(client, { table: name, now }) }
  }
  const { client, store } = another()
  await store.createTable()
  return {
    name,
    client,
    store,
    another,
    async close() {
      await client.deleteTable({ TableName: name }).catch(() => undefined)
      for (const one of clients) one.destroy()
    },
  }
}

/** The names of the requests that a client sends, from now on. */
export function requestsOf(client: DynamoDB): string[] {
  const names: string[] = []
  client.middlewareStack.add(
    (next, context) => (args) => {
      names.push(String(context['commandName']).replace(/Command$/, ''))
      return next(args)
    },
    // Below the SDK's own retries.
    { step: 'deserialize', name: 'counter' },
  )
  return names
}

/** Writes as Flask-Session 0.8 does; the deadline is in seconds. */
export async function flaskWrites(
  { client, name }: Table,
  id: string,
  content: Uint8Array,
  expiration: string,
): Promise<void> {
  await client.updateItem({
    TableName: name,
    Key: { id: { S: id } },
    UpdateExpression: 'SET val = :value, expiration = :exp',
    ExpressionAttributeValues: { ':value': { B: content }, ':exp': { N: expiration } },
    ReturnValues: 'UPDATED_NEW',
  })
}
