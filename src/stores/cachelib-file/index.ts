/**
 * Sessions in the files of cachelib's FileSystemCache, which Flask-Session uses for SESSION_TYPE `filesystem` and
 * `cachelib`. Use `vial/stores/file` when no Flask shares the directory.
 *
 * @module
 */

import { join } from 'node:path'
import type { Duration } from '../../core/duration.ts'
import { guarded } from '../../core/events.ts'
import type { AsyncStore, StoreOptions } from '../../core/store.ts'
import { ConfigError } from '../../errors.ts'
import { fileLocks, type HeldLock, LockBusyError } from '../file/lock.ts'
import {
  FileError,
  fileFailures,
  isLeftover,
  mismatch,
  namesIn,
  prepareDirectory,
  toStored,
  unlinkIfThere,
} from '../file/record.ts'
import { ABORTED } from '../shared/failure.ts'
import { sweeper } from '../shared/sweeper.ts'
import { cachelibDirectory, isThere, TEMPORARY, UNCOUNTED } from './directory.ts'
import { cachelibFiles, type FilePair, type WriteProgress } from './files.ts'
import { type CachelibHash, hashOfName, RESOLUTION } from './format.ts'

export type { CachelibHash } from './format.ts'

export interface CachelibFileStoreOptions {
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
  /** The clock, in ms since the epoch. @default Date.now */
  readonly now?: () => number
  /** Whether an acknowledged write survives a power loss. A write of cachelib may not. @default true */
  readonly fsync?: boolean
  /** How often expired records are removed in the background, which cachelib never does. False: call `sweep`. @default '10m' */
  readonly sweepInterval?: Duration | false
  /** Called with background failures: of the sweep, the count of files, the release of a lock. Absent: they are ignored. */
  readonly onError?: (error: unknown) => void
}

const NAME = 'cachelibFileStore'

/**
 * Keeps sessions in `directory`. If it is missing, it is made for its owner alone. It is refused when all users may write
 * to it, as they could plant sessions. Its group may, so that two users can share it.
 *
 * Writers of this store take locks, which cachelib neither counts nor removes. Flask writes without a lock and without
 * comparing. What it writes in the microseconds between the last comparison and the rename of a write here is lost, and
 * it may overwrite what was written here. Only this store has that gap, as the servers of the others compare.
 *
 * A record of cachelib before 0.7 is read, and gets the newer layout when it is written. A truncated file counts as
 * missing, as in cachelib. The expiry is in whole seconds, rounded up; after the year 2106 it becomes "never".
 *
 * @throws {ConfigError} When the directory cannot be made, is not a directory, or all users may write to it; when an
 * option is invalid.
 */
export function cachelibFileStore(
  directory: string,
  options: CachelibFileStoreOptions = {},
): AsyncStore {
  const { now = Date.now, fsync = true, sweepInterval = '10m', onError } = options
  const { hash, threshold = 500, mode = 0o600 } = options
  checkOptions(hash, threshold, mode)
  const sweeping = sweeper(NAME, sweepInterval, (signal) => sweep({ signal }), onError)
  const root = prepareDirectory(directory, NAME, 0o002)
  const failure = fileFailures(NAME, root)
  const guardedOnError = guarded(onError, `${NAME}: onError`)
  const report = (operation: string) => (error: unknown) =>
    guardedOnError(failure(operation, error))
  const lockFolder = join(root, `locks${UNCOUNTED}`)
  const locks = fileLocks(join(lockFolder, 'owners'), { fsync, onError: report('unlock') })
  const settings = { hash, threshold, mode, fsync, now, onError: report('housekeeping') }
  const folder = cachelibDirectory(root, locks, settings)
  const files = cachelibFiles(root, folder, { fsync, now })

  /** Runs a verb that writes, under the locks of its id. */
  async function write<T>(
    operation: string,
    id: string,
    { signal }: StoreOptions,
    body: (pair: FilePair, progress: WriteProgress) => Promise<T>,
    meanwhile?: (pair: FilePair) => Promise<T | undefined>,
  ): Promise<T> {
    sweeping.start()
    const held: HeldLock[] = []
    const progress: WriteProgress = {
      begun: false,
      delta: 0,
      async begin() {
        for (const lock of held) await lock.confirm()
        progress.begun = true
      },
    }
    try {
      await folder.detectHash()
      const pair = files.of(id)
      const run = (lock: HeldLock) => {
        held.push(lock)
        return body(pair, progress)
      }
      // A file with the MD5 name has a lock of its own, as a sweep cannot know its SHA-256 name.
      const lockMd5 = async (lock: HeldLock) => {
        held.push(lock)
        const both = pair.hash === 'md5' || (await isThere(join(root, pair.names.md5)))
        if (!both) return body(pair, progress)
        return locks.hold(folder.lockOf(pair.names.md5), { signal }, run)
      }
      const path = folder.lockOf(pair.names.sha256)
      return await locks.hold(path, { signal }, lockMd5, meanwhile && (() => meanwhile(pair)))
    } catch (error) {
      throw failure(operation, error, progress.begun)
    } finally {
      await folder.addToCount(progress.delta)
    }
  }

  async function sweep({
    limit = Infinity,
    signal,
  }: StoreOptions & { readonly limit?: number } = {}): Promise<number> {
    let removed = 0
    try {
      for (const name of await namesIn(root)) {
        if (signal?.aborted || removed >= limit) return removed
        if (hashOfName(name) !== undefined) {
          if (await folder.remove(name, 'expired')) removed++
        } else if (TEMPORARY.test(name) && (await isLeftover(join(root, name)))) {
          await unlinkIfThere(join(root, name))
        }
      }
      for (const name of await namesIn(lockFolder)) {
        if (/\.lock(?:\.|$)/.test(name)) await breakIfDead(join(lockFolder, name))
      }
      await locks.sweepOwners()
      return removed
    } catch (error) {
      throw failure('sweep', error, true)
    } finally {
      await folder.addToCount(-removed)
    }
  }

  async function breakIfDead(path: string): Promise<void> {
    try {
      await locks.breakIfDead(path, { wait: 100 })
    } catch (error) {
      // Another process is breaking it.
      if (!(error instanceof LockBusyError)) throw error
    }
  }

  return {
    name: 'cachelib-file',
    atomic: true,
    evicts: threshold !== 0,
    resolution: RESOLUTION,

    async read(id, { signal } = {}) {
      if (signal?.aborted) throw failure('read', new FileError(ABORTED.what, true))
      try {
        const record = await files.read(files.of(id))
        return record && toStored(record)
      } catch (error) {
        throw failure('read', error)
      }
    },

    async create(id, bytes, expiresAt, createOptions = {}) {
      try {
        await folder.makeRoom({ signal: createOptions.signal })
      } catch (error) {
        throw failure('create', error)
      }
      return write('create', id, createOptions, async (pair, progress) => {
        const refuse = async () =>
          (await files.read(pair)) ? ({ kind: 'exists' } as const) : undefined
        const refused = await files.put(pair, { bytes, expiresAt }, progress, refuse)
        return refused ?? { kind: 'created', version: bytes }
      })
    },

    replace(id, bytes, expiresAt, version, replaceOptions = {}) {
      async function refuse(pair: FilePair) {
        const record = await files.read(pair)
        const kind = mismatch(record, version)
        return kind && { kind, ...(record && { current: toStored(record) }) }
      }
      return write(
        'replace',
        id,
        replaceOptions,
        async (pair, progress) => {
          const record = { bytes, expiresAt }
          const refused = await files.put(pair, record, progress, () => refuse(pair))
          return refused ?? { kind: 'replaced', version: bytes }
        },
        // After one of several waiting writers, the others would take the lock only to find a conflict.
        refuse,
      )
    },

    touch(id, expiresAt, version, touchOptions = {}) {
      return write('touch', id, touchOptions, (pair, progress) =>
        files.touch(pair, expiresAt, version, progress),
      )
    },

    delete(id, version, deleteOptions = {}) {
      return write('delete', id, deleteOptions, async (pair, progress) => {
        const refused =
          version === undefined ? undefined : mismatch(await files.read(pair), version)
        if (refused !== undefined) return refused
        return (await files.remove(pair, progress)) ? 'deleted' : 'gone'
      })
    },

    sweep,

    /** Ends the background sweep and removes the owner file of this store. A later write starts both again. */
    async close() {
      await sweeping.close()
      try {
        await locks.close()
      } catch (error) {
        throw failure('close', error)
      }
    },
  }
}

function checkOptions(hash: CachelibHash | undefined, threshold: number, mode: number): void {
  if (hash !== undefined && hash !== 'md5' && hash !== 'sha256') {
    throw new ConfigError(
      `${NAME}: hash is ${JSON.stringify(hash)}. Give 'md5' for cachelib before 0.16, 'sha256' for later ones, or leave it out.`,
    )
  }
  if (!Number.isSafeInteger(threshold) || threshold < 0) {
    throw new ConfigError(
      `${NAME}: threshold is ${threshold}. Give a number of files, or 0 for no limit.`,
    )
  }
  if (!Number.isInteger(mode) || (mode & ~0o777) !== 0 || (mode & 0o600) !== 0o600) {
    throw new ConfigError(
      `${NAME}: mode is ${mode}. Give the mode of a file that its owner can read and write, such as 0o600.`,
    )
  }
}
