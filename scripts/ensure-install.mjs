/**
 * Prevents: a fresh clone, or one where package-lock.json has moved on, where the first command ends in `vitest: not
 * found`. Compares what is installed with package-lock.json and runs `npm ci` when they differ; else prints nothing.
 * Plain JavaScript without dependencies, because it runs when nothing is installed.
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
const reason = whatIsMissing()
if (reason !== undefined) {
  console.log(`Installing the development packages with npm ci: ${reason}.`)
  process.exit(await install())
}

/** The first difference between package-lock.json and what is installed; undefined: none. */
function whatIsMissing() {
  const wanted = packages('package-lock.json')
  const installed = packages('node_modules/.package-lock.json')
  if (wanted === undefined)
    throw new Error('package-lock.json cannot be read: run git checkout package-lock.json.')
  if (installed === undefined) return 'node_modules is missing'
  for (const [path, entry] of Object.entries(wanted)) {
    // Optional packages are those of other platforms.
    if (path === '' || entry.optional || entry.devOptional || entry.link) continue
    const there = installed[path]
    if (there?.version !== entry.version || there.integrity !== entry.integrity) {
      return `${path} is not at version ${entry.version}`
    }
  }
  return undefined
}

function packages(path) {
  try {
    return JSON.parse(readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')).packages
  } catch {
    return undefined
  }
}

/** Resolves to the exit code of npm, whose warnings and errors go straight to the terminal. */
function install() {
  const args = [
    'ci',
    '--include=dev',
    '--no-audit',
    '--no-fund',
    '--no-progress',
    '--loglevel=error',
  ]
  const npm = process.env.npm_execpath
  const [command, ...first] = npm?.endsWith('npm-cli.js') ? [process.execPath, npm] : ['npm']
  const startedAt = Date.now()
  let progress = setTimeout(tell, 2_000)
  function tell() {
    console.log(`  still installing after ${Math.round((Date.now() - startedAt) / 1000)} s`)
    progress = setTimeout(tell, 10_000)
  }
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
        'npm ci failed, for the reason above. Nothing else was run; try again once it is solved.',
      ),
    )
    let finished = false
    function finish(code, failure) {
      // A program that could not be started is reported twice.
      if (finished) return
      finished = true
      clearTimeout(progress)
      if (code !== 0) console.error(failure)
      resolve(code)
    }
  })
}
