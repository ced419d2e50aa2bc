/**
 * Sessions in the files of cachelib's FileSystemCache, which Flask-Session uses for SESSION_TYPE `filesystem` and
 * `cachelib`. Use `vial/stores/file` when no Flask shares the directory.
 *
 * @module
 */

import type { AsyncStore } from '../../core/store.ts'
import { ConfigError } from '../../errors.ts'
import type { FileStoreOptions } from '../file/layout.ts'
import { fileVerbs } from '../file/verbs.ts'
import { cachelibFiles, LOCK_FOLDER } from './files.ts'
import { type CachelibHash, RESOLUTION } from './format.ts'

export type { CachelibHash } from './format.ts'

/** `sweepInterval` matters more here, as cachelib removes expired files only over its threshold. */
export interface CachelibFileStoreOptions extends FileStoreOptions {
  /**
   * How new files are named: `md5` for cachelib before 0.16, `sha256` since. Both are read. Absent: as the cachelib that
   * keeps its count in the directory names them; without a count, as the files there are named; in an empty directory,
   * `sha256`.
   */
  readonly hash?: CachelibHash
  /**
   * With more files than this, expired ones are removed before a file is created, then live sessions with the nearest
   * expiry. Give the value that Flask has; 0: no limit. @default 500
   */
  readonly threshold?: number
  /** The mode of each file. @default 0o600 */
  readonly mode?: number
}

/**
 * Keeps sessions in `directory`. If it is missing, it is made for its owner alone. Its group may write to it, so that two
 * users can share it. When Flask runs as another user and owns the directory, name that user in `owners`. The directory is
 * refused when any other user could write to it or put another one in its place, as that user could plant sessions.
 *
 * Writers of this store take locks, which cachelib neither counts nor removes. Flask writes without a lock and without
 * comparing. What it writes in the microseconds between the last comparison and the rename of a write here is lost, and
 * it may overwrite what was written here. Only this store has that gap, as the servers of the others compare.
 *
 * A record of cachelib before 0.7 is read, and keeps its layout when it is written under the same name. A truncated file
 * is a record that cannot be read: its visitor gets a fresh session, and a sweep removes it. The expiry is in whole
 * seconds, rounded up; after the year 2106 it becomes "never".
 *
 * @throws {ConfigError} When the directory cannot be made, is not a directory, or another user could write to it or replace
 * it; when an option is invalid.
 */
export function cachelibFileStore(
  directory: string,
  options: CachelibFileStoreOptions = {},
): AsyncStore {
  const { hash, threshold = 500, mode = 0o600 } = options
  const name = 'cachelibFileStore'
  if (hash !== undefined && hash !== 'md5' && hash !== 'sha256') {
    throw new ConfigError(
      `${name}: hash is ${JSON.stringify(hash)}. Give 'md5' for cachelib before 0.16, 'sha256' for later ones, or leave it out.`,
    )
  }
  if (!Number.isSafeInteger(threshold) || threshold < 0) {
    throw new ConfigError(
      `${name}: threshold is ${threshold}. Give a number of files, or 0 for no limit.`,
    )
  }
  if (!Number.isInteger(mode) || (mode & ~0o777) !== 0 || (mode & 0o600) !== 0o600) {
    throw new ConfigError(
      `${name}: mode is ${mode}. Give the mode of a file that its owner can read and write, such as 0o600.`,
    )
  }
  const owners = `${LOCK_FOLDER}/owners`
  const verbs = fileVerbs(name, directory, true, owners, options, (found) =>
    cachelibFiles(found, { hash, threshold, mode }),
  )
  return {
    name: 'cachelib-file',
    atomic: true,
    evicts: threshold !== 0,
    resolution: RESOLUTION,
    ...verbs,
  }
}
