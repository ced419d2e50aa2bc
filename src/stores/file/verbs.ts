/**
 * The verbs and the sweep of a store that keeps records in files, for any format of them. A write holds the lock of its
 * id, compares, and replaces or removes a file as a whole.
 *
 * @module
 */

import { join } from 'node:path'
import type { Duration } from '../../core/duration.ts'
import { guarded } from '../../core/events.ts'
import type { AsyncStore, StoreOptions } from '../../core/store.ts'
import { ABORTED } from '../shared/failure.ts'
import { sweeper } from '../shared/sweeper.ts'
import { type FileLocks, fileLocks, type HeldLock } from './lock.ts'
import {
  FileError,
  type FileRecord,
  fileFailures,
  isLeftover,
  mismatch,
  namesIn,
  prepareDirectory,
  toStored,
  unlinkIfThere,
} from './record.ts'

export interface FileStoreOptions {
  /** The clock, in ms since the epoch. @default Date.now */
  readonly now?: () => number
  /** Whether an acknowledged write survives a power loss. False is for tests and caches. @default true */
  readonly fsync?: boolean
  /** How often expired records are removed in the background. False: call `sweep`. @default '10m' */
  readonly sweepInterval?: Duration | false
  /** Called with background failures, as of the sweep or of releasing a lock. Absent: they are ignored. */
  readonly onError?: (error: unknown) => void
}

/** Checks that the locks are still held. A failure after its call may have changed something. */
export type Begin = () => Promise<void>

/** A directory of records and its locks. */
export interface Directory {
  /** Its absolute path. */
  readonly root: string
  readonly locks: FileLocks
  readonly fsync: boolean
  readonly now: () => number
  /** Reports a background failure. */
  readonly report: (operation: string, error: unknown) => void
}

/** The files of one format. A place is where a record is kept. All but `read` and the sweep is called under its lock. */
export interface RecordFiles<Place> {
  placeOf(id: string): Place
  /** The path of the lock of a record or a temporary file, for the sweep. */
  lockOf(path: string): string
  /** Runs before each write, without a lock. Absent: nothing. */
  prepare?(operation: string, signal: AbortSignal | undefined): Promise<void>
  /** Runs after each write and each sweep, also when they failed. Does not reject. Absent: nothing. */
  settle?(): Promise<void>
  /** Runs `body` under the lock of a place: see {@link FileLocks}. */
  hold<T>(
    place: Place,
    signal: AbortSignal | undefined,
    body: (lock: HeldLock) => Promise<T>,
    meanwhile?: () => Promise<T | undefined>,
  ): Promise<T>
  /** Resolves to the live record; undefined: there is none. */
  read(place: Place): Promise<FileRecord | undefined>
  /** Replaces the file, unless `refuse` resolves to an answer: then that is the result. */
  write<T>(
    place: Place,
    record: FileRecord,
    begin: Begin,
    refuse: () => Promise<T | undefined>,
  ): Promise<T | undefined>
  /** Moves the expiry of a live record that has this version. */
  touch(
    place: Place,
    expiresAt: number,
    version: unknown,
    begin: Begin,
  ): Promise<'touched' | 'conflict' | 'gone'>
  /** Resolves to whether there was a file. */
  remove(place: Place, begin: Begin): Promise<boolean>
  /** The folders that a sweep goes through. */
  folders(): Iterable<string>
  isRecord(name: string): boolean
  readonly temporary: RegExp
  /** Removes a record if it is expired and no other process writes it. Resolves to whether it did. */
  removeExpired(path: string): Promise<boolean>
}

const LOCK = /^(?:[0-9a-f]{32}|[0-9a-f]{64}|count)\.lock(?:\.|$)/
/** How long a sweep waits for a lock, in ms: it skips what another process is writing. */
const SWEEP_WAIT = 100

/** The time limit of a sweep for one lock. */
function sweepLimit(): { readonly signal: AbortSignal } {
  return { signal: AbortSignal.timeout(SWEEP_WAIT) }
}

/** Removes a file under its lock when it may go. Resolves to whether it did. Rejects when its lock is held. */
export async function removeIf(
  locks: FileLocks,
  lock: string,
  path: string,
  mayGo: () => Promise<boolean>,
): Promise<boolean> {
  if (!(await mayGo())) return false
  return await locks.hold(lock, sweepLimit(), async ({ confirm }) => {
    if (!(await mayGo())) return false
    await confirm()
    return unlinkIfThere(path)
  })
}

/**
 * Makes the verbs over a directory, which is made if it is missing.
 *
 * @param store The name of the store's function, for messages.
 * @param refusedMode Bits of the mode that an existing directory must not have.
 * @param ownersFolder The folder inside for the owner files of locks.
 * @throws {ConfigError} When the interval is not valid, or the directory cannot be made or has a refused right.
 */
export function fileVerbs<Place>(
  store: string,
  directory: string,
  refusedMode: number,
  ownersFolder: string,
  options: FileStoreOptions,
  open: (directory: Directory) => RecordFiles<Place>,
): Omit<AsyncStore, 'name' | 'atomic'> {
  const { now = Date.now, fsync = true, sweepInterval = '10m', onError } = options
  const sweeping = sweeper(store, sweepInterval, (signal) => sweep({ signal }), onError)
  const root = prepareDirectory(directory, store, refusedMode)
  const failure = fileFailures(store, root)
  const guardedOnError = guarded(onError, `${store}: onError`)
  const report = (operation: string, error: unknown) => guardedOnError(failure(operation, error))
  const locks = fileLocks(join(root, ownersFolder), {
    fsync,
    onError: (error) => report('unlock', error),
  })
  const files = open({ root, locks, fsync, now, report })

  /** Runs a verb that writes, under the lock of its id. */
  async function write<T>(
    operation: string,
    id: string,
    { signal }: StoreOptions,
    body: (place: Place, begin: Begin) => Promise<T>,
    meanwhile?: (place: Place) => Promise<T | undefined>,
  ): Promise<T> {
    sweeping.start()
    let begun = false
    try {
      await files.prepare?.(operation, signal)
      const place = files.placeOf(id)
      const run = (lock: HeldLock) =>
        body(place, async () => {
          await lock.confirm()
          begun = true
        })
      return await files.hold(place, signal, run, meanwhile && (() => meanwhile(place)))
    } catch (error) {
      throw failure(operation, error, begun)
    } finally {
      await files.settle?.()
    }
  }

  /** Writes a record, or removes it when its expiry is not in the future, unless `refuse` resolves to an answer. */
  async function put<T>(
    place: Place,
    record: FileRecord,
    begin: Begin,
    refuse: () => Promise<T | undefined>,
  ): Promise<T | undefined> {
    const refused = await refuse()
    if (refused !== undefined) return refused
    if (record.expiresAt > now()) return files.write(place, record, begin, refuse)
    await files.remove(place, begin)
    return undefined
  }

  async function sweep({
    limit = Infinity,
    signal,
  }: StoreOptions & { readonly limit?: number } = {}): Promise<number> {
    let removed = 0
    try {
      for (const folder of files.folders()) {
        for (const name of await namesIn(folder)) {
          if (signal?.aborted || removed >= limit) return removed
          if (await sweepFile(name, join(folder, name))) removed++
        }
      }
      await locks.sweepOwners()
      return removed
    } catch (error) {
      throw failure('sweep', error, true)
    } finally {
      await files.settle?.()
    }
  }

  /** Resolves to true when it removed an expired record. */
  async function sweepFile(name: string, path: string): Promise<boolean> {
    try {
      if (files.isRecord(name)) return await files.removeExpired(path)
      if (files.temporary.test(name) && (await isLeftover(path))) {
        // A process that still writes it would hold this lock.
        await locks.hold(files.lockOf(path), sweepLimit(), () => unlinkIfThere(path))
      } else if (LOCK.test(name)) {
        await locks.breakIfDead(path, sweepLimit())
      }
    } catch (error) {
      // The file is in use, or it is damaged, which a read reports.
      if (!(error instanceof FileError)) throw error
    }
    return false
  }

  return {
    async read(id, { signal } = {}) {
      if (signal?.aborted) throw failure('read', new FileError(ABORTED.what, true))
      try {
        const record = await files.read(files.placeOf(id))
        return record && toStored(record)
      } catch (error) {
        throw failure('read', error)
      }
    },

    create(id, bytes, expiresAt, createOptions = {}) {
      return write('create', id, createOptions, async (place, begin) => {
        const refuse = async () =>
          (await files.read(place)) ? ({ kind: 'exists' } as const) : undefined
        const refused = await put(place, { bytes, expiresAt }, begin, refuse)
        return refused ?? { kind: 'created', version: bytes }
      })
    },

    replace(id, bytes, expiresAt, version, replaceOptions = {}) {
      async function refuse(place: Place) {
        const record = await files.read(place)
        const kind = mismatch(record, version)
        return kind && { kind, ...(record && { current: toStored(record) }) }
      }
      async function replace(place: Place, begin: Begin) {
        const refused = await put(place, { bytes, expiresAt }, begin, () => refuse(place))
        return refused ?? ({ kind: 'replaced', version: bytes } as const)
      }
      // After one of several waiting writers, the others would take the lock only to find a conflict.
      return write('replace', id, replaceOptions, replace, refuse)
    },

    touch(id, expiresAt, version, touchOptions = {}) {
      return write('touch', id, touchOptions, async (place, begin) => {
        if (expiresAt > now()) return files.touch(place, expiresAt, version, begin)
        const refused = mismatch(await files.read(place), version)
        if (refused === undefined) await files.remove(place, begin)
        return refused ?? 'touched'
      })
    },

    delete(id, version, deleteOptions = {}) {
      return write('delete', id, deleteOptions, async (place, begin) => {
        const refused =
          version === undefined ? undefined : mismatch(await files.read(place), version)
        if (refused !== undefined) return refused
        return (await files.remove(place, begin)) ? 'deleted' : 'gone'
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
