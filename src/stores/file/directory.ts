/**
 * Makes sure that no other user can plant sessions: by writing to the directory, or by putting another one in its place. As
 * sshd does with a home directory, each parent is checked too.
 */

import { lstatSync, mkdirSync, realpathSync, type Stats } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { ConfigError } from '../../errors.ts'
import { FOR_A_URL } from '../shared/failure.ts'

/** Users by their ids; `any`: all of them. */
export type Owners = readonly number[] | 'any'

const ROOT = 0
const STICKY = 0o1000
const GROUP_WRITES = 0o020
const ALL_WRITE = 0o002

/**
 * Makes the directory if it is missing and returns its absolute path without links, so that no later change of a link or
 * of the working directory has an effect. Where there are no user ids, as on Windows, nothing is checked.
 *
 * @param store The name of the store's function, for messages.
 * @param owners The users that may own the directory, its parents and links to it, besides root and this process's user.
 * @param shared Whether the group of the directory may write to it.
 * @throws {ConfigError} When it cannot be made, is not a directory, or another user could write to it or replace it.
 */
export function prepareDirectory(
  directory: string,
  store: string,
  owners: Owners,
  shared: boolean,
): string {
  if (/^file:/i.test(directory)) {
    throw new ConfigError(`${store}: the first argument is a URL. Give a path. ${FOR_A_URL}`)
  }
  const isId = (id: unknown) => Number.isSafeInteger(id) && Number(id) >= 0
  if (owners !== 'any' && !(Array.isArray(owners) && owners.every(isId))) {
    throw new ConfigError(
      `${store}: owners is ${JSON.stringify(owners)}. Give a list of user ids such as [33], or 'any'.`,
    )
  }
  const path = resolve(directory)
  let root: string
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
    root = realpathSync(path)
  } catch (error) {
    const name = JSON.stringify(path)
    throw new ConfigError(`${store}: ${name} is not a directory and cannot be made one.`, {
      cause: error,
    })
  }
  const user = process.geteuid?.()
  if (user === undefined || owners === 'any') return root

  const trusted = new Set([ROOT, user, ...owners])
  const { gid, mode } = lstatSync(root)
  const group = shared && (mode & GROUP_WRITES) !== 0 ? gid : ROOT
  for (const place of new Set([...withParents(path), ...withParents(root)])) {
    const stats = lstatSync(place)
    const name = JSON.stringify(place)
    if (!trusted.has(stats.uid)) {
      throw new ConfigError(
        `${store}: user ${stats.uid} owns ${name} and could plant sessions. Use another directory, or trust that user by owners: [${stats.uid}].`,
      )
    }
    if (place === root ? othersWrite(stats, shared) : othersRename(stats, group)) {
      throw new ConfigError(
        `${store}: other users may write to ${name} and could plant sessions. Run chmod go-w on it, or use another directory. If no other user can reach it, as in a container, give owners: 'any'.`,
      )
    }
  }
  return root
}

/** A path and all that lead to it. */
function withParents(path: string): string[] {
  const parent = dirname(path)
  return parent === path ? [path] : [path, ...withParents(parent)]
}

function othersWrite({ mode }: Stats, shared: boolean): boolean {
  return (mode & (shared ? ALL_WRITE : ALL_WRITE | GROUP_WRITES)) !== 0
}

/** Under the sticky bit only owners rename. Debian gives each user a group of its own, with the id of the user. */
function othersRename(stats: Stats, trustedGroup: number): boolean {
  const { mode, uid, gid } = stats
  if (stats.isSymbolicLink() || (mode & STICKY) !== 0) return false
  const isTrusted = gid === ROOT || gid === trustedGroup || gid === uid
  return (mode & ALL_WRITE) !== 0 || ((mode & GROUP_WRITES) !== 0 && !isTrusted)
}
