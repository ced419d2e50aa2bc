/** The Debian packages of the servers. */

import process from 'node:process'
import { type ServiceName, variableOf } from './names.ts'
import { findProgram } from './programs.ts'
import { whyNoDocumentdb } from './servers/documentdb-root.ts'
import { run } from './servers/run.ts'

interface Needs {
  readonly programs: readonly string[]
  readonly packages: readonly string[]
}

const REDIS: Needs = { programs: ['redis-server'], packages: ['redis-server'] }

const NEEDS: Partial<Readonly<Record<ServiceName, Needs>>> = {
  redis: REDIS,
  'redis-cluster': REDIS,
  'redis-sentinel': REDIS,
  memcached: { programs: ['memcached'], packages: ['memcached'] },
  postgres: { programs: ['postgres', 'initdb'], packages: ['postgresql'] },
  mariadb: { programs: ['mariadbd', 'mariadb-install-db'], packages: ['mariadb-server'] },
  mongodb: { programs: ['debootstrap', 'chroot'], packages: ['debootstrap'] },
}

/** Why a service cannot be started here, and what to do about it; undefined: it can. */
export function whatIsMissing(name: ServiceName): string | undefined {
  const never = name === 'mongodb' ? whyNoDocumentdb() : undefined
  if (never !== undefined) return `${never}: set ${variableOf(name)} to a server of your own`
  const missing = (NEEDS[name]?.programs ?? []).filter((one) => findProgram(one) === undefined)
  if (missing.length === 0) return undefined
  return `${missing.join(' and ')} not found: run "apt-get install ${NEEDS[name]?.packages.join(' ')}" as root`
}

/** Installs what the services lack, in one call of apt-get, when this runs as root on Debian. */
export async function installPackages(names: readonly ServiceName[]): Promise<void> {
  const lacking = names.filter((name) => whatIsMissing(name) !== undefined)
  const packages = [...new Set(lacking.flatMap((name) => NEEDS[name]?.packages ?? []))]
  const mayInstall = process.getuid?.() === 0 && findProgram('apt-get') !== undefined
  if (packages.length === 0 || !mayInstall) return
  console.log(`Installing ${packages.join(', ')} with apt-get.`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const lock = ['-q', '-o', 'DPkg::Lock::Timeout=300']
  await run('apt-get', [...lock, 'update'], { env })
  await run(
    'apt-get',
    [
      ...[...lock, '-y', '-o', 'Dpkg::Options::=--force-unsafe-io', '--no-install-recommends'],
      ...['install', ...packages],
    ],
    { env },
  )
}
