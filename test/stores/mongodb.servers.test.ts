import { randomBytes, randomUUID } from 'node:crypto'
import process from 'node:process'
import type { Binary, Collection } from 'mongodb'
import { createSessions, StoreError, TooLargeError } from 'vial'
import { type MongodbStore, mongodbStore } from 'vial/stores/mongodb'
import { storeSuite } from 'vial/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { Browser } from '../core/requests.ts'
import { type FaultProxy, faultProxy } from '../support/fault-proxy.ts'
import { PATIENCE } from '../support/patience.ts'
import { service } from '../support/services.ts'
import { bytes, commandsOf, Database, DRIVERS, LATER, NOW, text } from './mongodb-collection.ts'
import { PROFILES } from './profiles.ts'

const found = service('mongodb')
const url = 'url' in found ? found.url : ''

/** Which server it is decides what was tried: the one that `npm run services` starts is DocumentDB. */
const server = process.env['VIAL_TEST_MONGODB_URL']
  ? 'a given server'
  : 'DocumentDB behind a gateway'
const where = 'missing' in found ? `${server} (skipped: ${found.missing})` : server

describe.each(DRIVERS)(`the contract on ${where}, $driver`, (driver) => {
  let database: Database
  let collection: Collection
  let proxied: Collection
  let proxy: FaultProxy

  beforeAll(async () => {
    if ('missing' in found) return
    const { hostname: host, port } = new URL(url)
    proxy = await faultProxy({ host, port: Number(port || 27_017) })
    database = new Database(url, driver)
    collection = database.collection('sessions')
    proxied = database.collection('sessions', database.client({}, proxy.url(url)))
    await mongodbStore(collection).createIndexes()
  })

  afterAll(async () => {
    await database?.close()
    await proxy?.close()
  })

  const onServer = test.skipIf('missing' in found)
  storeSuite({
    test: onServer,
    name: `mongodb, ${driver.driver}, ${server}`,
    async make({ now }) {
      await collection.deleteMany({})
      return {
        store: mongodbStore(proxied, { now }),
        another: () => mongodbStore(collection, { now }),
        // The driver also asks how the server is.
        loseNextReply: () =>
          void proxy.loseNextReply((request) =>
            /(update|delete)\0/.test(request.toString('latin1')),
          ),
        async foreignWrite(id, content, expiresAt) {
          const change = { id, val: new driver.Binary(content), expiration: new Date(expiresAt) }
          await collection.updateOne({ id }, { $set: change }, { upsert: true })
        },
      }
    },
    makeBroken({ now }) {
      const client = new driver.MongoClient('mongodb://127.0.0.1:1', {
        serverSelectionTimeoutMS: 100,
      })
      const store = mongodbStore(client.db('a').collection('b'), { now })
      return { store, close: () => client.close() }
    },
    ...PROFILES.mongodb.suite,
    ids: driver.driver === 'driver 7' ? 10_000 : 1_000,
  })
})

describe.skipIf('missing' in found).each(DRIVERS)(`on ${where}, $driver`, (driver) => {
  const { Binary } = driver
  let database: Database
  let collection: Collection
  let store: MongodbStore
  let time = NOW

  beforeAll(() => {
    database = new Database(url, driver)
    database.client({ monitorCommands: true })
  })

  afterAll(() => database?.close())

  beforeEach(() => {
    time = NOW
    ;({ collection, store } = database.fresh(() => time))
  })

  afterEach(() => {
    vi.restoreAllMocks()
  })

  /** Writes as Flask-Session 0.8 does. */
  const flaskWrites = (id: string, value: string | Binary, ms: number) => {
    const val = typeof value === 'string' ? new Binary(bytes(value)) : value
    const change = { $set: { id, val, expiration: new Date(ms) } }
    return collection.updateOne({ id }, change, { upsert: true })
  }

  describe('the layout of Flask-Session', () => {
    test('is what is written', async () => {
      await store.create('session:a', bytes('x'), LATER + 1)
      const document = await collection.findOne({}, { promoteBuffers: false })
      expect(document).toEqual({
        _id: 'session:a',
        id: 'session:a',
        val: new Binary(bytes('x'), 0),
        expiration: new Date(LATER + 1),
      })
    })

    test('is read, exact to the ms', async () => {
      await flaskWrites('session:a', 'flask', NOW + 501)
      expect(await store.read('session:a')).toMatchObject({ expiresAt: NOW + 501 })
      time = NOW + 500
      expect(text(await store.read('session:a'))).toBe('flask')
      time = NOW + 501
      expect(await store.read('session:a')).toBeUndefined()
    })

    test('a foreign write is another version', async () => {
      await store.create('session:a', bytes('mine'), LATER)
      const mine = await store.read('session:a')
      await flaskWrites('session:a', 'theirs', LATER)
      const result = await store.replace('session:a', bytes('new'), LATER, mine?.version)
      expect(result.kind === 'conflict' && text(result.current)).toBe('theirs')
      expect(await store.delete('session:a', mine?.version)).toBe('conflict')
      const theirs = await store.read('session:a')
      expect((await store.replace('session:a', bytes('new'), LATER, theirs?.version)).kind).toBe(
        'replaced',
      )
    })

    test.each([0, 2, 5, 128])('a value of subtype %i is replaced and deleted', async (subtype) => {
      for (const end of ['replaced', 'deleted']) {
        await flaskWrites('session:a', new Binary(bytes('old'), subtype), LATER)
        const record = await store.read('session:a')
        expect(text(record)).toBe('old')
        if (end === 'deleted') expect(await store.delete('session:a', record?.version)).toBe(end)
        else {
          expect(await store.touch('session:a', LATER + 1, record?.version)).toBe('touched')
          const result = await store.replace('session:a', bytes('new'), LATER, record?.version)
          expect(result.kind).toBe(end)
        }
      }
    })

    test('fields of others stay where they are', async () => {
      await flaskWrites('session:a', 'flask', LATER)
      await collection.updateOne({}, { $set: { note: 'kept' } })
      const { version } = (await store.read('session:a')) ?? {}
      await store.replace('session:a', bytes('new'), LATER, version)
      expect(await store.touch('session:a', LATER + 1, bytes('new'))).toBe('touched')
      expect((await collection.findOne({}))?.['note']).toBe('kept')
    })

    test('a logout removes all documents of an id, as Flask-Session may make two', async () => {
      for (const val of ['one', 'two']) {
        await collection.insertOne({
          id: 'session:a',
          val: bytes(val),
          expiration: new Date(LATER),
        })
      }
      expect(await store.delete('session:a')).toBe('deleted')
      expect(await store.read('session:a')).toBeUndefined()
      expect(await collection.countDocuments()).toBe(0)
    })

    test('two documents of an id: the index is not unique, one warning says so', async () => {
      const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
      for (const val of ['one', 'two']) {
        await collection.insertOne({
          id: 'session:a',
          val: bytes(val),
          expiration: new Date(LATER),
        })
      }
      await store.createIndexes()
      expect(warned).toHaveBeenCalledExactlyOnceWith(expect.stringContaining('is not unique'), {
        code: 'VIAL_MONGODB_INDEXES',
      })
      const indexes = await collection.indexes()
      expect(indexes.map(({ key, unique }) => [Object.keys(key)[0], unique ?? false])).toEqual([
        ['_id', false],
        ['id', false],
        ['expiration', false],
      ])
    })
  })

  test('createIndexes may be called again, also after Flask-Session made its index', async () => {
    const warned = vi.spyOn(process, 'emitWarning')
    await collection.createIndex({ expiration: 1 }, { expireAfterSeconds: 0 })
    await store.createIndexes()
    await store.createIndexes()
    expect(warned).not.toHaveBeenCalled()
    const indexes = await collection.indexes()
    expect(indexes).toHaveLength(3)
    expect(indexes).toContainEqual(expect.objectContaining({ key: { id: 1 }, unique: true }))
    expect(indexes).toContainEqual(
      expect.objectContaining({ key: { expiration: 1 }, expireAfterSeconds: 0 }),
    )
  })

  test('without indexes a live record is not made a second time', async () => {
    await store.create('a', bytes('first'), LATER)
    expect((await store.create('a', bytes('second'), LATER)).kind).toBe('exists')
    time = LATER
    expect((await store.create('a', bytes('third'), LATER + 1)).kind).toBe('created')
    expect(await collection.countDocuments()).toBe(1)
  })

  test('one command a verb, one more to distinguish a lost race from a record that is gone', async () => {
    const client = database.client({ monitorCommands: true })
    const own = mongodbStore(database.collection(collection.collectionName, client), {
      now: () => NOW,
    })
    await own.createIndexes()
    const sent = commandsOf(client)
    const { version } = (await own.create('a', bytes('0'), LATER)) as { version: unknown }
    await own.read('a')
    await own.replace('a', bytes('1'), LATER, version)
    expect(await own.touch('a', LATER, bytes('1'))).toBe('touched')
    expect(sent.splice(0)).toEqual(['update', 'find', 'update', 'update'])
    expect(await own.touch('a', LATER, version)).toBe('conflict')
    expect(sent.splice(0)).toEqual(['update', 'find'])
    expect((await own.replace('a', bytes('2'), LATER, version)).kind).toBe('conflict')
    expect(sent.splice(0)).toEqual(['update', 'find'])
    expect(await own.delete('a')).toBe('deleted')
    expect(sent.splice(0)).toEqual(['delete'])
    expect(await own.delete('a')).toBe('gone')
    expect(sent.splice(0)).toEqual(['delete', 'find'])
  })

  test('costs one command to read, two to write', async () => {
    const client = database.client({ monitorCommands: true })
    const own = mongodbStore(database.collection(collection.collectionName, client))
    const browser = new Browser(
      createSessions({ store: own, timeout: PATIENCE, cookie: { secure: false } }),
    )
    await browser.visit((session) => session.set('n', 1))
    const sent = commandsOf(client)
    await browser.visit((session) => expect(session.get('n')).toBe(1))
    expect(sent.splice(0)).toEqual(['find'])
    await browser.visit((session) => session.increment('n'))
    expect(sent.splice(0)).toEqual(['find', 'update'])
  })

  test('reads the newest state of the primary, whatever the client prefers', async () => {
    const options: unknown[] = []
    const client = database.client({
      readPreference: 'secondaryPreferred',
      readConcern: { level: 'majority' },
    })
    const preferring = database.collection(collection.collectionName, client)
    const { find } = preferring
    // findOne goes by find, too.
    preferring.find = ((filter: object, given: object) => {
      options.push(given)
      return find.call(preferring, filter, given)
    }) as typeof find
    const own = mongodbStore(preferring, { now: () => NOW })
    await own.read('a')
    await own.replace('a', bytes('x'), LATER, bytes('y'))
    for await (const _ of own.list?.() ?? []) break
    expect(options).toHaveLength(3)
    for (const given of options) {
      const primary = { readPreference: 'primary', readConcern: { level: 'local' } }
      expect(given).toMatchObject(primary)
    }
  })

  test("reads bytes and dates whatever the collection's options", async () => {
    const client = database.client({ promoteBuffers: true, promoteValues: false, raw: false })
    const own = mongodbStore(database.collection(collection.collectionName, client), {
      now: () => NOW,
    })
    await own.create('a', bytes('x'), LATER)
    const record = await own.read('a')
    expect(text(record)).toBe('x')
    expect(record?.expiresAt).toBe(LATER)
    expect((await own.replace('a', bytes('y'), LATER, record?.version)).kind).toBe('replaced')
    const listed: string[] = []
    for await (const id of own.list?.() ?? []) listed.push(id)
    expect(listed).toEqual(['a'])
  })

  test('0 alive after 100 deletes that ran into updates', async () => {
    await store.createIndexes()
    let alive = 0
    for (let schedule = 0; schedule < 100; schedule++) {
      const id = `session:${schedule}`
      await store.create(id, bytes('0'), LATER)
      const writers = Array.from({ length: 4 }, async (_, n) => {
        for (let turn = 0; turn < 20; turn++) {
          const record = await store.read(id)
          if (record === undefined) return
          const next = bytes(`${schedule} ${n} ${turn}`)
          if (n === 3) await store.touch(id, LATER + turn, record.version)
          else await store.replace(id, next, LATER, record.version)
        }
      })
      for (let wait = 0; wait < schedule % 7; wait++) await store.read(id)
      await store.delete(id)
      if ((await store.read(id)) !== undefined) alive++
      await Promise.all(writers)
      if ((await store.read(id)) !== undefined) alive++
    }
    expect(alive).toBe(0)
  })

  test('a record of the limit is kept and replaced; one byte more is not sent', async () => {
    const client = database.client({ monitorCommands: true })
    const own = mongodbStore(database.collection(collection.collectionName, client), {
      now: () => NOW,
    })
    await own.create('a', randomBytes(8_000_000), LATER)
    const { version } = (await own.read('a')) ?? {}
    const sent = commandsOf(client)
    const large = new Uint8Array(8_000_001)
    await expect(own.replace('a', large, LATER, version)).rejects.toMatchObject({
      name: 'TooLargeError',
      size: 8_000_001,
      limit: 8_000_000,
    })
    await expect(own.create('b', large, LATER)).rejects.toBeInstanceOf(TooLargeError)
    expect(sent).toEqual([])
    const last = randomBytes(8_000_000)
    expect((await own.replace('a', last, LATER, version)).kind).toBe('replaced')
  })

  test('a document whose val is no binary value is a typed error', async () => {
    await collection.insertOne({ id: 'a', val: 'text', expiration: new Date(LATER) })
    for (const call of [
      () => store.read('a'),
      () => store.replace('a', bytes('new'), LATER, bytes('x')),
    ]) {
      const error = await call().then(
        () => undefined,
        (reason: unknown) => reason,
      )
      expect(error).toBeInstanceOf(StoreError)
      expect(error).toMatchObject({ outcome: 'not-done', retriable: false })
      expect(String(error)).toContain('not a session record')
    }
    expect((await store.create('a', bytes('new'), LATER)).kind).toBe('exists')
    expect(await store.delete('a')).toBe('deleted')
  })

  test('lists an id with several documents once', async () => {
    await store.create('session:a', bytes('x'), LATER)
    await collection.insertOne({ id: 'session:a', val: bytes('2'), expiration: new Date(LATER) })
    await store.create('session:b', bytes('x'), LATER)
    const listed: string[] = []
    for await (const id of store.list?.() ?? []) listed.push(id)
    expect(listed).toEqual(['session:a', 'session:b'])
  })

  test('a sweep goes through all batches', async () => {
    const documents = Array.from({ length: 1_200 }, () => ({
      id: randomUUID(),
      val: bytes('x'),
      expiration: new Date(NOW - 1),
    }))
    await collection.insertMany(documents)
    await store.create('live', bytes('x'), LATER)
    const client = database.client({ monitorCommands: true })
    const own = mongodbStore(database.collection(collection.collectionName, client), {
      now: () => NOW,
    })
    const sent = commandsOf(client)
    expect(await own.sweep?.({ limit: 1 })).toBe(1)
    expect(await own.sweep?.()).toBe(1_199)
    expect(sent).not.toContain('getMore')
    expect(await collection.countDocuments()).toBe(1)
  })
})
