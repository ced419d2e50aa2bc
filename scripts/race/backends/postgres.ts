import connectPgSimple from 'connect-pg-simple'
import session from 'express-session'
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { sqlStore } from 'vial/stores/sql'
import type { Backend } from '../backend.ts'

function connect(url: string): pg.Pool {
  const pool = new pg.Pool({ connectionString: url })
  pool.on('error', (error) => console.error(error))
  return pool
}

export const backend: Backend = {
  service: 'postgres',
  async open({ url, name, first }) {
    const db = new Kysely({ dialect: new PostgresDialect({ pool: connect(url) }) })
    const store = sqlStore(db, { table: name, sweepInterval: false })
    if (first) await store.createTable()
    return {
      store,
      remove: () => db.schema.dropTable(name).ifExists().execute(),
      close: () => db.destroy(),
    }
  },
  peer: {
    name: 'connect-pg-simple',
    open({ url, name }) {
      const pool = connect(url)
      const PgStore = connectPgSimple(session)
      const store = new PgStore({
        pool,
        tableName: name,
        createTableIfMissing: true,
        pruneSessionInterval: false,
      })
      return {
        store,
        remove: () => pool.query(`drop table if exists ${name}`),
        close: () => pool.end(),
      }
    },
  },
}
