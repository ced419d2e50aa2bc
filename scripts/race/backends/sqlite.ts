import { join } from 'node:path'
import { Kysely, SqliteDialect } from 'kysely'
import { type NodeSqliteDatabase, nodeSqlite } from 'vial/stores/node-sqlite'
import { sqlStore } from 'vial/stores/sql'
import { findSqlite } from '../../provision.ts'
import type { Backend } from '../backend.ts'

interface Sqlite {
  readonly DatabaseSync: new (
    file: string,
    options: { readonly timeout: number },
  ) => NodeSqliteDatabase & { exec(text: string): void }
}

/** With `node:sqlite`, so in the Node that has it. */
export const backend: Backend = {
  missing: () =>
    findSqlite() === undefined
      ? 'no Node with SQLite: run "npx tsx scripts/provision.ts sqlite"'
      : undefined,
  node: () => findSqlite()?.node,
  async open({ folder, first }) {
    const name: string = 'node:sqlite'
    const { DatabaseSync } = (await import(name)) as Sqlite
    const database = new DatabaseSync(join(folder, 'sessions.db'), { timeout: 5_000 })
    database.exec('pragma journal_mode = wal; pragma synchronous = normal')
    const db = new Kysely({ dialect: new SqliteDialect({ database: nodeSqlite(database) }) })
    const store = sqlStore(db, { sweepInterval: false })
    if (first) await store.createTable()
    return { store, close: () => db.destroy() }
  },
}
