/**
 * The statements of the SQL store, one for each verb, compiled once for each store. Parameters are bound by name, and
 * instants travel as text in UTC, out of reach of every time zone: the process's, the session's and the driver's.
 */

import { type CompiledQuery, type QueryExecutor, type RawBuilder, sql } from 'kysely'
import { ConfigError } from '../../errors.ts'

/** MariaDB is `mysql`; databases with PostgreSQL's language, such as PGlite, are `postgres`. */
export type SqlDialect = 'postgres' | 'mysql' | 'sqlite'

/** The values of a statement's parameters, but for `now`. */
export interface SqlValues {
  readonly id?: string
  readonly bytes?: Uint8Array
  /** The bytes that the record must have. */
  readonly version?: Uint8Array
  readonly expires?: string
  readonly limit?: number
  readonly after?: string
  readonly schema?: string | null
  readonly table?: string
}

/** A statement whose parameters are the names of their values. */
export interface SqlStatement {
  readonly query: CompiledQuery
  /** It changes rows, and the driver reports how many. */
  readonly writes: boolean
}

/**
 * Recognises the dialect by what its compiler writes: the quotes around a name and the sign of a parameter.
 *
 * @throws {ConfigError} When it is another one.
 */
export function detectDialect(executor: QueryExecutor): SqlDialect {
  const probe = sql`${sql.id('a')} ${'b'}`.compile({ getExecutor: () => executor }).sql
  if (probe === '"a" $1') return 'postgres'
  if (probe === '`a` ?') return 'mysql'
  if (probe === '"a" ?') return 'sqlite'
  throw new ConfigError(
    "sqlStore: the dialect of this Kysely instance is not known. If it has the language of PostgreSQL, MySQL or SQLite, set the option dialect to 'postgres', 'mysql' or 'sqlite'.",
  )
}

type Fragment = RawBuilder<unknown>

/** The type that an instant is cast to. */
const TIME: Readonly<Record<SqlDialect, Fragment>> = {
  postgres: sql`timestamp`,
  mysql: sql`datetime(6)`,
  sqlite: sql`text`,
}

/** The column `expiry` as text. */
const EXPIRY: Readonly<Record<SqlDialect, Fragment>> = {
  postgres: sql`to_char(expiry, 'YYYY-MM-DD HH24:MI:SS.US')`,
  mysql: sql`date_format(expiry, '%Y-%m-%d %H:%i:%s.%f')`,
  sqlite: sql`expiry`,
}

/** Compiles all statements for a table. */
export function compileStatements(
  executor: QueryExecutor,
  dialect: SqlDialect,
  table: string,
  schema: string | undefined,
) {
  const compile =
    (writes: boolean) =>
    (fragment: Fragment): SqlStatement => ({
      query: fragment.compile({ getExecutor: () => executor }),
      writes,
    })
  const reads = compile(false)
  const writes = compile(true)

  const mysql = dialect === 'mysql'
  const own = schema === undefined ? sql.id(table) : sql.id(schema, table)
  const [bytes, version, limit] = [parameter('bytes'), parameter('version'), parameter('limit')]
  const instant = (name: 'now' | 'expires') => sql`cast(${parameter(name)} as ${TIME[dialect]})`
  const now = instant('now')
  const expires = instant('expires')
  // MySQL gets the bytes of an id, as mysql2 escapes text with backslashes also where the server does not know them.
  const key = (name: 'id' | 'after') => (mysql ? sql`_utf8mb4 ${parameter(name)}` : parameter(name))
  const id = key('id')
  // Flask-Session's table on MySQL compares without case: the first half finds the row by the index, the second compares
  // the bytes.
  const same = mysql
    ? sql`session_id = ${id} and cast(session_id as binary) = ${parameter('id')}`
    : sql`session_id = ${id}`
  const live = sql`${same} and expiry > ${now}`
  const insert = sql`(session_id, data, expiry) values (${id}, ${bytes}, ${expires})`

  return {
    read: reads(sql`select data as bytes, ${EXPIRY[dialect]} as ends from ${own} where ${live}`),
    create: writes(
      mysql
        ? sql`insert into ${own} ${insert}`
        : sql`insert into ${own} as held ${insert} on conflict (session_id) do update
            set data = excluded.data, expiry = excluded.expiry
            where held.expiry is null or held.expiry <= ${now}`,
    ),
    /** Writes over an expired record. Undefined: `create` does it. */
    revive: mysql
      ? writes(sql`update ${own} set data = ${bytes}, expiry = ${expires}
          where ${same} and (expiry is null or expiry <= ${now})`)
      : undefined,
    /** Reads what the columns hold. Undefined: they hold more than a session needs. */
    columns: mysql
      ? reads(sql`select column_name as name, datetime_precision as digits,
            character_maximum_length as size, @@max_allowed_packet as packet
          from information_schema.columns where table_name = ${parameter('table')}
            and table_schema = coalesce(${parameter('schema')}, database())`)
      : undefined,
    replace: writes(sql`update ${own} set data = ${bytes}, expiry = ${expires}
      where ${live} and data = ${version}`),
    touch: writes(sql`update ${own} set expiry = ${expires} where ${live} and data = ${version}`),
    delete: writes(sql`delete from ${own} where ${same}`),
    /** Deletes a live record of exactly one version. */
    end: writes(sql`delete from ${own} where ${live} and data = ${version}`),
    sweep: writes(
      mysql
        ? sql`delete from ${own} where expiry <= ${now} order by expiry limit ${limit}`
        : // The last condition spares a row that was written again after it was chosen.
          sql`delete from ${own} where session_id in (select session_id from ${own}
            where expiry <= ${now} order by expiry limit ${limit}) and expiry <= ${now}`,
    ),
    list: reads(sql`select session_id as name from ${own}
      where session_id > ${key('after')} and expiry > ${now} order by session_id limit ${limit}`),
    // These report no rows, and may be repeated.
    createTable: tableOf(dialect, own, table, schema).map(reads),
  }
}

/** The layout of Flask-Session with wider columns, and an index for the sweep. */
function tableOf(
  dialect: SqlDialect,
  own: Fragment,
  table: string,
  schema: string | undefined,
): Fragment[] {
  const index = `${table}_expiry`
  switch (dialect) {
    case 'postgres':
      return [
        sql`create table if not exists ${own} (id bigserial primary key,
          session_id varchar(255) not null unique, data bytea not null, expiry timestamp not null)`,
        sql`create index if not exists ${sql.id(index)} on ${own} (expiry)`,
      ]
    case 'mysql':
      return [
        sql`create table if not exists ${own} (id bigint auto_increment primary key,
          session_id varchar(255) character set utf8mb4 collate utf8mb4_bin not null unique,
          data mediumblob not null, expiry datetime(6) not null, index ${sql.id(index)} (expiry))`,
      ]
    case 'sqlite':
      return [
        sql`create table if not exists ${own} (id integer primary key autoincrement,
          session_id varchar(255) not null unique, data blob not null, expiry datetime not null)`,
        sql`create index if not exists ${schema === undefined ? sql.id(index) : sql.id(schema, index)}
          on ${sql.id(table)} (expiry)`,
      ]
  }
}

/** A parameter that holds its own name. */
function parameter(name: keyof SqlValues | 'now'): Fragment {
  return sql.val(name)
}

/** The last instant that every dialect can hold: 9999-12-31 23:59:59.999. */
const LAST = 253_402_300_799_999

/**
 * An instant as `YYYY-MM-DD HH:MM:SS.ffffff` in UTC. All digits are written, as SQLite compares the text.
 *
 * @param at In ms since the epoch.
 * @param grain In ms; the instant is rounded up to it.
 */
export function instantText(at: number, grain = 1): string {
  const text = new Date(Math.min(Math.ceil(at / grain) * grain, LAST)).toISOString()
  return `${text.slice(0, 10)} ${text.slice(11, 23)}000`
}

/** The ms since the epoch, rounded up; undefined when the text is not an instant. */
export function parseInstant(text: unknown): number | undefined {
  if (typeof text !== 'string') return undefined
  const at = Date.parse(`${text.slice(0, 10)}T${text.slice(11, 23)}Z`)
  if (Number.isNaN(at)) return undefined
  return /[1-9]/.test(text.slice(23)) ? at + 1 : at
}
