/** Collections of a real server for the tests of the MongoDB store, and clients that count what they send. */

import { randomUUID } from 'node:crypto'
import type { Collection, MongoClient, MongoClientOptions } from 'mongodb'
import * as driver7 from 'mongodb'
import * as driver6 from 'mongodb6'
import { type MongodbStore, mongodbStore } from 'vial/stores/mongodb'
import { PATIENCE } from '../support/patience.ts'

/** A major version of the driver. Values of one cannot be sent by another. */
export interface Driver {
  readonly driver: string
  readonly MongoClient: typeof MongoClient
  readonly Binary: typeof driver7.Binary
}

/** What is used here is the same in all. */
export const DRIVERS: readonly Driver[] = [
  { driver: 'driver 7', MongoClient: driver7.MongoClient, Binary: driver7.Binary },
  {
    driver: 'driver 6',
    MongoClient: driver6.MongoClient as unknown as typeof MongoClient,
    Binary: driver6.Binary as unknown as typeof driver7.Binary,
  },
]

/** In 2033. */
export const NOW = 2_000_000_000_000
export const LATER: number = NOW + 3_600_000

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

export function text(record: { readonly bytes: Uint8Array } | undefined): string | undefined {
  return record && new TextDecoder().decode(record.bytes)
}

/** A database of its own, dropped at the end. */
export class Database {
  readonly #name = `vial-${randomUUID()}`
  readonly #url: string
  readonly #MongoClient: typeof MongoClient
  readonly #clients: MongoClient[] = []

  constructor(url: string, { MongoClient }: Pick<Driver, 'MongoClient'> = driver7) {
    this.#url = url
    this.#MongoClient = MongoClient
  }

  /** A client. A server under load answers its monitor late, so its time limits are long. */
  client(more: MongoClientOptions = {}, url: string = this.#url): MongoClient {
    const client = new this.#MongoClient(url, {
      serverSelectionTimeoutMS: PATIENCE,
      connectTimeoutMS: PATIENCE,
      heartbeatFrequencyMS: 500,
      ...more,
    })
    this.#clients.push(client)
    return client
  }

  collection(name: string, client: MongoClient = this.client()): Collection {
    return client.db(this.#name).collection(name)
  }

  /** A new collection without indexes, and a store on it. */
  fresh(now: () => number = () => NOW): { collection: Collection; store: MongodbStore } {
    const collection = this.collection(`sessions-${randomUUID()}`, this.#clients[0])
    return { collection, store: mongodbStore(collection, { now }) }
  }

  async close(): Promise<void> {
    await this.client().db(this.#name).dropDatabase()
    for (const client of this.#clients) await client.close()
  }
}

/** The commands on sessions that a client sends, from now on. It has to be made with `monitorCommands`. */
export function commandsOf(client: MongoClient): string[] {
  const names: string[] = []
  client.on('commandStarted', ({ commandName }) => {
    if (['find', 'update', 'delete', 'getMore'].includes(commandName)) names.push(commandName)
  })
  return names
}
