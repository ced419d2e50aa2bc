/** What the server undoes for the sake of another writer (WriteConflict) is sent again: nothing of it was done. */

import { type Collection, MongoServerError } from 'mongodb'
import { StoreError } from 'vial'
import { type MongodbStore, mongodbStore } from 'vial/stores/mongodb'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { service } from '../support/services.ts'
import { bytes, Database, DRIVERS, LATER, NOW, text } from './mongodb-collection.ts'

const found = service('mongodb')
const url = 'url' in found ? found.url : ''
const where = `DocumentDB behind a gateway${'missing' in found ? ` (skipped: ${found.missing})` : ''}`

/** As DocumentDB reports that it ended a deadlock, which many creates of one id may run into. */
const undone = (code: number) => new MongoServerError({ ok: 0, code, errmsg: 'deadlock detected' })

describe.skipIf('missing' in found).each(DRIVERS)(`on ${where}, $driver`, (driver) => {
  let database: Database
  let collection: Collection
  /** Of a collection whose server undoes as many of the next writes as `left` says. */
  let store: MongodbStore
  let left = 0
  let code = 112
  let onUndone: () => void = () => undefined

  beforeAll(() => {
    database = new Database(url, driver)
    database.client()
  })

  afterAll(() => database?.close())

  beforeEach(async () => {
    left = 0
    code = 112
    onUndone = () => undefined
    const fresh = database.fresh()
    await fresh.store.createIndexes()
    collection = fresh.collection
    const undoing = <Verb extends 'updateOne' | 'deleteMany'>(verb: Verb) =>
      ((...given: Parameters<Collection[Verb]>) => {
        if (left === 0) return Reflect.apply(collection[verb], collection, given)
        left--
        onUndone()
        return Promise.reject(undone(code))
      }) as Collection[Verb]
    store = mongodbStore(
      new Proxy(collection, {
        get(target, name) {
          if (name === 'updateOne' || name === 'deleteMany') return undoing(name)
          const value: unknown = Reflect.get(target, name, target)
          return typeof value === 'function' ? value.bind(target) : value
        },
      }),
      { now: () => NOW },
    )
  })

  test('every verb that writes is done, once', async () => {
    left = 2
    expect((await store.create('a', bytes('0'), LATER)).kind).toBe('created')
    left = 2
    expect((await store.create('a', bytes('1'), LATER)).kind).toBe('exists')
    const { version } = (await store.read('a')) ?? {}
    left = 2
    expect((await store.replace('a', bytes('2'), LATER, version)).kind).toBe('replaced')
    left = 2
    expect((await store.replace('a', bytes('3'), LATER, version)).kind).toBe('conflict')
    left = 2
    expect(await store.touch('a', LATER + 1, bytes('2'))).toBe('touched')
    left = 2
    expect(await store.touch('a', LATER + 2, version)).toBe('conflict')
    expect(text(await store.read('a'))).toBe('2')
    left = 2
    expect(await store.delete('a')).toBe('deleted')
    expect(await collection.countDocuments()).toBe(0)
    await collection.insertOne({ id: 'b', val: bytes('x'), expiration: new Date(NOW) })
    left = 2
    expect(await store.sweep?.()).toBe(1)
    expect(left).toBe(0)
  })

  test.each([112, 365])(
    'a touch that is undone for ever with %i is a conflict, so that it fails no read',
    async (given) => {
      code = given
      const { version } = (await store.create('a', bytes('0'), LATER)) as { version: unknown }
      left = Number.POSITIVE_INFINITY
      expect(await store.touch('a', LATER + 1, version)).toBe('conflict')
      left = 0
      expect(await store.read('a')).toMatchObject({ expiresAt: LATER })
    },
  )

  test('one that is undone for ever is reported as not done', async () => {
    left = Number.POSITIVE_INFINITY
    const error = await store.create('a', bytes('0'), LATER).then(
      () => undefined,
      (reason: unknown) => reason,
    )
    expect(error).toBeInstanceOf(StoreError)
    expect(error).toMatchObject({ operation: 'create', outcome: 'not-done', retriable: true })
    left = 0
    expect(await store.read('a')).toBeUndefined()
  })

  test('is not sent again when no caller waits any more', async () => {
    const controller = new AbortController()
    left = Number.POSITIVE_INFINITY
    let sent = 0
    onUndone = () => {
      if (++sent === 2) controller.abort()
    }
    const { signal } = controller
    await expect(store.create('a', bytes('0'), LATER, { signal })).rejects.toMatchObject({
      outcome: 'not-done',
    })
    expect(sent).toBe(2)
  })

  test('without indexes, too, exactly one of many creates inserts', async () => {
    const { store: plain, collection } = database.fresh()
    for (let turn = 0; turn < 5; turn++) {
      const creates = Array.from({ length: 20 }, (_, n) => plain.create('a', bytes(`${n}`), LATER))
      const kinds = (await Promise.all(creates)).map(({ kind }) => kind)
      const winner = kinds.indexOf('created')
      expect(kinds.filter((kind) => kind === 'created')).toHaveLength(1)
      expect(text(await plain.read('a'))).toBe(`${winner}`)
      expect(await collection.countDocuments()).toBe(1)
      await plain.delete('a')
    }
  })

  test('a list of several pages gives each id once, and needs no cursor in between', async () => {
    const ids = Array.from({ length: 2_000 }, (_, n) => `session:${n}`)
    const all = [...ids, 'session:1', 'session:999']
    const expiration = new Date(LATER)
    const plain = database.fresh()
    await plain.collection.insertMany(all.map((id) => ({ id, val: bytes('x'), expiration })))
    const listed: string[] = []
    for await (const id of plain.store.list?.() ?? []) listed.push(id)
    expect(listed).toEqual([...ids].sort())
  })
})
