/**
 * Node's own SQLite for Kysely, without a package or a native build. For Node 22.16 and later.
 *
 * @module
 */

import type { SqliteDatabase, SqliteStatement } from 'kysely'

/** The part of a `DatabaseSync` that is used. */
export interface NodeSqliteDatabase {
  prepare(sql: string): {
    all(...parameters: never[]): unknown[]
    run(...parameters: never[]): { changes: number | bigint; lastInsertRowid: number | bigint }
    iterate(...parameters: never[]): IterableIterator<unknown>
    columns(): readonly unknown[]
  }
  close(): void
}

/** How many statements are kept prepared. */
const MOST_KEPT = 100

/**
 * Turns a `DatabaseSync` of `node:sqlite` into the `database` of Kysely's `SqliteDialect`. The last hundred statements stay
 * prepared, so SQLite does not parse their text again.
 */
export function nodeSqlite(database: NodeSqliteDatabase): SqliteDatabase {
  const kept = new Map<string, SqliteStatement>()

  function prepare(text: string): SqliteStatement {
    const statement = database.prepare(text)
    return {
      reader: statement.columns().length > 0,
      all: (parameters) => statement.all(...(parameters as never[])),
      run: (parameters) => statement.run(...(parameters as never[])),
      // A statement of its own: rows come one at a time, while others may run the kept one.
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
