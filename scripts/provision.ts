/**
 * Finds what some lanes of the tests need beside the npm packages, and installs it where that is possible:
 *
 *     tsx scripts/provision.ts [chromium] [flask] [debian-flask] [sqlite]
 *
 * It prints one line on standard error for each part that is missing afterwards, and never fails: the tests that need
 * the part are skipped, and the reporter of the tests names the reason.
 */

import { spawn, spawnSync } from 'node:child_process'
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { delimiter, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** Longest time for one part, ms. */
const LIMIT = 300_000
const WINDOWS = process.platform === 'win32'

/** A part that tests may need. */
export type Part = 'chromium' | 'flask' | 'debian-flask' | 'sqlite'

const PARTS: Readonly<Record<Part, () => Promise<string | undefined>>> = {
  chromium: installChromium,
  flask: installFlask,
  'debian-flask': installDebianFlask,
  sqlite: installSqlite,
}

/**
 * Installs a part, unless it is there.
 *
 * @returns Why it is missing; undefined: it is there.
 */
export function provision(part: Part): Promise<string | undefined> {
  return PARTS[part]()
}

// Chromium

const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome']
const MAC_BROWSERS = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
]
/** Where Playwright puts the browser that it downloads. */
const BROWSER_FOLDER = pathOf('.vial/browsers')

/** The browser that `CHROMIUM_PATH` names, or the first one installed; undefined: none. */
export function findChromium(): string | undefined {
  const named = process.env['CHROMIUM_PATH']
  if (named) return named
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '')
  const paths = BROWSERS.flatMap((name) => folders.map((folder) => join(folder, name)))
  return [...paths, ...MAC_BROWSERS, ...downloadedBrowsers()].find(isProgram)
}

function downloadedBrowsers(): string[] {
  if (!existsSync(BROWSER_FOLDER)) return []
  const names = readdirSync(BROWSER_FOLDER, { recursive: true, encoding: 'utf8' })
  return names
    .filter((name) => /headless[-_]shell(?:\.exe)?$/.test(name))
    .map((name) => join(BROWSER_FOLDER, name))
}

async function installChromium(): Promise<string | undefined> {
  if (findChromium() !== undefined) return undefined
  if (mayUseApt() && (await aptInstall(['chromium'])) === undefined && findChromium()) return
  const env = { ...process.env, PLAYWRIGHT_BROWSERS_PATH: BROWSER_FOLDER }
  const cli = pathOf('node_modules/playwright-core/cli.js')
  const problem = await run(process.execPath, [cli, 'install', '--only-shell', 'chromium'], { env })
  if (findChromium() !== undefined) return undefined
  return `no Chromium or Chrome: install one, or set CHROMIUM_PATH (${problem})`
}

// Flask of today, in a virtual environment

const FLASK_PACKAGES = [
  'flask==3.1.3',
  'flask-session==0.8.0',
  'msgspec==0.22.0',
  'cachelib==0.17.0',
  'redis==8.1.0',
  'sqlalchemy==2.1.1',
  'flask-sqlalchemy==3.1.1',
  'flask-login==0.6.3',
  'flask-wtf==1.3.0',
  'authlib==1.8.0',
  'requests==2.34.2',
  'psycopg2-binary==2.9.13',
  'pymysql==1.2.3',
  'pymongo==4.18.2',
  'boto3==1.43.107',
]
const VENV = pathOf('.venv/flask')
/** Written last, so that an interrupted installation is not taken for a complete one. */
const VENV_STAMP = join(VENV, 'vial-packages.txt')
const VENV_PYTHON = join(VENV, WINDOWS ? 'Scripts/python.exe' : 'bin/python')

/** The Python that `VIAL_TEST_PYTHON` names, or that of the virtual environment; undefined: neither. */
export function findPython(): string | undefined {
  const named = process.env['VIAL_TEST_PYTHON']
  if (named) return named
  const complete =
    existsSync(VENV_STAMP) &&
    readFileSync(VENV_STAMP, 'utf8') === flaskStamp() &&
    existsSync(VENV_PYTHON)
  return complete ? VENV_PYTHON : undefined
}

async function installFlask(): Promise<string | undefined> {
  if (findPython() !== undefined) return undefined
  rmSync(VENV, { recursive: true, force: true })
  const python = WINDOWS ? 'python' : 'python3'
  let problem = await run(python, ['-m', 'venv', VENV])
  if (problem !== undefined && mayUseApt()) {
    problem =
      (await aptInstall(['python3', 'python3-venv'])) ?? (await run(python, ['-m', 'venv', VENV]))
  }
  if (problem !== undefined) return `no Python with Flask: python3 -m venv failed: ${problem}`
  const flags = ['--quiet', '--retries', '1', '--timeout', '15', '--disable-pip-version-check']
  const pip = await run(VENV_PYTHON, ['-m', 'pip', 'install', ...flags, ...FLASK_PACKAGES])
  if (pip !== undefined) return `no Python with Flask: pip install failed: ${pip}`
  writeFileSync(VENV_STAMP, flaskStamp())
  return undefined
}

function flaskStamp(): string {
  return `${FLASK_PACKAGES.join('\n')}\n`
}

// Flask 2.2 with Flask-Session 0.3, of Debian 12

const DEBIAN_PYTHON = '/usr/bin/python3'
const DEBIAN_PACKAGES = [
  'python3-flask',
  'python3-flask-session',
  'python3-cachelib',
  'python3-redis',
  'python3-pymemcache',
  'python3-flask-sqlalchemy',
  'python3-psycopg2',
  'python3-pymysql',
  'python3-pymongo',
]
/** Flask-Session before 0.6 wrote pickles. */
const DEBIAN_CHECK = `import flask, flask_session, cachelib, redis, pymemcache, flask_sqlalchemy, psycopg2, pymysql, pymongo
from importlib.metadata import version
assert version("flask-session") < "0.6"`

/** The command and the folder of its packages, or why there is none. */
export type DebianPython =
  | { readonly command: string; readonly packages: string }
  | { readonly missing: string }

/** Looks for Debian's own Python with the old Flask. */
export function findDebianPython(): DebianPython {
  if (existsSync(DEBIAN_PYTHON) && spawnSync(DEBIAN_PYTHON, ['-c', DEBIAN_CHECK]).status === 0) {
    return { command: DEBIAN_PYTHON, packages: '/usr/lib/python3/dist-packages' }
  }
  return {
    missing: `no Flask-Session before 0.6 of Debian: "apt-get install ${DEBIAN_PACKAGES.join(' ')}"`,
  }
}

async function installDebianFlask(): Promise<string | undefined> {
  const before = findDebianPython()
  if ('command' in before) return undefined
  if (!mayUseApt()) return before.missing
  const problem = await aptInstall(DEBIAN_PACKAGES)
  const after = findDebianPython()
  return 'missing' in after ? (problem ?? after.missing) : undefined
}

// A Node with node:sqlite, and better-sqlite3

const SQLITE_FOLDER = pathOf('.vial/services/node24')
const NODE_PACKAGE = `node-${WINDOWS ? 'win' : process.platform}-${process.arch}`

/** What the tests of SQLite run with. */
export interface SqliteParts {
  /** The Node to run: this one, when it has `node:sqlite`. */
  readonly node: string
  /** The folder from which better-sqlite3 can be loaded. */
  readonly betterSqlite3: string
}

/** What is installed; undefined: not all of it. */
export function findSqlite(): SqliteParts | undefined {
  const betterSqlite3 = join(SQLITE_FOLDER, 'node_modules', 'better-sqlite3')
  const node = nodeWithSqlite()
  return existsSync(node) && existsSync(betterSqlite3) ? { node, betterSqlite3 } : undefined
}

async function installSqlite(): Promise<string | undefined> {
  if (findSqlite() !== undefined) return undefined
  mkdirSync(SQLITE_FOLDER, { recursive: true })
  const packages = ['better-sqlite3@13']
  if (nodeWithSqlite() !== process.execPath) packages.push(`${NODE_PACKAGE}@24`)
  // No scripts: better-sqlite3 brings its binaries along.
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock']
  const problem = await run('npm', ['install', '--prefix', SQLITE_FOLDER, ...flags, ...packages])
  return problem === undefined ? undefined : `no Node with SQLite: ${problem}`
}

function nodeWithSqlite(): string {
  if (isNodeSince(22, 16)) return process.execPath
  return join(SQLITE_FOLDER, 'node_modules', NODE_PACKAGE, WINDOWS ? 'bin/node.exe' : 'bin/node')
}

/**
 * Gives this Node where it has at least a version, else a Node 24, which is installed with the part `sqlite`.
 *
 * @throws {Error} When there is neither.
 */
export async function nodeSince(major: number, minor: number): Promise<string> {
  if (isNodeSince(major, minor)) return process.execPath
  const problem = await provision('sqlite')
  const found = nodeWithSqlite()
  if (found !== process.execPath && existsSync(found)) return found
  throw new Error(`This needs Node ${major}.${minor} or newer: ${problem}`)
}

function isNodeSince(major: number, minor: number): boolean {
  const [own = 0, ownMinor = 0] = process.versions.node.split('.').map(Number)
  return own > major || (own === major && ownMinor >= minor)
}

// Installing

/** True as root on Debian and its relatives. */
function mayUseApt(): boolean {
  return process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')
}

/** Installs Debian packages. Gives why that failed; undefined: it did not. */
async function aptInstall(packages: readonly string[]): Promise<string | undefined> {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const lock = ['-q', '-o', 'DPkg::Lock::Timeout=300']
  const flags = ['-y', '-o', 'Dpkg::Options::=--force-unsafe-io', '--no-install-recommends']
  return (
    (await run('apt-get', [...lock, 'update'], { env })) ??
    (await run('apt-get', [...lock, ...flags, 'install', ...packages], { env }))
  )
}

/** Runs a program to its end, and reports every ten seconds. Gives why it failed; undefined: it did not. */
function run(
  command: string,
  args: readonly string[],
  { env = process.env }: { readonly env?: NodeJS.ProcessEnv } = {},
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const startedAt = Date.now()
    const progress = setInterval(() => {
      const seconds = Math.round((Date.now() - startedAt) / 1000)
      console.error(`  ${command} ${args.find((word) => /^\w/.test(word))}: ${seconds} s so far`)
    }, 10_000)
    let output = ''
    const keep = (chunk: Buffer): void => {
      output += chunk.toString()
    }
    const signal = AbortSignal.timeout(LIMIT)
    const shell = WINDOWS && command === 'npm'
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], signal, env, shell })
    const finish = (problem: string | undefined): void => {
      clearInterval(progress)
      resolve(problem)
    }
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    child.on('error', (error: NodeJS.ErrnoException) => {
      if (error.name === 'AbortError') finish(`${command} took more than ${LIMIT / 1000} s`)
      else finish(error.code === 'ENOENT' ? `there is no ${command}` : error.message)
    })
    child.on('close', (code) => finish(code === 0 ? undefined : reasonIn(output)))
  })
}

/** The line of a program's output that says why it failed. */
function reasonIn(output: string): string {
  // Without an index pip ends with `No matching distribution found`, which misleads.
  if (/connection (broken|error)|failed to establish/i.test(output)) {
    return 'the package index cannot be reached'
  }
  const lines = output.split('\n').map((line) => line.trim())
  const errors = lines.filter((line) => /error/i.test(line))
  return errors.at(-1) ?? lines.findLast((line) => line !== '') ?? 'it gave no reason'
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function pathOf(path: string): string {
  return fileURLToPath(new URL(`../${path}`, import.meta.url))
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  for (const name of process.argv.slice(2)) {
    if (!Object.hasOwn(PARTS, name)) throw new Error(`There is no part ${name}.`)
    const missing = await provision(name as Part)
    if (missing !== undefined) console.error(`Skipped, because there is ${missing}`)
  }
}
