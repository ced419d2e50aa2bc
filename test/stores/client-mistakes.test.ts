/** What each store says of a wrong argument, and of a client with wrong credentials or one that was closed. */

import { MongoClient } from 'mongodb'
import { MongoClient as MongoClient6 } from 'mongodb6'
import { ConfigError } from 'vial'
import { cacheStore } from 'vial/stores/cache'
import { cachelibFileStore } from 'vial/stores/cachelib-file'
import { dynamodbStore } from 'vial/stores/dynamodb'
import { fileStore } from 'vial/stores/file'
import { memcachedStore } from 'vial/stores/memcached'
import { mongodbStore } from 'vial/stores/mongodb'
import { redisStore } from 'vial/stores/redis'
import { sqlStore } from 'vial/stores/sql'
import { expect, test } from 'vitest'
import { openBy } from './sql-databases.ts'

test.each([
  ['redisStore', redisStore, 'redis://127.0.0.1'],
  ['memcachedStore', memcachedStore, 'localhost:11211'],
  ['sqlStore', sqlStore, 'postgres://127.0.0.1/db'],
  ['mongodbStore', mongodbStore, 'mongodb://127.0.0.1/db'],
  ['dynamodbStore', dynamodbStore, 'dynamodb://eu-central-1/table'],
  ['cacheStore', cacheStore, 'redis://127.0.0.1'],
  ['fileStore', fileStore, 'file:.sessions'],
  ['fileStore', fileStore, 'FILE:///var/sessions'],
  ['cachelibFileStore', cachelibFileStore, 'file:.sessions'],
] as const)('%s', (name, make, url) => {
  const call = () => (make as (argument: unknown) => unknown)(url)
  expect(call).toThrow(ConfigError)
  expect(call).toThrow(new RegExp(`^${name}: .* For a URL use openStore of 'vial/stores/open'\\.$`))
})

const named = (name: string) => Object.assign(new Error(), { name, $fault: 'client' })

test.each([
  ['AWS refused the credentials', named('UnrecognizedClientException')],
  ['AWS refused the credentials', named('InvalidSignatureException')],
  ['the credentials have expired', named('ExpiredTokenException')],
  ['has no region. Give it { region }', new Error('Region is missing')],
])('dynamodbStore: %s', async (text, error) => {
  const failing = () => Promise.reject(error)
  const client = { getItem: failing, deleteItem: failing, config: { maxAttempts: async () => 1 } }
  for (const call of ['read', 'delete'] as const) {
    await expect(dynamodbStore(client as never)[call]('id')).rejects.toMatchObject({
      message: expect.stringContaining(text),
      outcome: 'not-done',
      retriable: false,
    })
  }
})

test.each([
  ['refused the credentials', { code: '28P01' }],
  ['refused the credentials', { code: '28000' }],
  ['refused the credentials', { code: 'ER_ACCESS_DENIED_ERROR', errno: 1045, sqlState: '28000' }],
  ['no database of this name', { code: '3D000' }],
  ['no database of this name', { code: 'ER_BAD_DB_ERROR', errno: 1049, sqlState: '42000' }],
  ['lacks a permission', { code: '42501' }],
  ['lacks a permission', { code: 'ER_TABLEACCESS_DENIED_ERROR', errno: 1142, sqlState: '42000' }],
  ['lacks a permission', { code: 'ER_DBACCESS_DENIED_ERROR', errno: 1044, sqlState: '42000' }],
])('sqlStore: the server %s, by %o', async (text, codes) => {
  const db = openBy(() => Promise.reject(Object.assign(new Error(), codes)))
  const store = sqlStore(db, { sweepInterval: false })
  for (const call of ['read', 'delete'] as const) {
    await expect(store[call]('id')).rejects.toMatchObject({
      message: expect.stringMatching(`${call} failed: ${codes.code} \\(.*${text}`),
      outcome: 'not-done',
      retriable: false,
    })
  }
})

test('sqlStore: a Kysely instance that was closed', async () => {
  const db = openBy(async () => ({ rows: [], numAffectedRows: 0n }))
  const store = sqlStore(db, { sweepInterval: false })
  await store.delete('id')
  await db.destroy()
  await expect(store.delete('id')).rejects.toMatchObject({
    message: expect.stringContaining('the pool or the Kysely instance is closed'),
    outcome: 'not-done',
  })
})

test.each([
  ['mongodb', new MongoClient('mongodb://127.0.0.1:1')],
  ['mongodb6', new MongoClient6('mongodb://127.0.0.1:1')],
])('mongodbStore: a client of %s that was closed', async (_package, client) => {
  const connecting = client.connect().catch(() => undefined)
  await client.close()
  await connecting
  const store = mongodbStore(client.db('a').collection('b'))
  await expect(Promise.resolve(store.delete('id'))).rejects.toMatchObject({
    message: expect.stringContaining('the client is closed. Close it after the last request'),
    outcome: 'not-done',
    retriable: false,
  })
})
