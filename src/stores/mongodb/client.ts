/**
 * The part of a collection of the official driver, versions 6 and 7, that the MongoDB store uses.
 *
 * @module
 */

type Document = Record<string, unknown>

/**
 * How a read is done, whatever the client's options: the primary's newest state, values as JavaScript's, binary data
 * with their subtype.
 */
export interface MongodbReadOptions {
  readonly projection: Record<string, 0 | 1>
  readonly readPreference: 'primary'
  readonly readConcern: { readonly level: 'local' }
  readonly promoteBuffers: false
  readonly promoteValues: true
  readonly raw: false
  readonly sort?: Record<string, 1>
  readonly limit?: number
  readonly batchSize?: number
}

/** Binary data as the driver returns them when it makes no `Buffer` of them. */
export interface MongodbBinary {
  readonly _bsontype: 'Binary'
  /** May be longer than the data. */
  readonly buffer: Uint8Array
  /** The length of the data. */
  readonly position: number
}

/** The part of `client.db(…).collection(…)` that the store uses. */
export interface MongodbCollection {
  readonly namespace: string
  findOne(filter: Document, options: MongodbReadOptions): Promise<object | null>
  find(filter: Document, options: MongodbReadOptions): AsyncIterable<object>
  updateOne(
    filter: Document,
    update: Record<string, Document>,
    options?: { readonly upsert?: boolean },
  ): Promise<{ readonly matchedCount: number; readonly upsertedCount: number }>
  deleteMany(filter: Document): Promise<{ readonly deletedCount: number }>
  createIndex(
    keys: Record<string, 1>,
    options: { readonly unique?: boolean; readonly expireAfterSeconds?: number },
  ): Promise<string>
  /** Read for `w`, which says how many members have a write when it is acknowledged. */
  readonly writeConcern?: { readonly w?: number | string } | undefined
  /** Read for `retryWrites`. Absent: taken to be true, as by default. */
  readonly client?: { readonly options?: { readonly retryWrites?: boolean } }
}
