/**
 * Sessions in a table of PostgreSQL, MySQL, MariaDB or SQLite, through Kysely. The table is Flask-Session's, and programs
 * of both sides can use it at the same time. Every statement is complete in itself; no transaction is opened.
 *
 * @module
 */

import type { QueryExecutor } from 'kysely'
import type { Duration } from '../../core/duration.ts'
import type { AsyncStore, ReplaceResult, StoredRecord, StoreOptions } from '../../core/store.ts'
import { ConfigError, StoreError } from '../../errors.ts'
import { sweeper } from '../shared/sweeper.ts'
import {
  readColumns,
  type SqlCall,
  type SqlColumns,
  statementRunner,
  tableMaker,
  tooLarge,
} from './run.ts'
import {
  compileStatements,
  detectDialect,
  instantText,
  parseInstant,
  type SqlDialect,
  toBuffer,
} from './statements.ts'

export type { SqlDialect } from './statements.ts'

/** The part of a `Kysely` instance (0.28 or later) that the store uses. Its type of tables does not matter. */
export interface SqlDatabase {
  readonly isTransaction: boolean
  getExecutor(): QueryExecutor
}

export interface SqlStoreOptions {
  /** The name of the table, at most 50 characters. @default 'sessions' */
  readonly table?: string
  /** The schema of the table; on MySQL the database. Absent: the connection's default. */
  readonly schema?: string
  /** The language of the database. Absent: recognised by the Kysely instance. */
  readonly dialect?: SqlDialect
  /** The clock, ms since the epoch. The database's own clock is never used. @default Date.now */
  readonly now?: () => number
  /** How often expired records are removed in the background. False: call `sweep`. @default '10m' */
  readonly sweepInterval?: Duration | false
  /** Called with errors of the background sweep. Absent: they are ignored. */
  readonly onError?: (error: unknown) => void
}

/** A store that can make its table. */
export interface SqlStore extends AsyncStore {
  /**
   * Makes the table with an index on `expiry` if it does not exist; a table that exists stays as it is. Any number of
   * processes may call it at once. Rejects with a `StoreError`, also when the existing table cannot hold sessions.
   */
  createTable(options?: StoreOptions): Promise<void>
}

/** How many rows a statement of `list` or `sweep` takes at most. */
const PAGE = 1_000

/**
 * Keeps sessions in a table. `db` is a Kysely instance; it stays open when the store is closed. Every read is one
 * statement on `db`, so `db` has to be connected to the primary and not to a replica.
 *
 * On MySQL `createTable` or the first write asks the server for the `resolution` and for the largest record.
 *
 * @throws {ConfigError} When `db` is not a Kysely instance or is a transaction, the dialect is not known, or an option is
 * not valid.
 */
export function sqlStore(db: SqlDatabase, options: SqlStoreOptions = {}): SqlStore {
  const { table = 'sessions', schema, now: clock = Date.now, sweepInterval = '10m' } = options
  const executor = executorOf(db)
  const dialect = dialectOf(options.dialect ?? detectDialect(executor))
  checkName('table', table)
  if (schema !== undefined) checkName('schema', schema)

  const statements = compileStatements(executor, dialect, table, schema)
  const run = statementRunner(executor)
  let columns: SqlColumns | undefined =
    statements.columns === undefined ? { resolution: 1, largest: Infinity } : undefined
  const createTable = tableMaker(run, statements)
  const sweeping = sweeper(
    'sqlStore',
    sweepInterval,
    (signal) => sweep({ signal }),
    options.onError,
  )

  const now = () => instantText(clock())
  const isFuture = (at: number) => at > clock()
  /** The parameter of an id: bytes on MySQL, see `statements.ts`. */
  const idOf = (id: string) => (dialect === 'mysql' ? Buffer.from(id) : id)

  /** Asks the server once; a failure is not kept. */
  async function askColumns(call: SqlCall): Promise<SqlColumns> {
    if (statements.columns !== undefined) {
      columns ??= await readColumns(run, call, statements.columns, table, schema)
    }
    return columns as SqlColumns
  }

  /** The text of an expiry that a verb writes; empty when it is not in the future. Checks that the bytes fit. */
  async function prepare(call: SqlCall, expiresAt: number, bytes?: Uint8Array): Promise<string> {
    sweeping.start()
    const { resolution, largest } = columns ?? (await askColumns(call))
    if (bytes !== undefined && bytes.length > largest) throw tooLarge(bytes.length, largest)
    return isFuture(expiresAt) ? instantText(expiresAt, resolution) : ''
  }

  /** Reads the live record of an id. */
  async function look(call: SqlCall, id: string): Promise<StoredRecord | undefined> {
    const { rows } = await run(call, statements.read, { id: idOf(id), now: now() })
    const [row] = rows
    if (row === undefined) return undefined
    const bytes = bytesOf(row['bytes'], call, 'the column data does not hold bytes')
    const expiresAt = parseInstant(row['ends'])
    return { bytes, version: bytes, ...(expiresAt !== undefined && { expiresAt }) }
  }

  async function sweep(options: StoreOptions & { readonly limit?: number } = {}): Promise<number> {
    const { limit = Infinity, signal } = options
    let removed = 0
    while (removed < limit) {
      const batch = Math.min(PAGE, limit - removed)
      const call = { operation: 'sweep', signal }
      const { changed } = await run(call, statements.sweep, { now: now(), limit: batch })
      removed += changed
      if (changed < batch) break
    }
    return removed
  }

  return {
    name: dialect,
    atomic: true,
    // Replicas follow later unless the server is set up otherwise, which it does not say. A file has no failover.
    forgets: dialect !== 'sqlite',

    get resolution() {
      return columns?.resolution ?? 1
    },

    createTable: async ({ signal } = {}) => {
      const call = { operation: 'createTable', signal }
      await createTable(call)
      await askColumns(call)
    },

    // Every read is fresh: there is no cache, and `db` is the primary.
    read: (id, { signal } = {}) => look({ operation: 'read', signal }, id),

    async create(id, bytes, expiresAt, { signal } = {}) {
      const call = { operation: 'create', signal }
      const expires = await prepare(call, expiresAt, bytes)
      if (expires === '') return { kind: (await look(call, id)) ? 'exists' : 'created' }
      const values = { id: idOf(id), bytes: toBuffer(bytes), expires, now: now() }
      const created = { kind: 'created', version: bytes } as const
      const { create, revive } = statements
      if (revive === undefined) {
        const { changed } = await run(call, create, values)
        return changed > 0 ? created : { kind: 'exists' }
      }
      if (await run(call, create, values, 'duplicate')) return created
      if ((await run(call, revive, values)).changed > 0) return created
      // An expired row may have been swept since the first insert.
      return (await run(call, create, values, 'duplicate')) ? created : { kind: 'exists' }
    },

    async replace(id, bytes, expiresAt, version, { signal } = {}): Promise<ReplaceResult> {
      const call = { operation: 'replace', signal }
      const old = bytesOf(version, call, NOT_A_VERSION)
      const expires = await prepare(call, expiresAt, bytes)
      const values = { id: idOf(id), bytes: toBuffer(bytes), version: toBuffer(old), expires }
      const statement = expires === '' ? statements.end : statements.replace
      const { changed } = await run(call, statement, { ...values, now: now() })
      if (changed > 0) return { kind: 'replaced', version: bytes }
      const current = await look(call, id)
      if (current === undefined) return { kind: 'gone' }
      return isSame(bytes, old) && isUnchanged(current, bytes, expires)
        ? { kind: 'replaced', version: bytes }
        : { kind: 'conflict', current }
    },

    async touch(id, expiresAt, version, { signal } = {}) {
      const call = { operation: 'touch', signal }
      const old = bytesOf(version, call, NOT_A_VERSION)
      const expires = await prepare(call, expiresAt)
      const values = { id: idOf(id), version: toBuffer(old), expires, now: now() }
      const statement = expires === '' ? statements.end : statements.touch
      // After so many deadlocks others write all the time, so this version will not last. A read must not fail for it.
      const result = await run(call, statement, values, 'deadlock')
      if (result === undefined) return 'conflict'
      if (result.changed > 0) return 'touched'
      const current = await look(call, id)
      if (current === undefined) return 'gone'
      return isUnchanged(current, old, expires) ? 'touched' : 'conflict'
    },

    async delete(id, version, { signal } = {}) {
      const call = { operation: 'delete', signal }
      sweeping.start()
      if (version === undefined) {
        const { changed } = await run(call, statements.delete, { id: idOf(id) })
        return changed > 0 ? 'deleted' : 'gone'
      }
      const old = bytesOf(version, call, NOT_A_VERSION)
      const values = { id: idOf(id), version: toBuffer(old), now: now() }
      if ((await run(call, statements.end, values)).changed > 0) return 'deleted'
      return (await look(call, id)) === undefined ? 'gone' : 'conflict'
    },

    sweep,

    async *list({ signal } = {}) {
      const call = { operation: 'list', signal }
      for (let after = ''; ; ) {
        const values = { after: idOf(after), now: now(), limit: PAGE }
        const { rows } = await run(call, statements.list, values)
        for (const row of rows) {
          after = String(row['name'])
          yield after
        }
        if (rows.length < PAGE) return
      }
    },

    close: () => sweeping.close(),
  }
}

const NOT_A_VERSION = 'the version is not one that this store returned'

function executorOf(db: SqlDatabase): QueryExecutor {
  if (typeof (db as Partial<SqlDatabase> | undefined)?.getExecutor !== 'function') {
    throw new ConfigError(
      'sqlStore: the first argument is not a Kysely instance. Pass new Kysely({ dialect }).',
    )
  }
  if (db.isTransaction) {
    throw new ConfigError(
      'sqlStore: the first argument is a transaction. Pass the Kysely instance itself.',
    )
  }
  // Plugins that rename columns are for the application's tables.
  return db.getExecutor().withoutPlugins()
}

function dialectOf(dialect: SqlDialect): SqlDialect {
  if (['postgres', 'mysql', 'sqlite'].includes(dialect)) return dialect
  throw new ConfigError(
    `sqlStore: the option dialect is ${JSON.stringify(dialect)}. Set it to 'postgres', 'mysql' or 'sqlite'.`,
  )
}

function checkName(option: string, name: unknown): void {
  if (typeof name === 'string' && /^[^\0]{1,50}$/.test(name)) return
  throw new ConfigError(`sqlStore: the option ${option} must be a name of 1 to 50 characters.`)
}

function bytesOf(value: unknown, { operation }: SqlCall, otherwise: string): Uint8Array {
  if (value instanceof Uint8Array) return value
  if (value instanceof ArrayBuffer) return new Uint8Array(value)
  throw new StoreError(`sqlStore: ${operation} failed: ${otherwise}.`, {
    operation,
    outcome: 'not-done',
    retriable: false,
  })
}

/**
 * Whether a record is what a statement that changed no row would have made of it: MySQL without FOUND_ROWS does not count
 * a row that stays the same.
 */
function isUnchanged({ bytes, expiresAt }: StoredRecord, wanted: Uint8Array, expires: string) {
  return expires !== '' && isSame(bytes, wanted) && expiresAt === parseInstant(expires)
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}
