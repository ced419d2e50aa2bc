/** Where programs are, and as whom servers run. */

import { accessSync, constants, readdirSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import process from 'node:process'

const POSTGRES = '/usr/lib/postgresql'

/** The path of a program; undefined: not installed. */
export function findProgram(name: string): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '')
  const paths = [...folders, '/usr/sbin', '/sbin', ...postgresFolders()]
  return paths.map((folder) => join(folder, name)).find(isProgram)
}

/** @throws {Error} When it is not installed. */
export function program(name: string): string {
  const path = findProgram(name)
  if (path === undefined) throw new Error(`${name} is not installed`)
  return path
}

export function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** The user and the group that servers run as when this runs as root; undefined: as whoever runs this. */
export function unprivileged(): { readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const nobody = readFileSync('/etc/passwd', 'utf8').match(/^nobody:[^:]*:(\d+):(\d+):/m)
  return { uid: Number(nobody?.[1] ?? 65_534), gid: Number(nobody?.[2] ?? 65_534) }
}

/** The newest first. Debian keeps them off the PATH. */
function postgresFolders(): string[] {
  try {
    const versions = readdirSync(POSTGRES).map(Number).filter(Number.isFinite)
    return versions.toSorted((a, b) => b - a).map((version) => join(POSTGRES, `${version}`, 'bin'))
  } catch {
    return []
  }
}
