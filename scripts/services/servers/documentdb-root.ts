/**
 * A small Debian "forky" in a folder of its own, for the one thing that is nowhere else: PostgreSQL 18 with the
 * DocumentDB extension. It needs root.
 */

import { existsSync } from 'node:fs'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import { cacheFolder } from '../cache.ts'
import { findProgram, program, unprivileged } from '../programs.ts'
import { run } from './run.ts'

const PACKAGES = ['postgresql-18', 'postgresql-18-documentdb']
const MIRROR = 'http://deb.debian.org/debian'

/** Where the folder of a server is inside. */
export const INSIDE = '/mnt'

/** Why it cannot be had here; undefined: it can, or it is there. */
export function whyNoDocumentdb(): string | undefined {
  if (process.getuid?.() !== 0) return 'it needs root'
  if (findProgram('unshare') === undefined) return 'it needs Linux'
  return undefined
}

/**
 * Makes the folder, unless it is there: about a minute and 800 MB.
 *
 * @throws {Error} When a step fails, with the last lines of it.
 */
export async function installDocumentdb(): Promise<void> {
  const final = root()
  if (existsSync(final)) return
  // Renamed at the end, so that an interrupted installation is not taken for a complete one.
  const folder = `${final}.new`
  const mirror = process.env['VIAL_DEBIAN_MIRROR'] || MIRROR
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  // The script of sid, because an older debootstrap does not know the name.
  const script = '/usr/share/debootstrap/scripts/sid'
  await run(program('debootstrap'), ['--variant=minbase', 'forky', folder, mirror, script])
  await writeFile(join(folder, 'usr/sbin/policy-rc.d'), '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  // Some packages want /proc while they are set up. The mount goes with the namespace.
  await unshared(`mount -t proc proc '${folder}/proc' && exec chroot '${folder}' "$@"`, [
    ...['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-q', '-y'],
    // The index of a testing release is allowed to be old.
    ...['-o', 'Acquire::Check-Valid-Until=false', '-o', 'Dpkg::Options::=--force-unsafe-io'],
    ...['install', '--no-install-recommends', ...PACKAGES],
  ])
  await run('chroot', [folder, 'apt-get', 'clean'])
  await rename(folder, final)
}

/** A command inside, unprivileged, with the folder of a server at {@link INSIDE}. */
export function insideCommand(
  directory: string,
  command: string,
  args: readonly string[],
  outlive: boolean,
): readonly [string, readonly string[]] {
  const { uid, gid } = unprivileged() ?? { uid: 65_534, gid: 65_534 }
  const who = ['--reuid', `${uid}`, '--regid', `${gid}`, '--clear-groups']
  const mount = `mount --bind '${directory}' '${root()}${INSIDE}'`
  return unsharedCommand(`${mount} && exec chroot '${root()}' "$@"`, [
    ...['setpriv', ...who, ...(outlive ? [] : ['--pdeathsig', 'KILL']), '--', command, ...args],
  ])
}

function root(): string {
  return join(cacheFolder(), 'forky-documentdb')
}

function unshared(script: string, args: readonly string[]): Promise<string> {
  const [file, all] = unsharedCommand(script, args)
  return run(file, all)
}

/** A shell script in a mount namespace of its own, in the same process as what it ends with. */
function unsharedCommand(
  script: string,
  args: readonly string[],
): readonly [string, readonly string[]] {
  const flags = ['--mount', '--propagation', 'private', '--']
  return [program('unshare'), [...flags, 'sh', '-c', script, 'sh', ...args]]
}
