import { Kysely, MysqlDialect } from 'kysely'
import { createPool } from 'mysql2'
import { sqlStore } from 'vial/stores/sql'
import type { Backend } from '../backend.ts'

export const backend: Backend = {
  service: 'mariadb',
  async open({ url, name, first }) {
    const db = new Kysely({ dialect: new MysqlDialect({ pool: createPool({ uri: url }) }) })
    const store = sqlStore(db, { table: name, sweepInterval: false })
    if (first) await store.createTable()
    return {
      store,
      remove: () => db.schema.dropTable(name).ifExists().execute(),
      close: () => db.destroy(),
    }
  },
}
