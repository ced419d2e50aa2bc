/**
 * Sessions in a table of PostgreSQL, MySQL, MariaDB or SQLite, through Kysely. The table is Flask-Session's, and programs
 * of both sides can use it at the same time. Every statement is complete in itself; no transaction is opened.
 *
 * @module
 */

import type { QueryExecutor } from 'kysely'
import type { Duration } from '../../core/duration.ts'
import type { AsyncStore, ReplaceResult, StoredRecord, StoreOptions } from '../../core/store.ts'
import { ConfigError } from '../../errors.ts'
import { FOR_A_URL, refused } from '../shared/failure.ts'
import { sweeper } from '../shared/sweeper.ts'
import type { SqlFailureKind } from './failure.ts'
import {
  errorOf,
  readColumns,
  type SqlCall,
  type SqlColumns,
  type SqlResult,
  statementRunner,
  tooLarge,
} from './run.ts'
import {
  compileStatements,
  detectDialect,
  instantText,
  parseInstant,
  type SqlDialect,
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
/** How a touch fails that meets other writers. */
const CONTENDED: readonly SqlFailureKind[] = ['undone', 'locked']
const UNBOUNDED: SqlColumns = { resolution: 1, largest: Infinity }

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
  const { table = 'sessions', schema, now = Date.now, sweepInterval = '10m', onError } = options
  const executor = executorOf(db)
  const dialect = options.dialect ?? detectDialect(executor)
  if (!['postgres', 'mysql', 'sqlite'].includes(dialect)) {
    throw new ConfigError(
      `sqlStore: the option dialect is ${JSON.stringify(dialect)}. Set it to 'postgres', 'mysql' or 'sqlite'.`,
    )
  }
  checkName('table', table)
  if (schema !== undefined) checkName('schema', schema)

  const statements = compileStatements(executor, dialect, table, schema)
  const run = statementRunner(executor, dialect, now)
  const sweeping = sweeper('sqlStore', sweepInterval, (signal) => sweep({ signal }), onError)
  let columns: SqlColumns | undefined

  /** Asks the server once, where it matters; a failure is not kept. */
  async function columnsOf(call: SqlCall): Promise<SqlColumns> {
    const statement = statements.columns
    columns ??= statement ? await readColumns(run, call, statement, table, schema) : UNBOUNDED
    return columns
  }

  /** The text of an expiry that a verb writes; empty when it is not in the future. Checks that the bytes fit. */
  async function prepare(call: SqlCall, expiresAt: number, bytes?: Uint8Array): Promise<string> {
    sweeping.start()
    const { resolution, largest } = await columnsOf(call)
    if (bytes !== undefined && bytes.length > largest) throw tooLarge(bytes.length, largest)
    return expiresAt > now() ? instantText(expiresAt, resolution) : ''
  }

  /** Reads the live record of an id. */
  async function look(call: SqlCall, id: string): Promise<StoredRecord | undefined> {
    return recordOf(call, await run(call, statements.read, { id }))
  }

  async function sweep({
    limit = Infinity,
    signal,
  }: StoreOptions & { readonly limit?: number } = {}): Promise<number> {
    let removed = 0
    while (removed < limit) {
      const batch = Math.min(PAGE, limit - removed)
      const call = { operation: 'sweep', signal }
      const { changed } = await run(call, statements.sweep, { limit: batch })
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
      return columns?.resolution ?? UNBOUNDED.resolution
    },

    async createTable({ signal } = {}) {
      const call = { operation: 'createTable', signal }
      const { failed } = await run(call, statements.read, { id: '-' }, ['missing'])
      if (failed !== undefined) {
        // PostgreSQL answers some of several processes that make it at the same time that it exists already.
        for (const part of statements.createTable) await run(call, part, {}, ['duplicate'])
        await look(call, '-')
      }
      await columnsOf(call)
    },

    // Every read is fresh: there is no cache, and `db` is the primary.
    read: (id, { signal } = {}) => look({ operation: 'read', signal }, id),

    async create(id, bytes, expiresAt, { signal } = {}) {
      const call = { operation: 'create', signal }
      const expires = await prepare(call, expiresAt, bytes)
      if (expires === '') return { kind: (await look(call, id)) ? 'exists' : 'created' }
      const { create, revive } = statements
      // Twice on MySQL, as an expired row may be swept after the first insert.
      for (const statement of revive ? [create, revive, create] : [create]) {
        const values = { id, bytes, expires }
        const { changed } = await run(call, statement, values, revive && ['duplicate'])
        if (changed > 0) return { kind: 'created', version: bytes }
      }
      return { kind: 'exists' }
    },

    async replace(id, bytes, expiresAt, version, { signal } = {}): Promise<ReplaceResult> {
      const call = { operation: 'replace', signal }
      const old = versionOf(call, version)
      const expires = await prepare(call, expiresAt, bytes)
      const statement = expires === '' ? statements.end : statements.replace
      const { changed } = await run(call, statement, { id, bytes, version: old, expires })
      if (changed > 0) return { kind: 'replaced', version: bytes }
      const current = await look(call, id)
      if (current === undefined) return { kind: 'gone' }
      return isSame(bytes, old) && isUnchanged(current, bytes, expires)
        ? { kind: 'replaced', version: bytes }
        : { kind: 'conflict', current }
    },

    async touch(id, expiresAt, version, { signal } = {}) {
      const call = { operation: 'touch', signal }
      const old = versionOf(call, version)
      const expires = await prepare(call, expiresAt)
      const statement = expires === '' ? statements.end : statements.touch
      let result = await run(call, statement, { id, version: old, expires }, CONTENDED)
      if (result.changed > 0) return 'touched'
      if (!result.failed) result = await run(call, statements.read, { id }, CONTENDED)
      // Others write all the time, so this version will not last. A request that only read must not fail for it.
      if (result.failed) return 'conflict'
      const current = recordOf(call, result)
      if (current === undefined) return 'gone'
      return isUnchanged(current, old, expires) ? 'touched' : 'conflict'
    },

    async delete(id, version, { signal } = {}) {
      const call = { operation: 'delete', signal }
      sweeping.start()
      const { changed } =
        version === undefined
          ? await run(call, statements.delete, { id })
          : await run(call, statements.end, { id, version: versionOf(call, version) })
      if (changed > 0) return 'deleted'
      return version === undefined || !(await look(call, id)) ? 'gone' : 'conflict'
    },

    sweep,

    async *list({ signal } = {}) {
      const call = { operation: 'list', signal }
      for (let after = ''; ; ) {
        const { rows } = await run(call, statements.list, { after, limit: PAGE })
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

function executorOf(db: SqlDatabase): QueryExecutor {
  if (typeof (db as Partial<SqlDatabase> | undefined)?.getExecutor !== 'function') {
    throw new ConfigError(
      `sqlStore: the first argument is not a Kysely instance. Pass new Kysely({ dialect }). ${FOR_A_URL}`,
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

function checkName(option: string, name: unknown): void {
  if (typeof name === 'string' && /^[^\0]{1,50}$/.test(name)) return
  throw new ConfigError(`sqlStore: the option ${option} must be a name of 1 to 50 characters.`)
}

function versionOf(call: SqlCall, version: unknown): Uint8Array {
  if (version instanceof Uint8Array) return version
  throw errorOf(call, refused('the version is not one that this store returned'))
}

/** The record that `read` found. */
function recordOf(call: SqlCall, { rows: [row] }: SqlResult): StoredRecord | undefined {
  if (row === undefined) return undefined
  const held = row['bytes']
  const bytes = held instanceof ArrayBuffer ? new Uint8Array(held) : held
  if (!(bytes instanceof Uint8Array)) {
    throw errorOf(call, refused('the column data does not hold bytes'))
  }
  const expiresAt = parseInstant(row['ends'])
  return { bytes, version: bytes, ...(expiresAt !== undefined && { expiresAt }) }
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
