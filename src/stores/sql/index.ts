/**
 * Sessions in a table of PostgreSQL, MySQL, MariaDB or SQLite, through Kysely. The table is Flask-Session's: programs on
 * both sides may use one at the same time. Every statement is complete in itself; no transaction is opened.
 *
 * @module
 */

import type { QueryExecutor } from 'kysely'
import type { Duration } from '../../core/duration.ts'
import type { AsyncStore, ReplaceResult, StoredRecord, StoreOptions } from '../../core/store.ts'
import { ConfigError, StoreError } from '../../errors.ts'
import { sweeper } from '../shared/sweeper.ts'
import { type SqlCall, statementRunner, tooLarge } from './connection.ts'
import { compileStatements, detectDialect, type SqlDialect } from './statements.ts'
import { columnsReader, tableMaker } from './table.ts'
import { idOf, instantText, nameOf, parseInstant, toBuffer } from './values.ts'

export type { SqlDialect } from './statements.ts'

/** What is used of a `Kysely` instance, 0.28 or later, whatever its tables. */
export interface SqlDatabase {
  readonly isTransaction: boolean
  getExecutor(): QueryExecutor
}

export interface SqlStoreOptions {
  /** The name of the table, at most 50 characters. @default 'sessions' */
  readonly table?: string
  /** The schema of the table; on MySQL the database. Absent: wherever the connection looks first. */
  readonly schema?: string
  /** The language that the database speaks. Absent: told from the Kysely instance. */
  readonly dialect?: SqlDialect
  /** The clock, ms since the epoch. The database's own is never asked. */
  readonly now?: () => number
  /** How often expired records are removed in the background. False: call `sweep`. @default '10m' */
  readonly sweepInterval?: Duration | false
  /** Hears what fails in the background sweep. Absent: ignored. */
  readonly onError?: (error: unknown) => void
}

/** A store that can make its table. */
export interface SqlStore extends AsyncStore {
  /**
   * Makes the table with an index on `expiry`, unless there is one; that is left as it is. Any number of processes may
   * call it at once. Rejects with a `StoreError`, also when the table there cannot hold sessions.
   */
  createTable(options?: StoreOptions): Promise<void>
}

const PAGE = 1_000

/**
 * Keeps sessions in a table. `db` is a Kysely instance; it stays open when the store is closed. Reads go where `db` sends
 * them, which has to be the primary.
 *
 * On MySQL the `resolution`, and the largest record, are asked of the server once, by `createTable` or the first write.
 *
 * @throws {ConfigError} When `db` is no Kysely instance or is a transaction, the dialect is not known, or an option is
 * not what it must be.
 */
export function sqlStore(db: SqlDatabase, options: SqlStoreOptions = {}): SqlStore {
  const { table = 'sessions', schema, now: clock = Date.now, sweepInterval = '10m' } = options
  const executor = executorOf(db)
  const dialect = dialectOf(options.dialect ?? detectDialect(executor))
  checkName('table', table)
  if (schema !== undefined) checkName('schema', schema)

  const statements = compileStatements(executor, dialect, table, schema)
  const run = statementRunner(executor)
  const columns = columnsReader(run, statements, table, schema)
  const createTable = tableMaker(run, statements)
  const sweeping = sweeper(
    'sqlStore',
    sweepInterval,
    (signal) => sweep({ signal }),
    options.onError,
  )

  const now = () => instantText(clock())
  const isFuture = (at: number) => at > clock()

  /** What a verb that writes an instant has to know first. */
  async function prepare(call: SqlCall, expiresAt: number, bytes?: Uint8Array): Promise<string> {
    sweeping.start()
    const { resolution, largest } = columns.known ?? (await columns.ask(call))
    if (bytes !== undefined && bytes.length > largest) throw tooLarge(bytes.length, largest)
    return isFuture(expiresAt) ? instantText(expiresAt, resolution) : ''
  }

  async function look(call: SqlCall, id: string): Promise<StoredRecord | undefined> {
    const { rows } = await run(call, statements.read, { id, now: now() })
    const [row] = rows
    if (row === undefined) return undefined
    const bytes = bytesOf(row['bytes'], call, 'the column data holds')
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

    get resolution() {
      return columns.known?.resolution ?? 1
    },

    createTable: async ({ signal } = {}) => {
      const call = { operation: 'createTable', signal }
      await createTable(call)
      await columns.ask(call)
    },

    read: (id, { signal } = {}) => look({ operation: 'read', signal }, nameOf(id)),

    async create(id, bytes, expiresAt, { signal } = {}) {
      const call = { operation: 'create', signal }
      const expires = await prepare(call, expiresAt, bytes)
      const name = nameOf(id)
      if (expires === '') return { kind: (await look(call, name)) ? 'exists' : 'created' }
      const values = { id: name, bytes: toBuffer(bytes), expires, now: now() }
      const created = { kind: 'created', version: bytes } as const
      const { create, revive } = statements
      if (revive === undefined) {
        const { changed } = await run(call, create, values)
        return changed > 0 ? created : { kind: 'exists' }
      }
      if (await run(call, create, values, 'duplicate')) return created
      if ((await run(call, revive, values)).changed > 0) return created
      // A row past its deadline may have been swept since the first insert.
      return (await run(call, create, values, 'duplicate')) ? created : { kind: 'exists' }
    },

    async replace(id, bytes, expiresAt, version, { signal } = {}): Promise<ReplaceResult> {
      const call = { operation: 'replace', signal }
      const old = bytesOf(version, call, 'the version is')
      const expires = await prepare(call, expiresAt, bytes)
      const name = nameOf(id)
      const values = { id: name, bytes: toBuffer(bytes), version: toBuffer(old), expires }
      const statement = expires === '' ? statements.endVersion : statements.replace
      const { changed } = await run(call, statement, { ...values, now: now() })
      if (changed > 0) return { kind: 'replaced', version: bytes }
      const current = await look(call, name)
      if (current === undefined) return { kind: 'gone' }
      // MySQL without FOUND_ROWS counts only rows that became different.
      const same = isSame(bytes, old) && isSame(bytes, current.bytes)
      return same && current.expiresAt === parseInstant(expires)
        ? { kind: 'replaced', version: bytes }
        : { kind: 'conflict', current }
    },

    async touch(id, expiresAt, { signal } = {}) {
      const call = { operation: 'touch', signal }
      const expires = await prepare(call, expiresAt)
      const values = { id: nameOf(id), expires, now: now() }
      const { changed } = await run(
        call,
        expires === '' ? statements.end : statements.touch,
        values,
      )
      // As above: an equal deadline.
      return changed > 0 || (dialect === 'mysql' && (await look(call, values.id)) !== undefined)
    },

    async delete(id, version, { signal } = {}) {
      const call = { operation: 'delete', signal }
      sweeping.start()
      const name = nameOf(id)
      if (version === undefined) {
        const { changed } = await run(call, statements.delete, { id: name })
        return changed > 0 ? 'deleted' : 'gone'
      }
      const values = {
        id: name,
        version: toBuffer(bytesOf(version, call, 'the version is')),
        now: now(),
      }
      if ((await run(call, statements.endVersion, values)).changed > 0) return 'deleted'
      return (await look(call, name)) === undefined ? 'gone' : 'conflict'
    },

    sweep,

    async *list({ signal } = {}) {
      const call = { operation: 'list', signal }
      for (let after = ''; ; ) {
        const { rows } = await run(call, statements.list, { after, now: now(), limit: PAGE })
        for (const row of rows) {
          after = String(row['name'])
          const id = idOf(after)
          if (id !== undefined) yield id
        }
        if (rows.length < PAGE) return
      }
    },

    close: () => sweeping.close(),
  }
}

function executorOf(db: SqlDatabase): QueryExecutor {
  if (typeof (db as Partial<SqlDatabase> | undefined)?.getExecutor !== 'function') {
    throw new ConfigError('sqlStore: give a Kysely instance, new Kysely({ dialect }).')
  }
  if (db.isTransaction) {
    throw new ConfigError('sqlStore: give the Kysely instance itself, not a transaction of it.')
  }
  // Plugins that rename columns are for the application's tables.
  return db.getExecutor().withoutPlugins()
}

function dialectOf(dialect: SqlDialect): SqlDialect {
  if (['postgres', 'mysql', 'sqlite'].includes(dialect)) return dialect
  throw new ConfigError(
    `sqlStore: dialect is ${JSON.stringify(dialect)}. Give 'postgres', 'mysql' or 'sqlite'.`,
  )
}

function checkName(option: string, name: unknown): void {
  if (typeof name === 'string' && /^[^\0]{1,50}$/.test(name)) return
  throw new ConfigError(`sqlStore: ${option} must be a name of 1 to 50 characters.`)
}

function bytesOf(value: unknown, { operation }: SqlCall, what: string): Uint8Array {
  if (value instanceof Uint8Array) return value
  if (value instanceof ArrayBuffer) return new Uint8Array(value)
  throw new StoreError(`sqlStore: ${operation} failed: ${what} no bytes.`, {
    operation,
    outcome: 'not-done',
    retriable: false,
  })
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}
