/**
 * Sessions in a directory, one file each: for one machine, any number of processes. Nothing is lost to a crash, a kill
 * or a full disk. The name of a file is a digest of the id, never the id.
 *
 * @module
 */

import { join } from 'node:path'
import type { Duration } from '../../core/duration.ts'
import { guarded } from '../../core/events.ts'
import type { AsyncStore, ReplaceResult, StoreOptions } from '../../core/store.ts'
import type { StoreOutcome } from '../../errors.ts'
import { sweeper } from '../shared/sweeper.ts'
import { fileLocks, type HeldLock, LockBusyError } from './lock.ts'
import {
  type FileRecord,
  isLeftOver,
  isSame,
  moveDeadline,
  NotARecordError,
  namesIn,
  pathOf,
  prepareDirectory,
  readDeadline,
  readRecord,
  syncDirectory,
  toStored,
  toStoreError,
  unlinkIfThere,
  writeRecord,
} from './record.ts'

export interface FileStoreOptions {
  /** The clock, ms since the epoch. */
  readonly now?: () => number
  /** Whether a write that was acknowledged outlives a loss of power; default true. False is for tests and caches. */
  readonly fsync?: boolean
  /** How often expired records are removed in the background. False: call `sweep`. @default '10m' */
  readonly sweepInterval?: Duration | false
  /** Hears what fails where no caller waits: the background sweep and the removal of a lock. Absent: ignored. */
  readonly onError?: (error: unknown) => void
}

type SweepOptions = StoreOptions & { readonly limit?: number }

/** Where a write stands: what is known when it fails now. */
interface Step {
  outcome: StoreOutcome
  /** Makes sure that the lock is still held; from here on a failure may leave something behind. */
  begin(): Promise<void>
}

const RECORD = /^[0-9a-f]{64}$/
const TEMPORARY = /^([0-9a-f]{64})\.[0-9a-f]+\.tmp$/
const LOCK = /^[0-9a-f]{64}\.lock(?:\.|$)/
const SHARDS = 256
/** A sweep leaves alone what somebody is writing just now. */
const SWEEP_WAIT = 100

/**
 * Keeps sessions in `directory`, which is made when it is missing, for its owner alone. One that is there may be
 * readable by others, since the folders inside are not; but whoever may write to it could plant sessions.
 *
 * Writers of one session take turns by a lock that outlives a killed holder by milliseconds; between machines or
 * containers that share the directory, by ten seconds. A program that writes these files without the locks can be
 * overwritten.
 *
 * @throws {ConfigError} When the directory cannot be made, is not a directory, or others may write to it.
 */
export function fileStore(directory: string, options: FileStoreOptions = {}): AsyncStore {
  const { now = Date.now, fsync = true, sweepInterval = '10m', onError } = options
  const sweeping = sweeper('fileStore', sweepInterval, (signal) => sweep({ signal }), onError)
  const root = prepareDirectory(directory)
  const hear = guarded(onError, 'fileStore: onError')
  const locks = fileLocks(join(root, 'owners'), {
    fsync,
    onError: (error) => hear(toStoreError(error, 'unlock', root, 'not-done')),
  })
  let nextShard = 0

  const isLive = (record: { readonly expiresAt: number }) => record.expiresAt > now()

  async function readLive(path: string): Promise<FileRecord | undefined> {
    const record = await readRecord(path)
    return record && isLive(record) ? record : undefined
  }

  async function remove(path: string, step: Step): Promise<boolean> {
    await step.begin()
    const removed = await unlinkIfThere(path)
    // Also when it was gone: the removal by somebody who failed then may not have reached the disk.
    if (fsync) await syncDirectory(join(path, '..'))
    return removed
  }

  /** Writes a record, or ends it when its deadline is not in the future. */
  async function putRecord(path: string, record: FileRecord, step: Step): Promise<void> {
    if (isLive(record)) await writeRecord(path, record, fsync, step.begin)
    else await remove(path, step)
  }

  /** Runs a verb that writes, under the lock of its id. */
  async function write<T>(
    operation: string,
    id: string,
    { signal }: StoreOptions,
    body: (path: string, step: Step) => Promise<T>,
    meanwhile?: (path: string) => Promise<T | undefined>,
  ): Promise<T> {
    sweeping.start()
    const path = pathOf(root, id)
    let step: Step | undefined
    try {
      const run = (lock: HeldLock) => {
        const current: Step = {
          outcome: 'not-done',
          async begin() {
            await lock.confirm()
            current.outcome = 'unknown'
          },
        }
        step = current
        return body(path, current)
      }
      return await locks.hold(`${path}.lock`, { signal }, run, meanwhile && (() => meanwhile(path)))
    } catch (error) {
      throw toStoreError(error, operation, root, step?.outcome ?? 'not-done')
    }
  }

  async function sweep(options: SweepOptions = {}): Promise<number> {
    const { limit = Infinity, signal } = options
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
      // The next sweep starts behind what stopped this one.
      nextShard++
      throw toStoreError(error, 'sweep', root, 'unknown')
    }
  }

  /** Resolves to true when it was an expired record. */
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
      if (temporary !== null && (await isLeftOver(path))) {
        // Its writer would hold this lock.
        await locks.hold(join(shard, `${temporary[1]}.lock`), patience, () => unlinkIfThere(path))
      } else if (LOCK.test(name)) {
        await locks.breakIfDead(path, patience)
      }
    } catch (error) {
      // In use, or not ours to judge: what a reader is told of such a file, a sweep need not repeat.
      if (!(error instanceof LockBusyError || error instanceof NotARecordError)) throw error
    }
    return false
  }

  async function isExpired(path: string): Promise<boolean> {
    const expiresAt = await readDeadline(path)
    return expiresAt !== undefined && !(expiresAt > now())
  }

  return {
    name: 'file',
    atomic: true,

    async read(id, { signal } = {}) {
      if (signal?.aborted) throw toStoreError(new LockBusyError(), 'read', root, 'not-done')
      try {
        const record = await readLive(pathOf(root, id))
        return record && toStored(record)
      } catch (error) {
        throw toStoreError(error, 'read', root, 'not-done')
      }
    },

    create(id, bytes, expiresAt, options = {}) {
      return write('create', id, options, async (path, step) => {
        if (await readLive(path)) return { kind: 'exists' }
        await putRecord(path, { bytes, expiresAt }, step)
        return { kind: 'created', version: bytes }
      })
    },

    replace(id, bytes, expiresAt, version, options = {}) {
      async function refusal(path: string): Promise<ReplaceResult | undefined> {
        const record = await readLive(path)
        if (record === undefined) return { kind: 'gone' }
        return isSame(record, version) ? undefined : { kind: 'conflict', current: toStored(record) }
      }
      async function put(path: string, step: Step): Promise<ReplaceResult> {
        const refused = await refusal(path)
        if (refused !== undefined) return refused
        await putRecord(path, { bytes, expiresAt }, step)
        return { kind: 'replaced', version: bytes }
      }
      // Of those who wait for one lock all but one would take it for nothing, so they look before.
      return write('replace', id, options, put, refusal)
    },

    touch(id, expiresAt, options = {}) {
      return write('touch', id, options, async (path, step) => {
        const ends = !isLive({ expiresAt })
        let live = false
        await moveDeadline(path, fsync, async (from) => {
          live = isLive({ expiresAt: from })
          if (!live || ends) return undefined
          await step.begin()
          return expiresAt
        })
        if (live && ends) await remove(path, step)
        return live
      })
    },

    delete(id, version, options = {}) {
      return write('delete', id, options, async (path, step) => {
        if (version !== undefined) {
          const record = await readLive(path)
          if (record === undefined) return 'gone'
          if (!isSame(record, version)) return 'conflict'
        }
        return (await remove(path, step)) ? 'deleted' : 'gone'
      })
    },

    sweep,

    /** Ends the background sweep and removes what names this process. A later write starts both again. */
    async close() {
      await sweeping.close()
      try {
        await locks.close()
      } catch (error) {
        throw toStoreError(error, 'close', root, 'not-done')
      }
    },
  }
}
