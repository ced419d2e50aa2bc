/** PGlite for the tests of the SQL store. */
import { PGlite } from '@electric-sql/pglite'
import { type Db, openBy } from './sql-databases.ts'

/** A Kysely on PGlite, by a dialect of the least that is needed. */
export function openPglite(database: PGlite = new PGlite()): Db {
  return openBy(
    async ({ sql: text, parameters }) => {
      const { rows, affectedRows } = await database.query(text, [...parameters])
      return { rows, numAffectedRows: BigInt(affectedRows ?? 0) }
    },
    () => database.close(),
  )
}
