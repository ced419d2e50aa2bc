/**
 * Runs one statement of the SQL store, and knows what is certain when it fails: a statement that got no connection was
 * not sent.
 *
 * @module
 */

import type { QueryExecutor } from 'kysely'
import { StoreError, TooLargeError } from '../../errors.ts'
import { judge, type SqlFailure, toStoreError } from './failures.ts'
import { bind, type SqlStatement, type SqlValues } from './statements.ts'

/** The call of a store's verb that statements are run for. */
export interface SqlCall {
  readonly operation: string
  readonly signal?: AbortSignal | undefined
}

/** How many rows a statement changed, and those that it gave. */
export interface SqlResult {
  readonly changed: number
  readonly rows: readonly Readonly<Record<string, unknown>>[]
}

/** Runs a statement. Rejects with a `StoreError` or a `TooLargeError`. */
export interface SqlRun {
  (call: SqlCall, statement: SqlStatement, values: SqlValues): Promise<SqlResult>
  /** Resolves to undefined when it fails as expected. */
  (
    call: SqlCall,
    statement: SqlStatement,
    values: SqlValues,
    expected: 'duplicate' | 'missing',
  ): Promise<SqlResult | undefined>
}

/** Writers of one row may make each other give way; each time one of them got further. */
const MOST_ATTEMPTS = 100
/** The most that SQLite and PostgreSQL hold in one value, about. */
const LARGEST = 1_000_000_000

/** Runs statements on connections of a Kysely instance, each on its own. */
export function statementRunner(executor: QueryExecutor): SqlRun {
  async function attempt(
    call: SqlCall,
    statement: SqlStatement,
    values: SqlValues,
  ): Promise<SqlResult | Failed> {
    let sent = false
    try {
      const { numAffectedRows, rows } = await executor.provideConnection((connection) => {
        // Whoever waited for a connection in vain writes nothing later.
        if (call.signal?.aborted) throw aborted(call)
        sent = true
        return connection.executeQuery<Readonly<Record<string, unknown>>>(bind(statement, values))
      })
      return { changed: countOf(call, statement, numAffectedRows), rows }
    } catch (error) {
      if (error instanceof StoreError) throw error
      const failure = judge(error)
      const certain = !sent || !statement.writes
      return { failure: certain ? { ...failure, outcome: 'not-done' } : failure, cause: error }
    }
  }

  async function run(
    call: SqlCall,
    statement: SqlStatement,
    values: SqlValues,
    expected?: 'duplicate' | 'missing',
  ): Promise<SqlResult | undefined> {
    for (let turn = 1; ; turn++) {
      if (call.signal?.aborted) throw aborted(call)
      const result = await attempt(call, statement, values)
      if (!('failure' in result)) return result
      const { failure, cause } = result
      if (failure.gaveWay && turn < MOST_ATTEMPTS) continue
      if (expected !== undefined && failure[expected]) return undefined
      const size = values.bytes?.length ?? 0
      if (failure.tooLarge) throw tooLarge(size, Math.min(size - 1, LARGEST))
      throw toStoreError(call.operation, failure, cause)
    }
  }
  return run as SqlRun
}

/** The session does not fit. */
export function tooLarge(size: number, limit: number): TooLargeError {
  return new TooLargeError(
    `sqlStore: a record of ${size} bytes is more than this table or server takes. Keep less in the session, widen the column data or raise max_allowed_packet.`,
    { size, limit },
  )
}

interface Failed {
  readonly failure: SqlFailure
  readonly cause: unknown
}

function aborted({ operation }: SqlCall): StoreError {
  return new StoreError(`sqlStore: ${operation} was aborted before it was sent.`, {
    operation,
    outcome: 'not-done',
    retriable: true,
  })
}

function countOf({ operation }: SqlCall, { writes }: SqlStatement, count?: bigint): number {
  if (count !== undefined) return Number(count)
  if (!writes) return 0
  throw new StoreError(
    `sqlStore: ${operation} failed: this Kysely dialect does not tell how many rows a statement changed (numAffectedRows).`,
    { operation, outcome: 'unknown', retriable: false },
  )
}
