/**
 * Sessions in a directory, one file each: for one machine and any number of processes. A crash, a kill or a full disk
 * loses nothing that was acknowledged. The name of a file is a digest of the id.
 *
 * @module
 */

import { join } from 'node:path'
import type { Duration } from '../../core/duration.ts'
import { guarded } from '../../core/events.ts'
import type { AsyncStore, StoreOptions } from '../../core/store.ts'
import { ABORTED } from '../shared/failure.ts'
import { sweeper } from '../shared/sweeper.ts'
import { fileLocks, type HeldLock } from './lock.ts'
import {
  changeExpiry,
  FileError,
  type FileRecord,
  fileFailures,
  isLeftover,
  mismatch,
  namesIn,
  pathOf,
  prepareDirectory,
  readExpiry,
  readRecord,
  syncDirectory,
  toStored,
  unlinkIfThere,
  writeRecord,
} from './record.ts'

export interface FileStoreOptions {
  /** The clock, in ms since the epoch. @default Date.now */
  readonly now?: () => number
  /** Whether an acknowledged write survives a power loss. False is for tests and caches. @default true */
  readonly fsync?: boolean
  /** How often expired records are removed in the background. False: call `sweep`. @default '10m' */
  readonly sweepInterval?: Duration | false
  /** Called with background failures: of the sweep, and of releasing a lock. Absent: they are ignored. */
  readonly onError?: (error: unknown) => void
}

type SweepOptions = StoreOptions & { readonly limit?: number }

/** How far a write has come. */
interface WriteProgress {
  /** From here on a failure may have changed something. */
  begun: boolean
  /** Checks that the lock is still held, and sets `begun`. */
  begin(): Promise<void>
}

const NAME = 'fileStore'
const RECORD = /^[0-9a-f]{64}$/
const TEMPORARY = /^([0-9a-f]{64})\.[0-9a-f]+\.tmp$/
const LOCK = /^[0-9a-f]{64}\.lock(?:\.|$)/
const SHARDS = 256
/** How long a sweep waits for the lock of a record, in ms: it skips what another process is writing. */
const SWEEP_WAIT = 100

/**
 * Keeps sessions in `directory`. If it is missing, it is made for its owner alone. Other users may read an existing
 * directory, as the folders inside are closed to them; they must not write to it, as they could plant sessions.
 *
 * A lock for each session lets one writer in at a time. The lock of a killed process is broken within milliseconds; where
 * the process cannot be checked, as it runs on another machine or in another container, after ten seconds. A program that
 * writes these files without the locks may be overwritten.
 *
 * @throws {ConfigError} When the directory cannot be made, is not a directory, or other users may write to it.
 */
export function fileStore(directory: string, options: FileStoreOptions = {}): AsyncStore {
  const { now = Date.now, fsync = true, sweepInterval = '10m', onError } = options
  const sweeping = sweeper(NAME, sweepInterval, (signal) => sweep({ signal }), onError)
  const root = prepareDirectory(directory)
  const failure = fileFailures(NAME, root)
  const report = guarded(onError, `${NAME}: onError`)
  const locks = fileLocks(join(root, 'owners'), {
    fsync,
    onError: (error) => report(failure('unlock', error)),
  })
  let nextShard = 0

  const isLive = (record: { readonly expiresAt: number }) => record.expiresAt > now()

  async function readLive(path: string): Promise<FileRecord | undefined> {
    const record = await readRecord(path)
    return record && isLive(record) ? record : undefined
  }

  async function remove(path: string, progress: WriteProgress): Promise<boolean> {
    await progress.begin()
    const removed = await unlinkIfThere(path)
    // Also without a file: an earlier removal may have failed before it reached the disk.
    if (fsync) await syncDirectory(join(path, '..'))
    return removed
  }

  /** Writes a record, or removes it when its expiry is not in the future. */
  async function put(path: string, record: FileRecord, progress: WriteProgress): Promise<void> {
    if (isLive(record)) await writeRecord(path, record, fsync, progress.begin)
    else await remove(path, progress)
  }

  /** Runs a verb that writes, under the lock of its id. */
  async function write<T>(
    operation: string,
    id: string,
    { signal }: StoreOptions,
    body: (path: string, progress: WriteProgress) => Promise<T>,
    meanwhile?: (path: string) => Promise<T | undefined>,
  ): Promise<T> {
    sweeping.start()
    const path = pathOf(root, id)
    const progress: WriteProgress = { begun: false, begin: async () => undefined }
    const run = (lock: HeldLock) => {
      progress.begin = async () => {
        await lock.confirm()
        progress.begun = true
      }
      return body(path, progress)
    }
    try {
      return await locks.hold(`${path}.lock`, { signal }, run, meanwhile && (() => meanwhile(path)))
    } catch (error) {
      throw failure(operation, error, progress.begun)
    }
  }

  async function sweep({ limit = Infinity, signal }: SweepOptions = {}): Promise<number> {
    let removed = 0
    try {
      for (let turn = 0; turn < SHARDS; turn++, nextShard++) {
        const shard = join(root, (nextShard % SHARDS).toString(16).padStart(2, '0'))
        for (const name of await namesIn(shard)) {
          if (signal?.aborted || removed >= limit) return removed
          if (await sweepFile(shard, name)) removed++
        }
      }
      await locks.sweepOwners()
      return removed
    } catch (error) {
      // The next sweep starts behind the shard that stopped this one.
      nextShard++
      throw failure('sweep', error, true)
    }
  }

  /** Resolves to true when it removed an expired record. */
  async function sweepFile(shard: string, name: string): Promise<boolean> {
    const path = join(shard, name)
    const patience = { wait: SWEEP_WAIT }
    try {
      if (RECORD.test(name)) {
        if (!(await isExpired(path))) return false
        return await locks.hold(`${path}.lock`, patience, async (lock) => {
          if (!(await isExpired(path))) return false
          await lock.confirm()
          return unlinkIfThere(path)
        })
      }
      const temporary = TEMPORARY.exec(name)
      if (temporary !== null && (await isLeftover(path))) {
        // A process that still writes it would hold this lock.
        await locks.hold(join(shard, `${temporary[1]}.lock`), patience, () => unlinkIfThere(path))
      } else if (LOCK.test(name)) {
        await locks.breakIfDead(path, patience)
      }
    } catch (error) {
      // The file is in use, or it is damaged, which a read reports.
      if (!(error instanceof FileError)) throw error
    }
    return false
  }

  async function isExpired(path: string): Promise<boolean> {
    const expiresAt = await readExpiry(path)
    return expiresAt !== undefined && !(expiresAt > now())
  }

  return {
    name: 'file',
    atomic: true,

    async read(id, { signal } = {}) {
      if (signal?.aborted) throw failure('read', new FileError(ABORTED.what, true))
      try {
        const record = await readLive(pathOf(root, id))
        return record && toStored(record)
      } catch (error) {
        throw failure('read', error)
      }
    },

    create(id, bytes, expiresAt, options = {}) {
      return write('create', id, options, async (path, progress) => {
        if (await readLive(path)) return { kind: 'exists' }
        await put(path, { bytes, expiresAt }, progress)
        return { kind: 'created', version: bytes }
      })
    },

    replace(id, bytes, expiresAt, version, options = {}) {
      async function refuse(path: string) {
        const record = await readLive(path)
        const kind = mismatch(record, version)
        return kind && { kind, ...(record && { current: toStored(record) }) }
      }
      return write(
        'replace',
        id,
        options,
        async (path, progress) => {
          const refused = await refuse(path)
          if (refused !== undefined) return refused
          await put(path, { bytes, expiresAt }, progress)
          return { kind: 'replaced', version: bytes }
        },
        // After one of several waiting writers, the others would take the lock only to find a conflict.
        refuse,
      )
    },

    touch(id, expiresAt, version, options = {}) {
      return write('touch', id, options, async (path, progress) => {
        const ends = !isLive({ expiresAt })
        let refused: 'gone' | 'conflict' | undefined = 'gone'
        await changeExpiry(path, fsync, async (record) => {
          refused = mismatch(isLive(record) ? record : undefined, version)
          if (refused !== undefined || ends) return undefined
          await progress.begin()
          return expiresAt
        })
        if (refused === undefined && ends) await remove(path, progress)
        return refused ?? 'touched'
      })
    },

    delete(id, version, options = {}) {
      return write('delete', id, options, async (path, progress) => {
        const refused = version === undefined ? undefined : mismatch(await readLive(path), version)
        if (refused !== undefined) return refused
        return (await remove(path, progress)) ? 'deleted' : 'gone'
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
