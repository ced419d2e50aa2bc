/**
 * The statements of the SQL store, one for each verb, compiled once for each store. A parameter is
 * bound by its name.
 *
 * @module
 */

import { type CompiledQuery, type QueryExecutor, type RawBuilder, sql } from 'kysely'
import { ConfigError } from '../../errors.ts'

/** MariaDB is `mysql`; what speaks PostgreSQL's language, such as PGlite, is `postgres`. */
export type SqlDialect = 'postgres' | 'mysql' | 'sqlite'

/** What a statement is bound to. */
export interface SqlValues {
  readonly id?: string
  readonly bytes?: Uint8Array
  /** The bytes that must be there. */
  readonly version?: Uint8Array
  readonly expires?: string
  readonly now?: string
  readonly limit?: number
  readonly after?: string
  readonly schema?: string | null
  readonly table?: string
}

/** A statement whose parameters are the names of what to bind. */
export interface SqlStatement {
  readonly query: CompiledQuery
  readonly writes: boolean
}

export interface SqlStatements {
  readonly read: SqlStatement
  /** On MySQL a plain insert. */
  readonly create: SqlStatement
  /** Writes over a record past its deadline. Absent: `create` does it. */
  readonly revive?: SqlStatement
  readonly replace: SqlStatement
  readonly touch: SqlStatement
  readonly delete: SqlStatement
  /** Deletes a live record. */
  readonly end: SqlStatement
  /** Deletes a live record of exactly that version. */
  readonly endVersion: SqlStatement
  readonly sweep: SqlStatement
  readonly list: SqlStatement
  /** What the columns hold. Absent: more than anybody stores. */
  readonly columns?: SqlStatement
  readonly createTable: readonly SqlStatement[]
}

/**
 * Tells the dialect from what its compiler writes: the quotes around a name and the sign of a parameter.
 *
 * @throws {ConfigError} When it is none of the three.
 */
export function detectDialect(executor: QueryExecutor): SqlDialect {
  const probe = sql`${sql.id('a')} ${'b'}`.compile({ getExecutor: () => executor }).sql
  if (probe === '"a" $1') return 'postgres'
  if (probe === '`a` ?') return 'mysql'
  if (probe === '"a" ?') return 'sqlite'
  throw new ConfigError(
    'sqlStore: the dialect of this Kysely instance is not known. Where it speaks the language of one of them, give dialect: postgres, mysql or sqlite.',
  )
}

const CAST: Readonly<Record<SqlDialect, (value: RawBuilder<unknown>) => RawBuilder<unknown>>> = {
  postgres: (value) => sql`cast(${value} as timestamp)`,
  mysql: (value) => sql`cast(${value} as datetime(6))`,
  sqlite: (value) => value,
}

const TEXT: Readonly<Record<SqlDialect, RawBuilder<unknown>>> = {
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
): SqlStatements {
  const compile = (builder: RawBuilder<unknown>, writes: boolean): SqlStatement => ({
    query: builder.compile({ getExecutor: () => executor }),
    writes,
  })
  const reads = (builder: RawBuilder<unknown>) => compile(builder, false)
  const writes = (builder: RawBuilder<unknown>) => compile(builder, true)

  const mysql = dialect === 'mysql'
  const own = schema === undefined ? sql.id(table) : sql.id(schema, table)
  const { id, bytes, version, limit, after } = NAMES
  const now = CAST[dialect](NAMES.now)
  const expires = CAST[dialect](NAMES.expires)
  // Flask-Session's table on MySQL compares without case. The first half finds the row, the second looks closely.
  const same = mysql
    ? sql`session_id = ${id} and cast(session_id as binary) = ${id}`
    : sql`session_id = ${id}`
  const live = sql`${same} and expiry > ${now}`
  const insert = sql`(session_id, data, expiry) values (${id}, ${bytes}, ${expires})`

  return {
    read: reads(sql`select data as bytes, ${TEXT[dialect]} as ends from ${own} where ${live}`),
    create: writes(
      mysql
        ? sql`insert into ${own} ${insert}`
        : sql`insert into ${own} as held ${insert} on conflict (session_id) do update
            set data = excluded.data, expiry = excluded.expiry
            where held.expiry is null or held.expiry <= ${now}`,
    ),
    ...(mysql && {
      revive: writes(sql`update ${own} set data = ${bytes}, expiry = ${expires}
        where ${same} and (expiry is null or expiry <= ${now})`),
      columns: reads(sql`select column_name as name, datetime_precision as digits,
          character_maximum_length as size, @@max_allowed_packet as packet
        from information_schema.columns where table_name = ${NAMES.table}
          and table_schema = coalesce(${NAMES.schema}, database())`),
    }),
    replace: writes(sql`update ${own} set data = ${bytes}, expiry = ${expires}
      where ${live} and data = ${version}`),
    touch: writes(sql`update ${own} set expiry = ${expires} where ${live}`),
    delete: writes(sql`delete from ${own} where ${same}`),
    end: writes(sql`delete from ${own} where ${live}`),
    endVersion: writes(sql`delete from ${own} where ${live} and data = ${version}`),
    sweep: writes(
      mysql
        ? sql`delete from ${own} where expiry <= ${now} order by expiry limit ${limit}`
        : // The last condition is for a row that came back to life after it was chosen.
          sql`delete from ${own} where session_id in (select session_id from ${own}
            where expiry <= ${now} order by expiry limit ${limit}) and expiry <= ${now}`,
    ),
    list: reads(sql`select session_id as name from ${own}
      where session_id > ${after} and expiry > ${now} order by session_id limit ${limit}`),
    createTable: tableOf(dialect, own, table, schema).map(writes),
  }
}

/** The layout of Flask-Session, with room for more, and an index for the sweep. */
function tableOf(
  dialect: SqlDialect,
  own: RawBuilder<unknown>,
  table: string,
  schema: string | undefined,
): RawBuilder<unknown>[] {
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

/** Parameters that hold their own names. */
const NAMES: Readonly<Record<keyof SqlValues, RawBuilder<unknown>>> = {
  id: sql.val('id'),
  bytes: sql.val('bytes'),
  version: sql.val('version'),
  expires: sql.val('expires'),
  now: sql.val('now'),
  limit: sql.val('limit'),
  after: sql.val('after'),
  schema: sql.val('schema'),
  table: sql.val('table'),
}

/** The statement with its values in place of their names. */
export function bind({ query }: SqlStatement, values: SqlValues): CompiledQuery {
  const parameters = query.parameters.map((name) => values[name as keyof SqlValues])
  return { ...query, parameters }
}
