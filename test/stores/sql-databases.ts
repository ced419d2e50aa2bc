/** Databases, clients and tables of their own for the tests of the SQL store. */
import { randomBytes } from 'node:crypto'
import {
  type CompiledQuery,
  type DatabaseConnection,
  Kysely,
  type KyselyConfig,
  MysqlDialect,
  PostgresAdapter,
  PostgresDialect,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
  sql,
} from 'kysely'
import { createPool, type PoolOptions } from 'mysql2'
import pg from 'pg'
import { type SqlStore, type SqlStoreOptions, sqlStore } from 'vial/stores/sql'
import type { StoreFixture, SuiteClock } from 'vial/testing'

export type Db = Kysely<unknown>

export const HOUR = 3_600_000

export function bytes(content: string): Uint8Array {
  return new TextEncoder().encode(content)
}

export function content(record: { readonly bytes: Uint8Array } | undefined): string | undefined {
  return record && new TextDecoder().decode(record.bytes)
}

export function newName(): string {
  return `vial_${randomBytes(6).toString('hex')}`
}

type Extras = Pick<KyselyConfig, 'log' | 'plugins'>

/** A Kysely on `pg`, as a program should make it. */
export function openPostgres(url: string, options: pg.PoolConfig = {}, extras: Extras = {}): Db {
  const pool = new pg.Pool({ connectionString: url, ...options })
  // Without these an idle connection that breaks ends the process.
  pool.on('error', () => undefined)
  pool.on('connect', (client) => client.on('error', () => undefined))
  return new Kysely({ dialect: new PostgresDialect({ pool }), ...extras })
}

/** A Kysely on `mysql2`. */
export function openMariadb(
  url: string,
  options: PoolOptions = {},
  extras: Extras = {},
  first: readonly string[] = [],
): Db {
  const pool = createPool({ uri: url, ...options })
  // Statements of one connection run in order, so these come before all others.
  pool.on('connection', (connection) => {
    for (const statement of first) connection.query(statement)
  })
  return new Kysely({ dialect: new MysqlDialect({ pool }), ...extras })
}

/** A Kysely of PostgreSQL's language whose statements a function answers. */
export function openBy(
  execute: (query: CompiledQuery) => Promise<QueryResult<unknown>>,
  destroy: () => Promise<void> = async () => undefined,
): Db {
  const connection: DatabaseConnection = {
    executeQuery: <R>(query: CompiledQuery) => execute(query) as Promise<QueryResult<R>>,
    streamQuery: () => {
      throw new Error('not needed')
    },
  }
  const nothing = async () => undefined
  return new Kysely({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createQueryCompiler: () => new PostgresQueryCompiler(),
      createIntrospector: (db) => new PostgresIntrospector(db),
      createDriver: () => ({
        init: nothing,
        acquireConnection: async () => connection,
        beginTransaction: nothing,
        commitTransaction: nothing,
        rollbackTransaction: nothing,
        releaseConnection: nothing,
        destroy,
      }),
    },
  })
}

/** Makes a database and resolves to its URL and what removes it. */
export async function ownDatabase(
  url: string,
): Promise<{ readonly url: string; readonly drop: () => Promise<void> }> {
  const name = newName()
  const run = async (statement: string) => {
    const db = url.startsWith('postgres') ? openPostgres(url) : openMariadb(url)
    await sql.raw(statement).execute(db)
    await db.destroy()
  }
  await run(`create database ${name}`)
  const own = new URL(url)
  own.pathname = name
  const force = url.startsWith('postgres') ? ' with (force)' : ''
  return { url: own.href, drop: () => run(`drop database ${name}${force}`) }
}

/** Flask-Session's own statement for its table, as SQLAlchemy writes it. */
export const FLASK_TABLES = {
  postgres: (table: string): string =>
    `CREATE TABLE ${table} (id SERIAL NOT NULL, session_id VARCHAR(255), data BYTEA, expiry TIMESTAMP WITHOUT TIME ZONE, PRIMARY KEY (id), UNIQUE (session_id))`,
  mysql: (table: string): string =>
    `CREATE TABLE ${table} (id INTEGER NOT NULL AUTO_INCREMENT, session_id VARCHAR(255), data BLOB, expiry DATETIME, PRIMARY KEY (id), UNIQUE (session_id))`,
}

/** What Flask-Session sends for a session that it has read: it neither looks at what is there now, nor at the deadline. */
async function writeAsFlask(
  db: Db,
  table: string,
  id: string,
  data: Uint8Array,
  expiresAt: number,
): Promise<void> {
  const expiry = new Date(expiresAt).toISOString().replace('T', ' ').replace('Z', '000')
  await sql`update ${sql.id(table)} set data = ${Buffer.from(data)}, expiry = ${sql.raw(`'${expiry}'`)}
    where session_id = ${id}`.execute(db)
}

/** A store on a new table, for one case of the suite. */
export async function fixtureOn(
  dbs: readonly [Db, Db],
  { now }: SuiteClock,
  layout?: (table: string) => string,
  loseNextReply?: (() => void) | undefined,
): Promise<StoreFixture> {
  const table = newName()
  const open = (db: Db) => sqlStore(db, { table, now, sweepInterval: false })
  const [first, second] = dbs
  if (layout !== undefined) await sql.raw(layout(table)).execute(first)
  const store = open(first)
  await store.createTable()
  return {
    store,
    async another() {
      const other = open(second)
      await other.createTable()
      return other
    },
    foreignWrite: (id, data, expiresAt) => writeAsFlask(second, table, id, data, expiresAt),
    ...(loseNextReply && { loseNextReply }),
    close: async () => void (await sql`drop table ${sql.id(table)}`.execute(first)),
  }
}

/** A store on a new table that stays until its database goes. */
export async function newStore(db: Db, options: SqlStoreOptions = {}): Promise<SqlStore> {
  const store = sqlStore(db, { table: newName(), sweepInterval: false, ...options })
  await store.createTable()
  return store
}
