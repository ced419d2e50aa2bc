/**
 * Prevents: figures of something else than what is here. Builds, gets what the benches need (their packages, a Node that
 * runs TypeScript, Redis, gunicorn), and runs `bench/main.ts`; with `--against=<commit>` beside a build of that commit.
 */

import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { findPython, findSqlite, provision } from './provision.ts'
import { installPackages } from './services/packages.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const BENCH = join(ROOT, 'bench')
const GUNICORN = 'gunicorn==26.2.0'
const LIMIT = 180_000

const args = process.argv.slice(2)
run('npm', ['run', '--silent', 'build'])
installPeers()
const node = await nodeForBench()
await installPackages(['redis', 'memcached', 'postgres', 'mariadb'])
const python = await pythonWithGunicorn()
const commits = args.filter((word) => word.startsWith('--against='))
const folders = commits.map((word) => buildOf(word.slice('--against='.length)))
const rest = args.filter((word) => !commits.includes(word))

const { status } = spawnSync(node, ['--no-warnings', join(BENCH, 'main.ts'), ...rest, ...folders], {
  stdio: 'inherit',
  env: {
    ...process.env,
    ...(python === undefined ? {} : { BENCH_PYTHON: python }),
  },
})
process.exitCode = status ?? 1

function installPeers(): void {
  const wanted = readFileSync(join(BENCH, 'package-lock.json'), 'utf8')
  const stamp = join(BENCH, 'node_modules', '.package-lock.json')
  const isThere =
    existsSync(stamp) && versionsIn(wanted) === versionsIn(readFileSync(stamp, 'utf8'))
  if (isThere) return
  console.error('Installing the peers into bench/node_modules.')
  // Not `ci`, which refuses a lock file without the optional packages of every platform, and those cannot be had everywhere.
  run('npm', [
    'install',
    '--prefix',
    BENCH,
    '--no-save',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ])
}

/** What a lock file says of the packages that are needed everywhere. */
function versionsIn(lock: string): string {
  const { packages } = JSON.parse(lock) as {
    readonly packages: Readonly<
      Record<
        string,
        { readonly version?: string; readonly optional?: boolean; readonly devOptional?: boolean }
      >
    >
  }
  return Object.entries(packages)
    .filter(([path, { optional, devOptional }]) => path !== '' && !optional && !devOptional)
    .map(([path, { version }]) => `${path} ${version}`)
    .sort()
    .join('\n')
}

/** This Node when it runs TypeScript, else a Node 24. */
async function nodeForBench(): Promise<string> {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major > 22 || (major === 22 && minor >= 18)) return process.execPath
  const problem = await provision('sqlite')
  const node = findSqlite()?.node
  if (node === undefined) throw new Error(`The benches need Node 22.18 or newer: ${problem}`)
  return node
}

/** Undefined: there is none, and the topic that needs it says so. */
async function pythonWithGunicorn(): Promise<string | undefined> {
  await provision('flask')
  const python = findPython()
  if (python === undefined) return undefined
  const has = spawnSync(python, ['-c', 'import gunicorn']).status === 0
  if (has) return python
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', GUNICORN]
  return spawnSync(python, pip, { timeout: LIMIT }).status === 0 ? python : undefined
}

/** Builds a commit in a folder of its own, and names it for `bench/main.ts`. */
function buildOf(commit: string): string {
  const git = (...words: readonly string[]): string =>
    execFileSync('git', ['-C', ROOT, ...words], { encoding: 'utf8' }).trim()
  const hash = git('rev-parse', '--short', `${commit}^{commit}`)
  const folder = join(ROOT, '.vial', 'bench', hash)
  const dist = join(folder, 'dist')
  if (!existsSync(join(dist, 'index.js'))) {
    console.error(`Building ${hash}.`)
    mkdirSync(folder, { recursive: true })
    const tar = execFileSync('git', ['-C', ROOT, 'archive', hash], { maxBuffer: 2 ** 28 })
    execFileSync('tar', ['-x', '-C', folder], { input: tar })
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
    run(
      'npx',
      ['tsc', '-p', 'tsconfig.build.json', '--declaration', 'false', '--removeComments'],
      folder,
    )
  }
  return `--against=${hash}=${dist}`
}

function run(command: string, words: readonly string[], cwd = ROOT): void {
  const shell = process.platform === 'win32'
  const result = spawnSync(command, words, { cwd, stdio: ['ignore', 'ignore', 'inherit'], shell })
  if (result.status !== 0) throw new Error(`${command} ${words.join(' ')} failed`)
}
