/**
 * Runs the statements of the SQL store: each on a connection of its own, again when the database undid it, with errors of
 * this package.
 */

import type { QueryExecutor } from 'kysely'
import { isSessionError, type StoreError, TooLargeError } from '../../errors.ts'
import { ABORTED, type Failure, storeError, uncertain } from '../shared/failure.ts'
import { classifyError, type SqlFailureKind } from './failure.ts'
import { instantText, type SqlDialect, type SqlStatement, type SqlValues } from './statements.ts'

/** The call of a store's verb that statements are run for. */
export interface SqlCall {
  readonly operation: string
  readonly signal?: AbortSignal | undefined
}

export interface SqlResult {
  /** How many rows the statement changed. */
  readonly changed: number
  readonly rows: readonly Readonly<Record<string, unknown>>[]
  /** How it failed, when that was expected. */
  readonly failed?: SqlFailureKind
}

/**
 * Runs a statement. Rejects with a `StoreError` or a `TooLargeError`, unless the failure is of an expected kind; `undone`
 * is expected only after all attempts.
 */
export type SqlRun = (
  call: SqlCall,
  statement: SqlStatement,
  values: SqlValues,
  expected?: readonly SqlFailureKind[],
) => Promise<SqlResult>

/** Bounds the attempts of a statement that is undone. In each round at least one of the writers succeeds. */
const MOST_ATTEMPTS = 100
/** About the largest value of SQLite and PostgreSQL, in bytes. */
const LARGEST = 1_000_000_000

/** Runs statements on connections of a Kysely instance, by the clock. */
export function statementRunner(
  executor: QueryExecutor,
  dialect: SqlDialect,
  clock: () => number,
): SqlRun {
  /** A parameter as drivers take it. They always bind a `Buffer` as bytes; for an id on MySQL see `statements.ts`. */
  function bound(name: string, values: SqlValues): unknown {
    if (name === 'now') return instantText(clock())
    const value = values[name as keyof SqlValues]
    if (value instanceof Uint8Array) {
      return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    }
    const isId = name === 'id' || name === 'after'
    return dialect === 'mysql' && isId ? Buffer.from(String(value)) : value
  }

  return async (call, { query, writes }, values, expected = []) => {
    for (let attempt = 1; ; attempt++) {
      let sent = false
      try {
        assertWanted(call)
        const { numAffectedRows, rows } = await executor.provideConnection((connection) => {
          // The caller may have given up while it waited for a connection.
          assertWanted(call)
          sent = true
          const parameters = query.parameters.map((name) => bound(String(name), values))
          return connection.executeQuery<Record<string, unknown>>({ ...query, parameters })
        })
        if (writes && numAffectedRows === undefined) throw errorOf(call, NOT_COUNTED)
        return { changed: Number(numAffectedRows ?? 0), rows }
      } catch (error) {
        if (isSessionError(error)) throw error
        const { kind, ...failure } = classifyError(error, sent)
        if (kind === 'undone' && attempt < MOST_ATTEMPTS) continue
        if (kind !== undefined && expected.includes(kind))
          return { changed: 0, rows: [], failed: kind }
        const size = values.bytes?.length ?? 0
        if (kind === 'too-large') throw tooLarge(size, Math.min(size - 1, LARGEST))
        throw errorOf(call, { ...failure, done: writes ? failure.done : false })
      }
    }
  }
}

const NOT_COUNTED = uncertain(
  'this Kysely dialect does not report how many rows a statement changed (numAffectedRows). Use a dialect that does',
  false,
)

function assertWanted(call: SqlCall): void {
  if (call.signal?.aborted) throw errorOf(call, ABORTED)
}

/** The error of a call that failed. */
export function errorOf({ operation }: SqlCall, failure: Failure): StoreError {
  return storeError('sqlStore', operation, failure)
}

/** The error of a record that does not fit. */
export function tooLarge(size: number, limit: number): TooLargeError {
  return new TooLargeError(
    `sqlStore: the record takes ${size} bytes, and this table or server holds at most ${limit}. Keep less in the session, make the column data wider or raise max_allowed_packet.`,
    { size, limit },
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
    throw errorOf(call, classifyError(missing, true))
  }
  const packet = (Number(data['packet']) - PACKET_REST) / PACKET_SHARE
  return {
    resolution: 10 ** Math.max(0, 3 - Number(expiry['digits'])),
    largest: Math.floor(Math.min(Number(data['size']), packet)),
  }
}
