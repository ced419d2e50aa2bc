/**
 * Runs the statements of the SQL store: each on a connection of its own, again after a deadlock, with errors of this
 * package. Makes the table, and reads what its columns hold.
 *
 * @module
 */

import type { QueryExecutor } from 'kysely'
import { isSessionError, StoreError, TooLargeError } from '../../errors.ts'
import { ABORTED, storeError } from '../shared/failure.ts'
import { classifyError, type SqlFailure, type SqlFailureKind } from './failure.ts'
import { bind, type SqlStatement, type SqlStatements, type SqlValues } from './statements.ts'

const STORE = 'sqlStore'

/** The call of a store's verb that statements are run for. */
export interface SqlCall {
  readonly operation: string
  readonly signal?: AbortSignal | undefined
}

/** How many rows a statement changed, and the rows that it returned. */
export interface SqlResult {
  readonly changed: number
  readonly rows: readonly Readonly<Record<string, unknown>>[]
}

/** Runs a statement. Rejects with a `StoreError` or a `TooLargeError`. */
export interface SqlRun {
  (call: SqlCall, statement: SqlStatement, values: SqlValues): Promise<SqlResult>
  /** Resolves to undefined when it fails as expected; a deadlock after all attempts. */
  (
    call: SqlCall,
    statement: SqlStatement,
    values: SqlValues,
    expected: SqlFailureKind,
  ): Promise<SqlResult | undefined>
}

/** Bounds the attempts after deadlocks. In each round at least one of the writers succeeds. */
const MOST_ATTEMPTS = 100
/** About the largest value of SQLite and PostgreSQL, in bytes. */
const LARGEST = 1_000_000_000

/** Runs statements on connections of a Kysely instance. */
export function statementRunner(executor: QueryExecutor): SqlRun {
  /** Sends a statement once. Resolves to what the failure means when it fails. */
  async function attempt(
    call: SqlCall,
    statement: SqlStatement,
    values: SqlValues,
  ): Promise<SqlResult | SqlFailure> {
    let sent = false
    try {
      const { numAffectedRows, rows } = await executor.provideConnection((connection) => {
        // The caller may have given up while it waited for a connection.
        if (call.signal?.aborted) throw storeError(STORE, call.operation, ABORTED)
        sent = true
        return connection.executeQuery<Readonly<Record<string, unknown>>>(bind(statement, values))
      })
      return { changed: countOf(call, statement, numAffectedRows), rows }
    } catch (error) {
      if (isSessionError(error)) throw error
      const failure = classifyError(error)
      return { ...failure, sent, done: statement.writes ? failure.done : false }
    }
  }

  async function run(
    call: SqlCall,
    statement: SqlStatement,
    values: SqlValues,
    expected?: SqlFailureKind,
  ): Promise<SqlResult | undefined> {
    for (let turn = 1; ; turn++) {
      if (call.signal?.aborted) throw storeError(STORE, call.operation, ABORTED)
      const result = await attempt(call, statement, values)
      if (!('what' in result)) return result
      if (result.kind === 'deadlock' && turn < MOST_ATTEMPTS) continue
      if (expected !== undefined && result.kind === expected) return undefined
      const size = values.bytes?.length ?? 0
      if (result.kind === 'too-large') throw tooLarge(size, Math.min(size - 1, LARGEST))
      throw storeError(STORE, call.operation, result)
    }
  }
  return run as SqlRun
}

/** The error of a record that does not fit. */
export function tooLarge(size: number, limit: number): TooLargeError {
  return new TooLargeError(
    `sqlStore: the record takes ${size} bytes, and this table or server holds at most ${limit}. Keep less in the session, make the column data wider or raise max_allowed_packet.`,
    { size, limit },
  )
}

function countOf({ operation }: SqlCall, { writes }: SqlStatement, count?: bigint): number {
  if (count !== undefined) return Number(count)
  if (!writes) return 0
  throw new StoreError(
    `sqlStore: ${operation} failed: this Kysely dialect does not report how many rows a statement changed (numAffectedRows). Use a dialect that does.`,
    { operation, outcome: 'unknown', retriable: false },
  )
}

/** What the columns hold. */
export interface SqlColumns {
  /** The grain of `expiry`, in ms. */
  readonly resolution: number
  /** The largest record, in bytes. */
  readonly largest: number
}

/** A statement of MySQL holds the old and the new bytes, each as two digits a byte, and little else. */
const PACKET_SHARE = 4
const PACKET_REST = 4_096

/**
 * Reads what MySQL's columns hold. MySQL rounds an expiry to the digits of its column, and without strict mode it cuts
 * bytes that are too long.
 */
export async function readColumns(
  run: SqlRun,
  call: SqlCall,
  statement: SqlStatement,
  table: string,
  schema: string | undefined,
): Promise<SqlColumns> {
  const { rows } = await run(call, statement, { table, schema: schema ?? null })
  const find = (name: string) => rows.find((row) => String(row['name']).toLowerCase() === name)
  const [data, expiry] = [find('data'), find('expiry')]
  if (data === undefined || expiry === undefined) {
    const missing = { code: 'ER_NO_SUCH_TABLE', errno: 1146, sqlState: '42S02' }
    throw storeError(STORE, call.operation, classifyError(missing))
  }
  const packet = (Number(data['packet']) - PACKET_REST) / PACKET_SHARE
  return {
    resolution: 10 ** Math.max(0, 3 - Number(expiry['digits'])),
    largest: Math.floor(Math.min(Number(data['size']), packet)),
  }
}

/** Makes the table when a read finds none, and reads again. */
export function tableMaker(
  run: SqlRun,
  { read, createTable }: SqlStatements,
): (call: SqlCall) => Promise<void> {
  const unknown = { id: '-', now: '1970-01-01 00:00:00.000000' }
  return async (call) => {
    if (await run(call, read, unknown, 'missing')) return
    for (const statement of createTable) {
      // PostgreSQL answers some of several processes that make it at the same time that it exists already.
      await run(call, { ...statement, writes: false }, {}, 'duplicate')
    }
    await run(call, read, unknown)
  }
}
