/**
 * The indexes of the MongoDB store.
 *
 * @module
 */

import type { MongodbCollection } from './collection.ts'
import { isDuplicate, isOtherIndex } from './errors.ts'

/** Makes them where they are missing, and warns where another one is in the way. */
export async function createIndexes(collection: MongodbCollection): Promise<void> {
  const name = JSON.stringify(collection.namespace)
  try {
    await collection.createIndex({ id: 1 }, { unique: true })
  } catch (error) {
    if (isDuplicate(error)) await collection.createIndex({ id: 1 }, {})
    else if (!isOtherIndex(error)) throw error
    warn(
      `mongodbStore: the index on \`id\` of ${name} is not unique, as documents there share an id or another index has its place, so two writers can make a session of one id at the same moment. Remove these documents, drop that index and call createIndexes() again.`,
    )
  }
  try {
    await collection.createIndex({ expiration: 1 }, { expireAfterSeconds: 0 })
  } catch (error) {
    if (!isOtherIndex(error)) throw error
    warn(
      `mongodbStore: another index on \`expiration\` of ${name} has the place of the one by which the server removes what has expired. Drop it and call createIndexes() again.`,
    )
  }
}

function warn(message: string): void {
  process.emitWarning(message, { code: 'VIAL_MONGODB_INDEXES' })
}
