/**
 * Runs `npm ci` when what is installed differs from package-lock.json, and otherwise prints nothing:
 *
 *     node scripts/ensure-install.mjs [workspace]
 *
 * With the path of a workspace, such as `examples/tutorial`, it looks at that workspace's packages only, and a fresh
 * clone gets only those. Plain JavaScript without dependencies, because it runs when nothing is installed.
 */

import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`vial needs Node 20.19 or newer; this is Node ${process.versions.node}.`)
  process.exit(1)
}

const [, , workspace] = process.argv
const lock = packagesIn('package-lock.json')
if (lock === undefined) {
  console.error('package-lock.json cannot be read: run git checkout package-lock.json.')
  process.exit(1)
}
const wanted = workspace === undefined ? Object.keys(lock) : closureOf(workspace)
const installed = packagesIn('node_modules/.package-lock.json')
const reason = firstDifference()
if (reason !== undefined) process.exit(await install(reason))

/** Why what is installed does not do; undefined: it does. */
function firstDifference() {
  if (installed === undefined) return 'node_modules is missing'
  for (const path of wanted) {
    const entry = lock[path]
    // Optional packages are those of other platforms.
    if (!path.startsWith('node_modules/') || entry.optional || entry.devOptional || entry.link) {
      continue
    }
    const there = installed[path]
    if (there?.version !== entry.version || there.integrity !== entry.integrity) {
      return `${path} is not at version ${entry.version}`
    }
  }
  return undefined
}

/** The paths in package-lock.json of all packages that a workspace leads to. */
function closureOf(start) {
  const found = new Set([start])
  for (const path of found) {
    const { dependencies, optionalDependencies } = lock[path] ?? {}
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
      const nested = `${path}/node_modules/${name}`
      found.add(lock[nested] === undefined ? `node_modules/${name}` : nested)
    }
  }
  return [...found].filter((path) => lock[path] !== undefined)
}

function packagesIn(path) {
  try {
    return JSON.parse(readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')).packages
  } catch {
    return undefined
  }
}

/** Resolves to the exit code of npm, whose warnings and errors go straight to the terminal. */
function install(why) {
  // `npm ci` removes what is outside the workspace, so a full installation is replaced by a full one.
  const own = new Set(wanted)
  const small =
    workspace !== undefined &&
    Object.entries(installed ?? {}).every(([path, { link }]) => link || own.has(path))
  const what = small ? `the packages of ${workspace}` : 'the development packages'
  console.log(`Installing ${what} with npm ci: ${why}.`)
  const quiet = ['--no-audit', '--no-fund', '--no-progress', '--loglevel=error']
  const args = ['ci', '--include=dev', ...quiet, ...(small ? ['--workspace', workspace] : [])]
  const npm = process.env.npm_execpath
  const [command, ...first] = npm?.endsWith('npm-cli.js') ? [process.execPath, npm] : ['npm']
  const startedAt = Date.now()
  const progress = setInterval(() => {
    console.log(`  still installing after ${Math.round((Date.now() - startedAt) / 1000)} s`)
  }, 10_000)
  return new Promise((resolve) => {
    const child = spawn(command, [...first, ...args], {
      cwd: root,
      stdio: ['ignore', 'ignore', 'inherit'],
      shell: command === 'npm' && process.platform === 'win32',
    })
    child.once('error', (error) => finish(1, `npm could not be started: ${error.message}`))
    child.once('close', (code) =>
      finish(
        code ?? 1,
        'npm ci failed, for the reason above. Run the command again once it is solved.',
      ),
    )
    let finished = false
    function finish(code, failure) {
      // A program that could not be started is reported twice.
      if (finished) return
      finished = true
      clearInterval(progress)
      if (code !== 0) console.error(failure)
      resolve(code)
    }
  })
}
