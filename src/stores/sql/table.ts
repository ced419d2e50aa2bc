/**
 * The table of the SQL store: making it, and what its columns hold.
 *
 * @module
 */

import type { SqlCall, SqlRun } from './connection.ts'
import { judge, toStoreError } from './failures.ts'
import type { SqlStatements } from './statements.ts'

/** What the columns hold. */
export interface SqlColumns {
  /** The grain of `expiry`, in ms. */
  readonly resolution: number
  /** The largest record, in bytes. */
  readonly largest: number
}

export interface ColumnsReader {
  /** Undefined until somebody asked. */
  readonly known: SqlColumns | undefined
  /** Asks once; a failure is not kept. */
  ask(call: SqlCall): Promise<SqlColumns>
}

/** A statement of MySQL holds the old and the new bytes, each as two digits a byte, and little else. */
const PACKET_SHARE = 4
const PACKET_REST = 4_096

/**
 * Reads what MySQL's columns hold: one that is too short for a deadline cuts it, and one that is too short for the bytes
 * may cut them without a word.
 */
export function columnsReader(
  run: SqlRun,
  { columns }: SqlStatements,
  table: string,
  schema: string | undefined,
): ColumnsReader {
  let known: SqlColumns | undefined =
    columns === undefined ? { resolution: 1, largest: Infinity } : undefined
  return {
    get known() {
      return known
    },
    async ask(call) {
      if (known !== undefined || columns === undefined) return known as SqlColumns
      const { rows } = await run(call, columns, { table, schema: schema ?? null })
      const find = (name: string) => rows.find((row) => String(row['name']).toLowerCase() === name)
      const [data, expiry] = [find('data'), find('expiry')]
      if (data === undefined || expiry === undefined) {
        const noSuchTable = { code: 'ER_NO_SUCH_TABLE', errno: 1146, sqlState: '42S02' }
        throw toStoreError(call.operation, judge(noSuchTable), noSuchTable)
      }
      const packet = (Number(data['packet']) - PACKET_REST) / PACKET_SHARE
      known = {
        resolution: 10 ** Math.max(0, 3 - Number(expiry['digits'])),
        largest: Math.floor(Math.min(Number(data['size']), packet)),
      }
      return known
    },
  }
}

/** Makes the table when a look finds none, and looks again. */
export function tableMaker(
  run: SqlRun,
  { read, createTable }: SqlStatements,
): (call: SqlCall) => Promise<void> {
  const nobody = { id: '', now: '1970-01-01 00:00:00.000000' }
  return async (call) => {
    if (await run(call, read, nobody, 'missing')) return
    for (const statement of createTable) {
      // Of several processes that make it at the same time, PostgreSQL tells some that it is there already.
      await run(call, { ...statement, writes: false }, {}, 'duplicate')
    }
    await run(call, read, nobody)
  }
}
