import { MongoStore } from 'connect-mongo'
import { MongoClient } from 'mongodb'
import { mongodbStore } from 'vial/stores/mongodb'
import type { Backend } from '../backend.ts'

const DATABASE = 'vial_race'

export const backend: Backend = {
  service: 'mongodb',
  async open({ url, name, first }) {
    const client = new MongoClient(url, { writeConcern: { w: 'majority' } })
    const collection = client.db(DATABASE).collection(name)
    const store = mongodbStore(collection)
    if (first) await store.createIndexes()
    return { store, remove: () => collection.drop(), close: () => client.close() }
  },
  peer: {
    name: 'connect-mongo',
    async open({ url, name }) {
      const client = await new MongoClient(url).connect()
      const store = MongoStore.create({ client, dbName: DATABASE, collectionName: name })
      const collection = client.db(DATABASE).collection(name)
      return { store, remove: () => collection.drop(), close: () => store.close() }
    },
  },
}
