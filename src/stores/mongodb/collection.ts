/**
 * What the MongoDB store uses of a collection of the official driver, versions 6 and 7.
 *
 * @module
 */

type Document = Record<string, unknown>

/** How a read is done, whatever the client says: from the primary, values as JavaScript's, binary data with their subtype. */
export interface MongodbReadOptions {
  readonly projection: Record<string, 0 | 1>
  readonly readPreference: 'primary'
  readonly promoteBuffers: false
  readonly promoteValues: true
  readonly raw: false
  readonly sort?: Record<string, 1>
  readonly limit?: number
  readonly batchSize?: number
}

/** Binary data as the driver gives them unless they are made a `Buffer`. */
export interface MongodbBinary {
  readonly _bsontype: 'Binary'
  /** May be longer than the data. */
  readonly buffer: Uint8Array
  /** The length of the data. */
  readonly position: number
}

/** `client.db(…).collection(…)` of the driver, as far as the store uses it. */
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
  /** Looked at for `w: 0`, which gives no answers. */
  readonly writeConcern?: { readonly w?: number | string } | undefined
  /** Looked at for `retryWrites`; absent: taken to be on. */
  readonly client?: { readonly options?: { readonly retryWrites?: boolean } }
}
