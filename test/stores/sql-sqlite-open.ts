/** Databases and disks for the tests of the SQL store on SQLite. They run in a Node that has it, without vitest. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { Kysely, SqliteDialect } from 'kysely'
// By path: without vitest `vial` is the built package.
import { type NodeSqliteDatabase, nodeSqlite } from '../../src/stores/sql/node-sqlite.ts'

export interface OpenOptions {
  readonly readonly?: boolean
  /** How long to wait for a lock, in ms. */
  readonly timeout?: number
}
export type Db = Kysely<unknown>
export type Open = (file: string, options?: OpenOptions) => Db

const nodeModule: string = 'node:sqlite'
export const { DatabaseSync } = (await import(nodeModule)) as {
  readonly DatabaseSync: new (
    file: string,
    options?: { readonly readOnly?: boolean; readonly timeout?: number },
  ) => NodeSqliteDatabase & { exec(text: string): void }
}

export const openNode: Open = (file, { readonly = false, timeout = 2_000 } = {}) => {
  const database = new DatabaseSync(file, { readOnly: readonly, timeout })
  return new Kysely({ dialect: new SqliteDialect({ database: nodeSqlite(database) }) })
}

/** @param folder Where better-sqlite3 is. */
export function openBetter(folder: string): Open {
  const load = createRequire(join(folder, 'package.json'))
  const Database = load(folder) as new (
    file: string,
    options: object,
  ) => Parameters<typeof nodeSqlite>[0] & ConstructorParameters<typeof SqliteDialect>[0]['database']
  return (file, { readonly = false, timeout = 2_000 } = {}) => {
    const database = new Database(file, { readonly, timeout })
    return new Kysely({ dialect: new SqliteDialect({ database }) })
  }
}

/** Mounts a small file system. */
export function mount(root: string, size: string): void {
  const options = ['-t', 'tmpfs', '-o', `size=${size},mode=700`, 'tmpfs', root]
  execFileSync('mount', options, { stdio: 'pipe' })
}

/** Why no file system of its own can be mounted here; undefined when it can. */
export function mountProblem(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'only root can mount a tmpfs'
  const root = mkdtempSync(join(tmpdir(), 'vial-disk-'))
  try {
    mount(root, '64k')
    execFileSync('umount', [root])
    return undefined
  } catch {
    return 'this machine mounts no tmpfs'
  } finally {
    rmSync(root, { recursive: true })
  }
}
