/** What the MongoDB store takes, refuses and states before it has asked the server anything. */

import { MongoClient } from 'mongodb'
import { MongoClient as MongoClient6 } from 'mongodb6'
import { ConfigError } from 'vial'
import { mongodbStore } from 'vial/stores/mongodb'
import { describe, expect, test } from 'vitest'

describe('the configuration', () => {
  test('refuses what is no collection, naming the fix', () => {
    const client = new MongoClient('mongodb://127.0.0.1:1')
    for (const wrong of [undefined, client, client.db('a')]) {
      expect(() => mongodbStore(wrong as never)).toThrow(ConfigError)
      expect(() => mongodbStore(wrong as never)).toThrow(".collection('sessions')")
    }
  })

  test('takes a collection of either driver', () => {
    for (const right of [
      mongodbStore(new MongoClient('mongodb://127.0.0.1:1').db('a').collection('b')),
      mongodbStore(new MongoClient6('mongodb://127.0.0.1:1').db('a').collection('b')),
    ]) {
      expect(right).toMatchObject({ name: 'mongodb', atomic: true })
    }
  })

  test('forgets on a failover, unless a majority confirms each write', () => {
    const storeOf = (writeConcern?: { w: number | 'majority' }) => {
      const options = writeConcern === undefined ? {} : { writeConcern }
      const client = new MongoClient('mongodb://127.0.0.1:1', options)
      return mongodbStore(client.db('a').collection('b'))
    }
    expect(storeOf({ w: 'majority' }).forgets).toBe(false)
    expect(storeOf({ w: 1 }).forgets).toBe(true)
    expect(storeOf().forgets).toBe(true)
  })

  test('refuses writes that are not acknowledged, naming the fix', () => {
    const client = new MongoClient('mongodb://127.0.0.1:1', { writeConcern: { w: 0 } })
    expect(() => mongodbStore(client.db('a').collection('b'))).toThrow(ConfigError)
    expect(() => mongodbStore(client.db('a').collection('b'))).toThrow("w: 'majority'")
  })
})
