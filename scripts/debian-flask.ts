/**
 * Prevents: interoperability that is shown with this year's Flask only. Finds Debian's own Flask 2.2 with Flask-Session
 * 0.3, and installs it where that is possible.
 */

import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import process from 'node:process'
import { run } from './services/servers/run.ts'

const COMMAND = '/usr/bin/python3'
const FOLDER = '/usr/lib/python3/dist-packages'
const PACKAGES = [
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
const MODULES =
  'flask, flask_session, cachelib, redis, pymemcache, flask_sqlalchemy, psycopg2, pymysql, pymongo'
/** What is said of Flask-Session before 0.6, which wrote pickles. */
const CHECK = `import ${MODULES}
from importlib.metadata import version
assert version("flask-session") < "0.6"`

/** The command and where its packages are, or why there is none. */
export type DebianPython =
  | { readonly command: string; readonly packages: string }
  | { readonly missing: string }

/** Looks for it. */
export function findDebianPython(): DebianPython {
  const found = existsSync(COMMAND) && spawnSync(COMMAND, ['-c', CHECK]).status === 0
  if (found) return { command: COMMAND, packages: FOLDER }
  return {
    missing: `no Flask-Session before 0.6 of Debian: "apt-get install ${PACKAGES.join(' ')}"`,
  }
}

/**
 * Installs it, unless it is there, when this runs as root on Debian.
 *
 * @returns Why it is missing; undefined: it is there.
 */
export async function makeDebianPython(): Promise<string | undefined> {
  const before = findDebianPython()
  if ('command' in before) return undefined
  const mayInstall = process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')
  if (!mayInstall) return before.missing
  console.log('  installing Flask of Debian with apt-get')
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const lock = ['-q', '-o', 'DPkg::Lock::Timeout=300']
  try {
    await run('apt-get', [...lock, 'update'], { env })
    await run('apt-get', [...lock, '-y', '--no-install-recommends', 'install', ...PACKAGES], {
      env,
    })
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  const after = findDebianPython()
  return 'missing' in after ? after.missing : undefined
}
