/**
 * Node's own SQLite for Kysely: no package to install, no binary to build. For Node 22.16 and later.
 *
 * @module
 */

import type { SqliteDatabase, SqliteStatement } from 'kysely'

/** What is used of a `DatabaseSync`. */
export interface NodeSqliteDatabase {
  prepare(sql: string): NodeSqliteStatement
  close(): void
}

/** What is used of a `StatementSync`. */
export interface NodeSqliteStatement {
  all(...parameters: never[]): unknown[]
  run(...parameters: never[]): { changes: number | bigint; lastInsertRowid: number | bigint }
  iterate(...parameters: never[]): IterableIterator<unknown>
  columns(): readonly unknown[]
}

/** Statements that are kept prepared. */
const MOST_KEPT = 100

/**
 * A `DatabaseSync` of `node:sqlite` as the `database` of Kysely's `SqliteDialect`. It keeps the last hundred statements
 * prepared, so that no text is parsed twice.
 */
export function nodeSqlite(database: NodeSqliteDatabase): SqliteDatabase {
  const kept = new Map<string, SqliteStatement>()

  function prepare(text: string): SqliteStatement {
    const statement = database.prepare(text)
    return {
      reader: statement.columns().length > 0,
      all: (parameters) => statement.all(...(parameters as never[])),
      run: (parameters) => statement.run(...(parameters as never[])),
      // Of its own: a row at a time, while others run the one that is kept.
      iterate: (parameters) => database.prepare(text).iterate(...(parameters as never[])),
    }
  }

  return {
    prepare(text) {
      const found = kept.get(text)
      if (found !== undefined) return found
      const statement = prepare(text)
      if (kept.size >= MOST_KEPT) kept.delete(kept.keys().next().value as string)
      kept.set(text, statement)
      return statement
    },
    close() {
      kept.clear()
      database.close()
    },
  }
}
