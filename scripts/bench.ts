/**
 * `npm run bench`: builds vial, installs what the benches need (their packages, a Node that runs TypeScript, gunicorn), and
 * runs `bench/main.ts`; with `--against=<commit>` beside a build of that commit.
 */

import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { installFolder } from './install-folder.ts'
import { findPython, nodeSince, provision } from './provision.ts'
import { installPackages, whatIsMissing } from './services/packages.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const BENCH = join(ROOT, 'bench')
const GUNICORN = 'gunicorn==26.2.0'
/** The topics that start a server of every store. */
const ALL_SERVERS = ['commands', 'stored']

const args = process.argv.slice(2)
const words = args.filter((word) => !word.startsWith('--'))
const [quick, check] = ['--quick', '--check'].map((flag) => args.includes(flag)) as [
  boolean,
  boolean,
]

run('npm', ['run', '--silent', 'build'])
installFolder(BENCH)
await installServers()
// It runs TypeScript.
const node = await nodeSince(22, 18)
const python = quick ? undefined : await pythonWithGunicorn()
const builds = args.map((word) =>
  word.startsWith('--against=') ? buildOf(word.slice('--against='.length)) : word,
)
const { status } = spawnSync(node, ['--no-warnings', join(BENCH, 'main.ts'), ...builds], {
  stdio: 'inherit',
  env: { ...process.env, ...(python !== undefined && { BENCH_PYTHON: python }) },
})
process.exitCode = status ?? 1

/** @throws {Error} With what to install, before anything is measured. */
async function installServers(): Promise<void> {
  const isForAll =
    words.some((word) => ALL_SERVERS.includes(word)) ||
    (words.length === 0 && !quick && !args.includes('--docs'))
  await installPackages(isForAll ? ['redis', 'memcached', 'postgres', 'mariadb'] : ['redis'])
  const missing = process.env['BENCH_REDIS_URL'] === undefined ? whatIsMissing('redis') : undefined
  if (missing !== undefined) {
    throw new Error(`The benches need Redis: ${missing}, or set BENCH_REDIS_URL`)
  }
}

/** Undefined: there is none, so Flask is not measured. */
async function pythonWithGunicorn(): Promise<string | undefined> {
  if (!check) await provision('flask')
  const found = findPython()
  if (found === undefined) return undefined
  if (spawnSync(found, ['-c', 'import gunicorn']).status === 0) return found
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', GUNICORN]
  return spawnSync(found, pip, { timeout: 180_000 }).status === 0 ? found : undefined
}

/** Builds a commit in a folder of its own; returns the flag for `bench/main.ts` that names it. */
function buildOf(commit: string): string {
  const git = (...rest: readonly string[]): string =>
    execFileSync('git', ['-C', ROOT, ...rest], { encoding: 'utf8' }).trim()
  const hash = git('rev-parse', '--short', `${commit}^{commit}`)
  const folder = join(ROOT, '.vial', 'bench', hash)
  if (!existsSync(join(folder, 'dist', 'index.js'))) {
    console.error(`Building ${hash}.`)
    mkdirSync(folder, { recursive: true })
    const tar = execFileSync('git', ['-C', ROOT, 'archive', hash], { maxBuffer: 2 ** 28 })
    execFileSync('tar', ['-x', '-C', folder], { input: tar })
    const modules = join(folder, 'node_modules')
    if (!existsSync(modules)) symlinkSync(join(ROOT, 'node_modules'), modules)
    const flags = ['--declaration', 'false', '--removeComments']
    run('npx', ['tsc', '-p', 'tsconfig.build.json', ...flags], folder)
  }
  return `--against=${hash}=${folder}`
}

function run(command: string, rest: readonly string[], cwd = ROOT): void {
  const shell = process.platform === 'win32'
  const result = spawnSync(command, rest, { cwd, stdio: ['ignore', 'ignore', 'inherit'], shell })
  if (result.status !== 0) throw new Error(`${command} ${rest.join(' ')} failed`)
}
