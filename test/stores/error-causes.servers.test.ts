/**
 * What a StoreError shows of a client's own error, on every server: no id and no key. Each test first sees that the client
 * itself, or the server, does put the id there, where it can be provoked.
 */

import { randomUUID } from 'node:crypto'
import { inspect } from 'node:util'
import { sql } from 'kysely'
import { memcachedStore } from 'vial/stores/memcached'
import { mongodbStore } from 'vial/stores/mongodb'
import { type RedisClient, redisStore } from 'vial/stores/redis'
import { sqlStore } from 'vial/stores/sql'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { failureOf } from '../support/failure-of.ts'
import { service } from '../support/services.ts'
import { LATER as IN_2033, newTable } from './dynamodb-table.ts'
import { Database } from './mongodb-collection.ts'
import { CLIENTS, clientsFor, newPrefix } from './redis-clients.ts'
import { bytes, type Db, newName, openMariadb, openPostgres, ownDatabase } from './sql-databases.ts'

const ID = 'aSelectorOf22Chars_xyz'
const LATER = Date.now() + 3_600_000

async function rawOf(failing: Promise<unknown>): Promise<string> {
  const error = await failing.then(
    (value) => value,
    (reason: unknown) => reason,
  )
  return inspect(error, { depth: 9 })
}

function expectNoId(error: unknown): void {
  expect((error as Error).cause).toBeInstanceOf(Error)
  expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(ID)
}

const redis = service('redis')

describe.skipIf('missing' in redis)('redis', () => {
  test.each(clientsFor('single'))('%s', async (name) => {
    const url = 'url' in redis ? redis.url : ''
    const prefix = newPrefix()
    const opened = CLIENTS[name]?.open(url)
    onTestFinished(async () => void (await opened?.close()))
    await opened?.connected
    const client = opened?.client as RedisClient
    const store = redisStore(client, { prefix, ...opened?.options })
    const send = client as unknown as Record<string, (...words: string[]) => Promise<unknown>>
    await (send['hSet'] ?? send['hset'])?.call(client, prefix + ID, 'field', 'value')
    const raw = await rawOf(send['get']?.call(client, prefix + ID) ?? Promise.resolve())
    if (name.startsWith('io')) expect(raw).toContain(ID)
    for (const verb of [
      async () => store.read(ID),
      async () => store.replace(ID, bytes('y'), LATER, bytes('x')),
      async () => store.delete(ID, bytes('x')),
    ]) {
      const error = await failureOf(verb)
      expectNoId(error)
      expect(error.cause).toMatchObject({ code: 'WRONGTYPE' })
    }
  })
})

describe.each(['postgres', 'mariadb'] as const)('%s', (name) => {
  const server = service(name)
  let db: Db
  let drop: (() => Promise<void>) | undefined

  beforeAll(async () => {
    if ('missing' in server) return
    const own = await ownDatabase(server.url)
    db = name === 'postgres' ? openPostgres(own.url) : openMariadb(own.url)
    drop = own.drop
  })
  afterAll(async () => {
    await db?.destroy()
    await drop?.()
  })

  test.skipIf('missing' in server)('a trigger that quotes the row', async () => {
    const table = newName()
    const store = sqlStore(db, { table, sweepInterval: false })
    await store.createTable()
    await sql.raw(QUOTING[name](table)).execute(db)
    const raw = await rawOf(
      sql`insert into ${sql.id(table)} (session_id) values (${ID})`.execute(db),
    )
    expect(raw).toContain(ID)
    const error = await failureOf(() => store.create(ID, bytes('x'), LATER))
    expectNoId(error)
    expect(error.cause).toMatchObject(
      name === 'postgres' ? { code: '22012' } : { errno: 1644, sqlState: '45000' },
    )
    await sql`drop table ${sql.id(table)}`.execute(db)
    expectNoId(await failureOf(() => store.read(ID)))
  })
})

const QUOTING = {
  postgres: (table: string) => `
    create function quote_${table}() returns trigger as $$ begin
      raise exception 'the row %', new.session_id
        using detail = new.session_id, hint = new.session_id, errcode = '22012';
    end $$ language plpgsql;
    create trigger quoting before insert on ${table} for each row execute function quote_${table}()`,
  mariadb: (table: string) => `
    create trigger quoting_${table} before insert on ${table} for each row begin
      declare quoted varchar(128) default concat('the row ', new.session_id);
      signal sqlstate '45000' set message_text = quoted;
    end`,
}

const mongodb = service('mongodb')

test.skipIf('missing' in mongodb)('mongodb: the server quotes the filter', async () => {
  const database = new Database('url' in mongodb ? mongodb.url : '')
  onTestFinished(() => database.close())
  const collection = database.collection('sessions')
  const bad = (filter: object) => ({ ...filter, [`$${ID}`]: ID })
  expect(await rawOf(collection.findOne(bad({ id: ID })))).toContain(ID)
  const quoting = Object.assign(Object.create(collection), {
    findOne: (filter: object) => collection.findOne(bad(filter)),
    deleteMany: (filter: object) => collection.deleteMany(bad(filter)),
  }) as typeof collection
  const store = mongodbStore(quoting)
  expectNoId(await failureOf(() => Promise.resolve(store.read(ID))))
  expectNoId(await failureOf(() => Promise.resolve(store.delete(ID))))
})

const dynamodb = service('dynamodb')

test.skipIf('missing' in dynamodb)('dynamodb: the item, the request and the response', async () => {
  const url = 'url' in dynamodb ? dynamodb.url : ''
  const table = await newTable(url)
  onTestFinished(() => table.close())
  await table.store.create(ID, bytes('x'), IN_2033)
  const { store, client } = table.another()
  // As some middleware of programs does it.
  client.middlewareStack.add(
    (next) => async (args) => {
      try {
        return await next(args)
      } catch (error) {
        throw Object.assign(error as Error, { input: args.input, $metadata: { attempts: 2 } })
      }
    },
    { step: 'initialize', name: 'quoting' },
  )
  const error = await failureOf(() => store.create(ID, bytes('x'), IN_2033))
  expectNoId(error)
  expect(error.cause).toMatchObject({
    name: 'ConditionalCheckFailedException',
    $fault: 'client',
    $metadata: { attempts: 2 },
  })
  await client.deleteTable({ TableName: table.name })
  for (const verb of [() => store.read(ID), () => store.delete(ID)]) {
    expectNoId(await failureOf(verb))
  }
})

test('memcached: a server that is away', async () => {
  const store = memcachedStore({ servers: '127.0.0.1:1', prefix: `${randomUUID()}:` })
  onTestFinished(async () => store.close?.())
  const error = await failureOf(() => store.create(ID, bytes('x'), LATER))
  expectNoId(error)
  expect(error.cause).toMatchObject({ code: 'ECONNREFUSED', address: '127.0.0.1', port: 1 })
})
