import { randomBytes } from 'node:crypto'
import process from 'node:process'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { ConfigError, TooLargeError } from 'vial'
import { dynamodbStore } from 'vial/stores/dynamodb'
import { storeSuite } from 'vial/testing'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { failureOf } from '../support/failure-of.ts'
import { faultProxy } from '../support/fault-proxy.ts'
import { PATIENCE } from '../support/patience.ts'
import { service } from '../support/services.ts'
import { forgetWarnings } from '../support/warnings.ts'
import {
  bytes,
  flaskWrites,
  LATER,
  NOW,
  newClient,
  newTable,
  requestsOf,
  type Table,
  text,
} from './dynamodb-table.ts'
import { PROFILES } from './profiles.ts'

const Key = { id: { S: 'session:a' } }
const found = service('dynamodb')
const url = 'url' in found ? found.url : ''

/** What hangs on the server is left out by name without one. */
const onServer = test.skipIf('missing' in found)
const where = 'missing' in found ? `dynoxide (skipped: ${found.missing})` : 'dynoxide'

describe(`the contract on ${where}`, () => {
  storeSuite({
    test: onServer,
    name: 'dynamodb, AWS SDK 3, dynoxide',
    async make({ now }) {
      const table = await newTable(url, now)
      const proxy = await faultProxy({ host: '127.0.0.1', port: Number(new URL(url).port) })
      return {
        store: table.another(proxy.url(url)).store,
        another: () => table.store,
        loseNextReply: () => void proxy.loseNextReply(),
        foreignWrite: (id, content, expiresAt) =>
          flaskWrites(table, id, content, `${expiresAt / 1_000}`),
        async close() {
          await table.close()
          await proxy.close()
        },
      }
    },
    makeBroken({ now }) {
      const client = newClient('http://127.0.0.1:1')
      return { store: dynamodbStore(client, { now }), close: () => client.destroy() }
    },
    ...PROFILES.dynamodb.suite,
    ids: 10_000,
  })
})

describe(`on ${where}`, () => {
  let table: Table
  let time = NOW

  beforeEach(async (context) => {
    if ('missing' in found) context.skip(found.missing)
    time = NOW
    table = await newTable(url, () => time)
  })

  afterEach(() => table?.close())

  const item = async () =>
    (await table.client.getItem({ TableName: table.name, Key, ConsistentRead: true })).Item

  describe('the layout of Flask-Session', () => {
    test('is what is written', async () => {
      await table.store.create('session:a', bytes('x'), LATER + 1)
      expect(await item()).toEqual({
        id: { S: 'session:a' },
        val: { B: bytes('x') },
        expiration: { N: '2000003601' },
      })
    })

    test('is read, with its fractions of a second', async () => {
      await flaskWrites(table, 'session:a', bytes('flask'), '2000000000.5016410350799560546875')
      expect(await table.store.read('session:a')).toMatchObject({ expiresAt: NOW + 502 })
      time = NOW + 501
      expect(text(await table.store.read('session:a'))).toBe('flask')
      time = NOW + 502
      expect(await table.store.read('session:a')).toBeUndefined()
    })

    test('a foreign write is another version', async () => {
      await table.store.create('session:a', bytes('mine'), LATER)
      const mine = await table.store.read('session:a')
      await flaskWrites(table, 'session:a', bytes('theirs'), '2000000100')
      const result = await table.store.replace('session:a', bytes('new'), LATER, mine?.version)
      expect(result.kind === 'conflict' && text(result.current)).toBe('theirs')
      expect(await table.store.delete('session:a', mine?.version)).toBe('conflict')
      const theirs = await table.store.read('session:a')
      const next = await table.store.replace('session:a', bytes('new'), LATER, theirs?.version)
      expect(next.kind).toBe('replaced')
    })

    test('attributes of others stay where they are', async () => {
      await flaskWrites(table, 'session:a', bytes('flask'), '2000000100')
      await table.client.updateItem({
        TableName: table.name,
        Key,
        UpdateExpression: 'SET note = :note',
        ExpressionAttributeValues: { ':note': { S: 'kept' } },
      })
      const record = await table.store.read('session:a')
      await table.store.replace('session:a', bytes('new'), LATER, record?.version)
      expect(await table.store.touch('session:a', LATER, bytes('new'))).toBe('touched')
      expect((await item())?.['note']).toEqual({ S: 'kept' })
    })

    test('sweep removes what Flask-Session leaves, as it switches no time to live on', async () => {
      await flaskWrites(table, 'session:a', bytes('flask'), '1999999999.5')
      await table.store.create('live', bytes('x'), LATER)
      expect(await table.store.sweep?.()).toBe(1)
      expect(await item()).toBeUndefined()
      expect(text(await table.store.read('live'))).toBe('x')
    })
  })

  test('one request a verb, also for a lost race', async () => {
    const { store } = table
    const sent = requestsOf(table.client)
    const { version } = (await store.create('a', bytes('0'), LATER)) as { version: unknown }
    await store.create('a', bytes('1'), LATER)
    await store.read('a')
    await store.replace('a', bytes('1'), LATER, version)
    expect((await store.replace('a', bytes('2'), LATER, version)).kind).toBe('conflict')
    expect(await store.touch('a', LATER, bytes('1'))).toBe('touched')
    expect(await store.touch('a', LATER + 1, version)).toBe('conflict')
    expect(await store.delete('a', version)).toBe('conflict')
    expect(await store.delete('a')).toBe('deleted')
    expect(await store.delete('a')).toBe('gone')
    expect((await store.replace('a', bytes('2'), LATER, version)).kind).toBe('gone')
    expect(sent).toEqual([
      ...['UpdateItem', 'UpdateItem', 'GetItem', 'UpdateItem', 'UpdateItem', 'UpdateItem'],
      ...['UpdateItem', 'DeleteItem', 'DeleteItem', 'DeleteItem', 'UpdateItem'],
    ])
  })

  test('every read is consistent', async () => {
    const inputs: unknown[] = []
    table.client.middlewareStack.add((next) => (args) => {
      inputs.push(args.input)
      return next(args)
    })
    await table.store.read('a')
    for await (const _ of table.store.list?.() ?? []) break
    expect(inputs).toHaveLength(2)
    for (const input of inputs) expect(input).toMatchObject({ ConsistentRead: true })
  })

  test.for([
    ['val', { val: { S: 'text' } }],
    ['expiration', { expiration: { S: 'soon' } }],
  ] as const)('an item with another type in %s is a typed error', async ([, change]) => {
    const Item = { ...Key, val: { B: bytes('x') }, expiration: { N: '2000000100' }, ...change }
    await table.client.putItem({ TableName: table.name, Item })
    for (const call of [
      () => table.store.read('session:a'),
      () => table.store.replace('session:a', bytes('new'), LATER, bytes('x?')),
    ]) {
      expect(await failureOf(call)).toMatchObject({
        outcome: 'not-done',
        retriable: false,
        message: expect.stringContaining('not a session record'),
      })
    }
    expect((await table.store.create('session:a', bytes('new'), LATER)).kind).toBe('exists')
    expect(await table.store.delete('session:a')).toBe('deleted')
  })

  test('a record of the limit is kept and replaced; one byte more is not sent', async () => {
    const most = randomBytes(400_000)
    const { store } = table
    expect((await store.create('a', most, LATER)).kind).toBe('created')
    const { version } = (await store.read('a')) ?? {}
    const sent = requestsOf(table.client)
    const large = new Uint8Array(400_001)
    await expect(store.replace('a', large, LATER, version)).rejects.toMatchObject({
      name: 'TooLargeError',
      size: 400_001,
      limit: 400_000,
    })
    await expect(store.create('b', large, LATER)).rejects.toBeInstanceOf(TooLargeError)
    expect(sent).toEqual([])
    expect((await store.replace('a', randomBytes(400_000), LATER, version)).kind).toBe('replaced')
  })

  test('a record that fits only without the attributes of others is a TooLargeError', async () => {
    await flaskWrites(table, 'session:a', bytes('flask'), '2000000100')
    await table.client.updateItem({
      TableName: table.name,
      Key,
      UpdateExpression: 'SET note = :note',
      ExpressionAttributeValues: { ':note': { S: 'x'.repeat(20_000) } },
    })
    const { version } = (await table.store.read('session:a')) ?? {}
    await expect(
      table.store.replace('session:a', new Uint8Array(399_000), LATER, version),
    ).rejects.toMatchObject({ name: 'TooLargeError', size: 399_000 })
    expect(text(await table.store.read('session:a'))).toBe('flask')
  })

  test('list and sweep go through all pages', async () => {
    // A page ends after one megabyte.
    for (let n = 0; n < 8; n++) {
      await table.store.create(`live-${n}`, new Uint8Array(300_000), LATER)
      await table.store.create(`dead-${n}`, new Uint8Array(300_000), NOW + 1_000)
    }
    time = NOW + 1_000
    const sent = requestsOf(table.client)
    const listed: string[] = []
    for await (const id of table.store.list?.() ?? []) listed.push(id)
    expect(listed.toSorted()).toEqual(Array.from({ length: 8 }, (_, n) => `live-${n}`))
    expect(sent.length).toBeGreaterThan(3)
    expect(await table.store.sweep?.()).toBe(8)
  })

  describe('createTable', () => {
    test('switches time to live on, and may be called again', async () => {
      await table.store.createTable()
      const { TimeToLiveDescription } = await table.client.describeTimeToLive({
        TableName: table.name,
      })
      expect(TimeToLiveDescription).toMatchObject({
        AttributeName: 'expiration',
        TimeToLiveStatus: expect.stringMatching(/^ENABL/),
      })
      const { Table: made } = await table.client.describeTable({ TableName: table.name })
      expect(made).toMatchObject({
        KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
        BillingModeSummary: { BillingMode: 'PAY_PER_REQUEST' },
      })
    })

    test('refuses a table with another key, naming the fix', async () => {
      const TableName = `${table.name}-other`
      await table.client.createTable({
        TableName,
        KeySchema: [{ AttributeName: 'sid', KeyType: 'HASH' }],
        AttributeDefinitions: [{ AttributeName: 'sid', AttributeType: 'S' }],
        BillingMode: 'PAY_PER_REQUEST',
      })
      const store = dynamodbStore(table.client, { table: TableName })
      await expect(store.createTable()).rejects.toThrow(ConfigError)
      await expect(store.createTable()).rejects.toThrow('It has to be `id`, a string, alone')
      await table.client.deleteTable({ TableName })
    })

    /** A client whose credentials may not do some things. */
    const limited = (...refused: string[]) => {
      const { client, store } = table.another()
      client.middlewareStack.add((next, context) => (args) => {
        if (!refused.includes(String(context['commandName']))) return next(args)
        const denied = Object.assign(new Error('User is not authorized'), { $fault: 'client' })
        throw Object.assign(denied, { name: 'AccessDeniedException' })
      })
      return store
    }
    const ADMINISTRATION = [
      'CreateTableCommand',
      'DescribeTableCommand',
      'DescribeTimeToLiveCommand',
      'UpdateTimeToLiveCommand',
    ]

    test('accepts a table that is there, with credentials that may only use it', async () => {
      const warned = warnings()
      await limited(...ADMINISTRATION).createTable()
      expect(warned).toHaveBeenCalledExactlyOnceWith(
        expect.stringContaining('time to live is off'),
        { code: 'VIAL_DYNAMODB_TTL' },
      )
      await limited('CreateTableCommand', 'UpdateTimeToLiveCommand').createTable()
      expect(warned).toHaveBeenCalledOnce()
    })

    test('does not take a missing table for one that is there', async () => {
      warnings()
      await table.client.deleteTable({ TableName: table.name })
      for (const refused of [ADMINISTRATION, ['CreateTableCommand']]) {
        expect(await failureOf(() => limited(...refused).createTable())).toMatchObject({
          operation: 'createTable',
          outcome: 'not-done',
          retriable: false,
        })
      }
    })
  })
})

describe('the configuration', () => {
  test('refuses the bare client, naming the fix', () => {
    const bare = new DynamoDBClient({ region: 'eu-central-1' })
    expect(() => dynamodbStore(bare as never)).toThrow(ConfigError)
    expect(() => dynamodbStore(bare as never)).toThrow('new DynamoDB({ … })')
    expect(() => dynamodbStore(undefined as never)).toThrow(ConfigError)
  })

  test.each(['', 'ab', 'a b', 'x'.repeat(256)])('refuses %j as the name of a table', (name) => {
    const client = newClient('http://127.0.0.1:1')
    expect(() => dynamodbStore(client, { table: name })).toThrow(ConfigError)
  })

  test('asks for the table of another account by its ARN', async () => {
    const name = 'arn:aws:dynamodb:eu-central-1:123456789012:table/Sessions'
    const client = newClient('http://127.0.0.1:1')
    const asked: unknown[] = []
    client.middlewareStack.add((next) => (args) => {
      asked.push(args.input)
      return next(args)
    })
    await failureOf(dynamodbStore(client, { table: name }).read('session:a'))
    expect(asked).toEqual([{ TableName: name, Key, ConsistentRead: true }])
  })

  test('does not forget acknowledged writes on a failover', () => {
    expect(dynamodbStore(newClient('http://127.0.0.1:1')).forgets ?? false).toBe(false)
  })

  test('warns of a client that sends again, naming the option', async () => {
    const warned = warnings()
    dynamodbStore(newClient('http://127.0.0.1:1'))
    dynamodbStore(newClient('http://127.0.0.1:1', { maxAttempts: 3 }))
    await vi.waitFor(() => expect(warned).toHaveBeenCalled(), PATIENCE)
    expect(warned).toHaveBeenCalledExactlyOnceWith(expect.stringContaining('maxAttempts: 1'), {
      code: 'VIAL_DYNAMODB_RETRIES',
    })
  })
})

function warnings() {
  forgetWarnings()
  return vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
}

afterEach(() => {
  vi.restoreAllMocks()
})
