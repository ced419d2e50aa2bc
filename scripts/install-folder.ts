/** Packages of a folder that has a lock file of its own, such as `bench`. */

import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'

/**
 * Runs `npm ci` in a folder, unless what is installed there is what its lock file says.
 *
 * @throws {Error} When npm fails.
 */
export function installFolder(folder: string): void {
  const lock = readFileSync(join(folder, 'package-lock.json'), 'utf8')
  const installed = join(folder, 'node_modules', '.package-lock.json')
  const isInstalled =
    existsSync(installed) && versionsIn(lock) === versionsIn(readFileSync(installed, 'utf8'))
  if (isInstalled) return
  console.error(`Installing the packages of ${folder}.`)
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  const { status } = spawnSync('npm', ['ci', '--prefix', folder, ...flags], {
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: process.platform === 'win32',
  })
  if (status !== 0) throw new Error(`npm ci failed in ${folder}.`)
}

/** The packages of a lock file that every platform needs, with their versions. */
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
