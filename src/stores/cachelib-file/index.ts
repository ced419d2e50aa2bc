/**
 * Sessions in the files of cachelib's FileSystemCache, which Flask-Session uses for SESSION_TYPE `filesystem` and
 * `cachelib`. Use `vial/stores/file` when no Flask shares the directory.
 *
 * @module
 */

import { readdirSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { AsyncStore } from '../../core/store.ts'
import { ConfigError } from '../../errors.ts'
import { namesIn, replaceFile, unlessMissing } from '../file/files.ts'
import type { Directory, FileStoreOptions, Layout } from '../file/layout.ts'
import { fileVerbs } from '../file/verbs.ts'
import {
  type CachelibHash,
  COUNT_FILE,
  encodeCount,
  encodeHead,
  encodeId,
  hashOfName,
  parseCount,
  parseHead,
  RESOLUTION,
} from './format.ts'

export type { CachelibHash } from './format.ts'

/** The folder of the locks. cachelib neither counts nor removes files whose name ends so. */
const LOCK_FOLDER = 'locks.__wz_cache'
/** How long to wait for the lock of the count, in ms. */
const COUNT_WAIT = 1_000

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
    cachelibFiles(found, hash, threshold, mode),
  )
  return {
    name: 'cachelib-file',
    atomic: true,
    evicts: threshold !== 0,
    resolution: RESOLUTION,
    ...verbs,
  }
}

/**
 * The layout of an existing directory: the name of a file by either hash, the count of files, and the removal of files
 * over the threshold.
 *
 * @param chosen Undefined: found out by the count or the names in the directory.
 */
function cachelibFiles(
  { root, now, hold, tolerate, expiryOf, removeIf }: Directory,
  chosen: CachelibHash | undefined,
  threshold: number,
  mode: number,
): Layout {
  const lockOf = (path: string) => join(root, LOCK_FOLDER, `${basename(path)}.lock`)
  /** By the option, or by the count that cachelib keeps: it does not change any more. */
  let decided = chosen ?? hashOfCount(root)
  /** By the names of the files, until a cachelib starts to count. */
  let guessed = hashOfNames(namesAtStart(root))
  /** Changes of the number of files that the count does not hold yet. */
  let uncounted = 0

  const hash = () => decided ?? guessed ?? 'sha256'

  /** Undefined: no cachelib keeps a count here. */
  async function readCount(): Promise<number | undefined> {
    const body = await unlessMissing(() => readFile(join(root, COUNT_FILE[hash()])))
    return body && (parseCount(body) ?? 0)
  }

  async function writeCount(count: number, temporary: string): Promise<void> {
    const path = join(root, COUNT_FILE[hash()])
    const body = encodeCount(Math.max(0, count))
    await replaceFile(path, temporary, body, { fsync: false, mode })
  }

  /** Removes expired records, then live ones with the nearest expiry until the threshold is kept. */
  async function prune(temporary: string): Promise<void> {
    const names = (await namesIn(root)).filter(hashOfName)
    let left = names.length
    if (left > threshold) {
      const found: { readonly path: string; readonly expiresAt: number }[] = []
      for (const name of names) {
        const path = join(root, name)
        const expiresAt = await expiryOf(path)
        if (expiresAt === undefined) left--
        else found.push({ path, expiresAt })
      }
      for (const { path, expiresAt } of found.sort((a, b) => a.expiresAt - b.expiresAt)) {
        const live = expiresAt > now()
        if (live && left <= threshold) break
        if (await removeIf(path, (at) => live || at <= now())) left--
      }
    }
    if ((await readCount()) !== undefined) await writeCount(left, temporary)
  }

  return {
    mode,

    pathsOf(id) {
      const [md5, sha256] = [join(root, encodeId(id, 'md5')), join(root, encodeId(id, 'sha256'))]
      return hash() === 'md5' ? [md5, sha256] : [sha256, md5]
    },

    lockOf,
    folders: () => [root, join(root, LOCK_FOLDER)],
    isRecord: (name) => hashOfName(name) !== undefined,
    parseHead,
    encodeHead,

    shared: {
      /** Finds out the hash, and removes files over the threshold, as cachelib does before it writes. */
      async prepare(operation, signal) {
        if (decided === undefined) {
          decided = hashOfCount(root)
          if (decided === undefined) guessed ??= hashOfNames(await namesIn(root))
        }
        if (operation !== 'create' || threshold === 0) return
        const count = (await readCount()) ?? (await namesIn(root)).filter(hashOfName).length
        if (count > threshold) {
          await hold([lockOf('count')], signal, ({ temporary }) => prune(temporary))
        }
      },

      count(change) {
        uncounted += change
      },

      /** Adds to the count of files, if a cachelib keeps one. Its own count is not exact either. */
      async settle() {
        if (uncounted === 0) return
        await tolerate(async () => {
          if ((await readCount()) === undefined) {
            uncounted = 0
            return
          }
          // The first turn adds what all waiting ones would; after a failed wait the next write adds it.
          await hold([lockOf('count')], AbortSignal.timeout(COUNT_WAIT), async ({ temporary }) => {
            const count = await readCount()
            const added = uncounted
            uncounted = 0
            if (count !== undefined && added !== 0) await writeCount(count + added, temporary)
          })
        })
      },
    },
  }
}

function namesAtStart(root: string): string[] {
  try {
    return readdirSync(root)
  } catch (error) {
    throw new ConfigError(`cachelibFileStore: ${JSON.stringify(root)} cannot be read.`, {
      cause: error,
    })
  }
}

/** An update of cachelib leaves the count of the older version behind, so the newer count decides. */
function hashOfCount(root: string): CachelibHash | undefined {
  const writtenAt = (hash: CachelibHash) =>
    statSync(join(root, COUNT_FILE[hash]), { throwIfNoEntry: false })?.mtimeMs ?? -1
  const [md5, sha256] = [writtenAt('md5'), writtenAt('sha256')]
  if (md5 === -1 && sha256 === -1) return undefined
  return md5 > sha256 ? 'md5' : 'sha256'
}

function hashOfNames(names: readonly string[]): CachelibHash | undefined {
  const found = new Set(names.map(hashOfName))
  return found.has('sha256') ? 'sha256' : found.has('md5') ? 'md5' : undefined
}
