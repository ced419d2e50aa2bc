/**
 * Sessions in the files of cachelib's FileSystemCache, which Flask-Session keeps with SESSION_TYPE `filesystem` and
 * `cachelib`. Take `vial/stores/file` where no Flask reads along.
 *
 * @module
 */

import { join } from 'node:path'
import type { Duration } from '../../core/duration.ts'
import { guarded } from '../../core/events.ts'
import type { AsyncStore, ReplaceResult, StoreOptions } from '../../core/store.ts'
import { ConfigError, type StoreOutcome } from '../../errors.ts'
import { fileLocks, type HeldLock, LockBusyError } from '../file/lock.ts'
import {
  isLeftOver,
  isSame,
  namesIn,
  prepareDirectory,
  toStored,
  toStoreError,
  unlinkIfThere,
} from '../file/record.ts'
import { sweeper } from '../shared/sweeper.ts'
import { cachelibDirectory, isThere, TEMPORARY, UNCOUNTED } from './directory.ts'
import { cachelibPlaces, type Place, type Step } from './place.ts'
import { type CachelibHash, hashOfName, RESOLUTION } from './record.ts'

export type { CachelibHash } from './record.ts'

export interface CachelibFileStoreOptions {
  /**
   * How new files are named: `md5` for cachelib before 0.16, `sha256` since. Both are found when reading. Absent: as the
   * cachelib does that counts in the directory; without one, as the files there are named; without any, `sha256`.
   */
  readonly hash?: CachelibHash
  /**
   * With more files than this, those that ended are removed before another one is made; if that is not enough, live
   * sessions as well, those first that would end first. Give what Flask's side has; 0: there is no limit. @default 500
   */
  readonly threshold?: number
  /** The rights of each file. @default 0o600 */
  readonly mode?: number
  /** The clock, ms since the epoch. */
  readonly now?: () => number
  /** Whether a write that was acknowledged outlives a loss of power; default true. cachelib's own may not. */
  readonly fsync?: boolean
  /** How often expired records are removed in the background, which cachelib never does. False: call `sweep`. @default '10m' */
  readonly sweepInterval?: Duration | false
  /** Hears what fails where no caller waits: the sweep, the count of files, the removal of a lock. Absent: ignored. */
  readonly onError?: (error: unknown) => void
}

const NAME = 'cachelibFileStore'

/**
 * Keeps sessions in `directory`, which is made when it is missing, for its owner alone. Whoever may write to it could
 * plant sessions, so it is refused when everybody may; its group may, as two users can share it so.
 *
 * Writers here take turns by locks that cachelib neither counts nor removes. Flask writes without any, and without a
 * look at what is there: what it puts in the place of a record within microseconds of a write here, between the last
 * comparison and the rename, is lost, and it may itself overwrite what was written here. No other store has that gap, as
 * their servers compare.
 *
 * A record of cachelib before 0.7 is read, and is of the newer layout once it is written. A file that is cut off counts
 * as none, as with cachelib. Deadlines are whole seconds, rounded up; one after the year 2106 is none.
 *
 * @throws {ConfigError} When the directory cannot be made, is not a directory, or everybody may write to it; when an
 * option cannot be.
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
  const fail = (error: unknown, operation: string, outcome: StoreOutcome) =>
    toStoreError(error, operation, root, outcome, NAME)
  const tell = guarded(onError, `${NAME}: onError`)
  const hear = (operation: string) => (error: unknown) => tell(fail(error, operation, 'not-done'))
  const lockFolder = join(root, `locks${UNCOUNTED}`)
  const locks = fileLocks(join(lockFolder, 'owners'), { fsync, onError: hear('unlock') })
  const settings = { hash, threshold, mode, fsync, now, onError: hear('housekeeping') }
  const files = cachelibDirectory(root, locks, settings)
  const places = cachelibPlaces(root, files, { fsync, now })

  /** Runs a verb that writes, under the locks of its id. */
  async function write<T>(
    operation: string,
    id: string,
    { signal }: StoreOptions,
    body: (place: Place, step: Step) => Promise<T>,
    meanwhile?: (place: Place) => Promise<T | undefined>,
  ): Promise<T> {
    sweeping.start()
    const held: HeldLock[] = []
    const step: Step = {
      outcome: 'not-done',
      delta: 0,
      async begin() {
        for (const lock of held) await lock.confirm()
        step.outcome = 'unknown'
      },
    }
    const patience = { signal }
    try {
      await files.look()
      const place = places.of(id)
      const inner = (lock: HeldLock) => {
        held.push(lock)
        return body(place, step)
      }
      // A file of the older name has a lock of its own, as its id cannot be told from it.
      const outer = async (lock: HeldLock) => {
        held.push(lock)
        const both = place.written === 'md5' || (await isThere(join(root, place.names.md5)))
        return both ? locks.hold(files.lockOf(place.names.md5), patience, inner) : body(place, step)
      }
      const look = meanwhile && (() => meanwhile(place))
      return await locks.hold(files.lockOf(place.names.sha256), patience, outer, look)
    } catch (error) {
      throw fail(error, operation, step.outcome)
    } finally {
      await files.count(step.delta)
    }
  }

  async function sweep(
    sweepOptions: StoreOptions & { readonly limit?: number } = {},
  ): Promise<number> {
    const { limit = Infinity, signal } = sweepOptions
    let removed = 0
    try {
      for (const name of await namesIn(root)) {
        if (signal?.aborted || removed >= limit) return removed
        if (hashOfName(name) !== undefined) {
          if (await files.remove(name, 'expired')) removed++
        } else if (TEMPORARY.test(name) && (await isLeftOver(join(root, name)))) {
          await unlinkIfThere(join(root, name))
        }
      }
      for (const name of await namesIn(lockFolder)) {
        if (/\.lock(?:\.|$)/.test(name)) await breakIfDead(join(lockFolder, name))
      }
      await locks.sweepOwners()
      return removed
    } catch (error) {
      throw fail(error, 'sweep', 'unknown')
    } finally {
      await files.count(-removed)
    }
  }

  async function breakIfDead(path: string): Promise<void> {
    try {
      await locks.breakIfDead(path, { wait: 100 })
    } catch (error) {
      // Somebody else is about to.
      if (!(error instanceof LockBusyError)) throw error
    }
  }

  return {
    name: 'cachelib-file',
    atomic: true,
    resolution: RESOLUTION,

    async read(id, { signal } = {}) {
      try {
        if (signal?.aborted) throw new LockBusyError()
        const record = await places.read(places.of(id))
        return record && toStored(record)
      } catch (error) {
        throw fail(error, 'read', 'not-done')
      }
    },

    async create(id, bytes, expiresAt, createOptions = {}) {
      try {
        await files.makeRoom({ signal: createOptions.signal })
      } catch (error) {
        throw fail(error, 'create', 'not-done')
      }
      return write('create', id, createOptions, async (place, step) => {
        const refuse = async () =>
          (await places.read(place)) ? ({ kind: 'exists' } as const) : undefined
        const refused = await places.put(place, { bytes, expiresAt }, step, refuse)
        return refused ?? { kind: 'created', version: bytes }
      })
    },

    replace(id, bytes, expiresAt, version, replaceOptions = {}) {
      async function refuse(place: Place): Promise<ReplaceResult | undefined> {
        const record = await places.read(place)
        if (record === undefined) return { kind: 'gone' }
        return isSame(record, version) ? undefined : { kind: 'conflict', current: toStored(record) }
      }
      async function put(place: Place, step: Step): Promise<ReplaceResult> {
        const refused = await places.put(place, { bytes, expiresAt }, step, () => refuse(place))
        return refused ?? { kind: 'replaced', version: bytes }
      }
      // Of those who wait for one lock all but one would take it for nothing, so they look before.
      return write('replace', id, replaceOptions, put, refuse)
    },

    touch(id, expiresAt, touchOptions = {}) {
      return write('touch', id, touchOptions, (place, step) => places.touch(place, expiresAt, step))
    },

    delete(id, version, deleteOptions = {}) {
      return write('delete', id, deleteOptions, async (place, step) => {
        if (version !== undefined) {
          const record = await places.read(place)
          if (record === undefined) return 'gone'
          if (!isSame(record, version)) return 'conflict'
        }
        return (await places.remove(place, step)) ? 'deleted' : 'gone'
      })
    },

    sweep,

    /** Ends the background sweep and removes what names this process. A later write starts both again. */
    async close() {
      await sweeping.close()
      try {
        await locks.close()
      } catch (error) {
        throw fail(error, 'close', 'not-done')
      }
    },
  }
}

function checkOptions(hash: CachelibHash | undefined, threshold: number, mode: number): void {
  if (hash !== undefined && hash !== 'md5' && hash !== 'sha256') {
    throw new ConfigError(
      `${NAME}: hash is 'md5' for cachelib before 0.16, 'sha256' since, or absent.`,
    )
  }
  if (!Number.isSafeInteger(threshold) || threshold < 0) {
    throw new ConfigError(`${NAME}: threshold is a number of files, or 0 for no limit.`)
  }
  if (!Number.isInteger(mode) || (mode & ~0o777) !== 0 || (mode & 0o600) !== 0o600) {
    throw new ConfigError(
      `${NAME}: mode is ${mode}. Give the rights of a file that its owner can read and write, such as 0o600.`,
    )
  }
}
