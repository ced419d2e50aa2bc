/**
 * Prevents: SQLite that is not tested because this Node is too old for it. Installs a Node 24 and better-sqlite3 beside
 * the repository's dependencies. Run it by itself, or before the tests.
 */

import { execFile } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath, pathToFileURL } from 'node:url'

const FOLDER = fileURLToPath(new URL('../.vial/services/node24', import.meta.url))
const SYSTEM = process.platform === 'win32' ? 'win' : process.platform
const NODE = `node-${SYSTEM}-${process.arch}`
const BINARY = SYSTEM === 'win' ? 'bin/node.exe' : 'bin/node'

export interface SqliteParts {
  /** The Node to run: this one, when it has `node:sqlite`. */
  readonly node: string
  /** Where better-sqlite3 can be loaded from. */
  readonly betterSqlite3: string
}

/** What is installed; undefined: not all of it. */
export function findSqlite(): SqliteParts | undefined {
  const betterSqlite3 = join(FOLDER, 'node_modules', 'better-sqlite3')
  const node = nodeWithSqlite()
  return existsSync(node) && existsSync(betterSqlite3) ? { node, betterSqlite3 } : undefined
}

/**
 * Installs what is missing.
 *
 * @param limit Longest time for it, ms.
 * @returns Why it is missing; undefined: it is there.
 */
export function makeSqlite(limit: number): Promise<string | undefined> {
  if (findSqlite() !== undefined) return Promise.resolve(undefined)
  mkdirSync(FOLDER, { recursive: true })
  const packages = [
    'better-sqlite3@13',
    ...(nodeWithSqlite() === process.execPath ? [] : [`${NODE}@24`]),
  ]
  // No scripts: better-sqlite3 brings its binaries along.
  const args = [
    'install',
    '--prefix',
    FOLDER,
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    ...packages,
  ]
  return new Promise((resolve) => {
    execFile('npm', args, { timeout: limit, shell: SYSTEM === 'win' }, (error, _, stderr) => {
      if (error === null) resolve(undefined)
      else resolve(stderr.split('\n').findLast((line) => /error/i.test(line)) ?? error.message)
    })
  })
}

function nodeWithSqlite(): string {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const has = major > 22 || (major === 22 && minor >= 16)
  return has ? process.execPath : join(FOLDER, 'node_modules', NODE, BINARY)
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const problem = await makeSqlite(120_000)
  const parts = findSqlite()
  if (parts === undefined) {
    console.error(`No Node with SQLite: ${problem}`)
    process.exitCode = 1
  } else {
    const load = createRequire(join(parts.betterSqlite3, 'package.json'))
    const { version } = load('./package.json') as { readonly version: string }
    console.log(`${parts.node}\nbetter-sqlite3 ${version}`)
  }
}
