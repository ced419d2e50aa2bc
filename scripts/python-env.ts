/**
 * Prevents: interoperability tests that run against whatever Flask happens to be installed, or not at all. Makes a
 * virtual environment with the versions that the tests name.
 */

import { spawn } from 'node:child_process'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const PACKAGES = [
  'flask==3.1.3',
  'flask-session==0.8.0',
  'msgspec==0.22.0',
  'cachelib==0.17.0',
  'redis==8.1.0',
  'sqlalchemy==2.1.1',
  'flask-sqlalchemy==3.1.1',
  'psycopg2-binary==2.9.13',
  'pymysql==1.2.3',
  'pymongo==4.18.2',
  'boto3==1.43.107',
]
const FOLDER = fileURLToPath(new URL('../.venv/flask', import.meta.url))
/** Written last, so that an interrupted installation is not taken for a complete one. */
const STAMP = join(FOLDER, 'vial-packages.txt')
const PYTHON = join(FOLDER, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python')

/** A Python that has Flask: the one that `VIAL_TEST_PYTHON` names, or that of the environment; undefined: neither. */
export function findPython(): string | undefined {
  const named = process.env['VIAL_TEST_PYTHON']
  if (named !== undefined && named !== '') return named
  return isComplete() ? PYTHON : undefined
}

/**
 * Makes the environment, unless it is there.
 *
 * @param limit Longest time for it, ms.
 * @returns Why there is none; undefined: there is one.
 */
export async function makePythonEnv(limit: number): Promise<string | undefined> {
  if (findPython() !== undefined) return undefined
  const startedAt = Date.now()
  let progress = setTimeout(tell, 2_000)
  function tell(): void {
    const seconds = Math.round((Date.now() - startedAt) / 1000)
    console.log(
      `  installing Flask into .venv/flask for the tests with Python: ${seconds} s so far`,
    )
    progress = setTimeout(tell, 10_000)
  }
  try {
    const signal = AbortSignal.timeout(limit)
    rmSync(FOLDER, { recursive: true, force: true })
    const python = await run(
      process.platform === 'win32' ? 'python' : 'python3',
      ['-m', 'venv', FOLDER],
      signal,
    )
    if (python !== undefined) return `python3 -m venv failed: ${python}`
    const flags = ['--quiet', '--retries', '1', '--timeout', '15', '--disable-pip-version-check']
    const pip = await run(PYTHON, ['-m', 'pip', 'install', ...flags, ...PACKAGES], signal)
    if (pip !== undefined) return `pip install failed: ${pip}`
    writeFileSync(STAMP, stampText())
    return undefined
  } finally {
    clearTimeout(progress)
  }
}

function isComplete(): boolean {
  return existsSync(STAMP) && readFileSync(STAMP, 'utf8') === stampText() && existsSync(PYTHON)
}

function stampText(): string {
  return `${PACKAGES.join('\n')}\n`
}

/** Runs a program to its end. Gives the line that tells why it failed; undefined: it did not. */
function run(
  command: string,
  args: readonly string[],
  signal: AbortSignal,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    let output = ''
    const keep = (chunk: Buffer): void => {
      output += chunk.toString()
    }
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], signal })
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    child.on('error', (error: NodeJS.ErrnoException) => {
      if (error.name === 'AbortError') resolve('it took too long')
      else resolve(error.code === 'ENOENT' ? `there is no ${command}` : error.message)
    })
    child.on('close', (code) => resolve(code === 0 ? undefined : reasonIn(output)))
  })
}

function reasonIn(output: string): string {
  // Without an index pip ends with `No matching distribution found`, which misleads.
  if (/connection (broken|error)|failed to establish/i.test(output)) {
    return 'the package index cannot be reached'
  }
  const lines = output.split('\n').map((line) => line.trim())
  const error =
    lines.findLast((line) => /error/i.test(line)) ?? lines.findLast((line) => line !== '')
  return error ?? 'it gave no reason'
}
