/**
 * Locks in files, for any number of processes. A lock is a hard link to an owner file, whose text identifies the thread
 * that holds it. So other processes can check whether the holder still runs, and break the lock of a dead one.
 */

import { createHash, randomBytes } from 'node:crypto'
import { link, mkdir, readFile, rename, stat, utimes } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  FileError,
  LockedError,
  namesIn,
  replaceFile,
  syncDirectory,
  unlessMissing,
  unlinkIfThere,
} from './files.ts'
import { describeOwner, isRunning } from './owner.ts'

export interface FileLockOptions {
  /** Whether a directory that had to be made survives a power loss. */
  readonly fsync: boolean
  /** Called when a lock could not be removed. The next use takes it over; after this process it is broken. */
  readonly onError: (error: unknown) => void
  /** Age from which a lock is broken when its holder cannot be checked, in ms. @default 10_000 */
  readonly staleAfter?: number
}

/** A lock that is held. */
export interface HeldLock {
  /** A path beside the lock for a temporary file, which no other holder uses. */
  readonly temporary: string
  /** Rejects with a {@link FileError} when the lock was held for so long that it was broken. */
  confirm(): Promise<void>
}

export interface FileLocks {
  /**
   * Runs `body` while no other store, thread or process holds the locks, which are taken in this order. Rejects with a
   * {@link FileError} when `signal` aborts before they are free; absent: after 10 s.
   */
  hold<T>(
    paths: readonly string[],
    signal: AbortSignal | undefined,
    body: (lock: HeldLock) => Promise<T>,
  ): Promise<T>
  /** Removes a lock, or the temporary file of one, whose holder is dead, and no other. */
  sweep(path: string, signal: AbortSignal): Promise<void>
  /** Removes owner files of dead processes. */
  sweepOwners(): Promise<void>
  /** Waits until this store holds no lock, then removes its owner file. A later use makes it again. */
  close(): Promise<void>
}

const DEFAULT_WAIT = 10_000
const LONGEST_PAUSE = 20
/** The share of queued uses of a lock that first let other stores and processes try. */
const YIELDS = 1 / 8
/** Age from which an owner file without locks is removed when its process cannot be checked, in ms. */
const OWNER_STALE_AFTER = 60_000
/** The temporary file of a lock, and in it the name of its owner file. */
const TEMPORARY = /\.([0-9a-f]{32})\.tmp$/

/** Makes locks on one file system; `folder` holds the owner files. */
export function fileLocks(folder: string, options: FileLockOptions): FileLocks {
  const { fsync, onError, staleAfter = DEFAULT_WAIT } = options
  const text = describeOwner()
  const ownName = digestOf(text)
  const ownFile = join(folder, ownName)
  /** By path: ends when all uses of this store that were begun so far have ended. */
  const queues = new Map<string, Promise<unknown>>()
  let making: Promise<void> | undefined

  /** By rename, so that no link ever names an owner file that is still empty. */
  async function makeOwnFile(): Promise<void> {
    await makeDirectory(folder, fsync)
    const temporary = `${ownFile}.${randomBytes(8).toString('hex')}`
    await replaceFile(ownFile, temporary, Buffer.from(text), { fsync: false })
  }

  function ready(): Promise<void> {
    making ??= makeOwnFile().catch((error: unknown) => {
      making = undefined
      throw error
    })
    return making
  }

  async function tryLink(path: string): Promise<boolean> {
    await ready()
    try {
      await link(ownFile, path)
      return true
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EEXIST') return false
      if (code !== 'ENOENT') throw error
      // The directory or the owner file was removed.
      if (!(await makeDirectory(dirname(path), fsync))) making = undefined
      return false
    }
  }

  async function acquire(path: string, signal: AbortSignal): Promise<void> {
    for (let longest = 1; ; longest = Math.min(LONGEST_PAUSE, longest * 1.5)) {
      if (signal.aborted) throw busy()
      if (await tryLink(path)) return
      const holder = await readText(path)
      // The queue of this store lets one use in at a time, so this link is ours: its reply or its removal failed.
      if (holder === text) return
      if (holder === undefined) {
        // The lock was released just now, or a directory was made again. In any other case, do not spin.
        if (longest > 2) await sleep(1)
      } else if (longest > 3 && (await isDead(path, holder))) {
        await breakLock(path, holder, signal)
      } else {
        // A live holder is quick, so the first turns skip the check.
        await sleep(1 + Math.random() * longest)
      }
    }
  }

  async function isDead(path: string, holder: string, limit = staleAfter): Promise<boolean> {
    const running = await isRunning(holder)
    return running === undefined ? (await age(path)) > limit : !running
  }

  /** Each link and unlink by the holder renews the ctime of a lock. Both times come from the file system's clock. */
  async function age(path: string): Promise<number> {
    await ready()
    const ctimes = await unlessMissing(async () => {
      await utimes(ownFile, new Date(), new Date())
      return [(await stat(ownFile)).ctimeMs, (await stat(path)).ctimeMs] as const
    })
    if (ctimes !== undefined) return ctimes[0] - ctimes[1]
    making = undefined
    return 0
  }

  /**
   * Removes the lock of a holder if it is dead. A second lock, which can be broken as well, lets one process in at a time:
   * so the lock that is removed is the one that was checked, and not a new one of another process.
   *
   * A holder that only stood still may go on at any time. So the second lock takes the place of the first, after which no
   * check of the holder succeeds, and its temporary file is removed, so that its rename fails.
   */
  async function breakLock(path: string, holder: string, signal: AbortSignal): Promise<void> {
    const digest = digestOf(holder)
    const second = `${path}.${digest.slice(0, 16)}`
    await holdOne(second, signal, async () => {
      if ((await readText(path)) !== holder || !(await isDead(path, holder))) return
      await rename(second, path)
      await unlinkIfThere(`${path}.${digest}.tmp`)
      await unlinkIfThere(path)
    })
  }

  /** Uses of one path in this store run in turn; the lock is for those of other stores, threads and processes. */
  function holdOne<T>(
    path: string,
    signal: AbortSignal,
    body: (lock: HeldLock) => Promise<T>,
  ): Promise<T> {
    const before = queues.get(path)

    async function run(): Promise<T> {
      if (before !== undefined) {
        if (!(await endsBefore(before, signal))) throw busy()
        // Sometimes a queue pauses as long as the waits of others, which would starve if it passed the lock on without end.
        if (Math.random() < YIELDS) await sleep(LONGEST_PAUSE)
      }
      await acquire(path, signal)
      const heldSince = performance.now()
      const lock: HeldLock = {
        temporary: `${path}.${ownName}.tmp`,
        async confirm() {
          const recent = performance.now() - heldSince < staleAfter / 4
          if (!recent && (await readText(path)) !== text) throw busy()
        },
      }
      try {
        return await body(lock)
      } finally {
        await release(path, lock)
      }
    }

    const result = run()
    // A use that gave up waiting ends before the one it waited for, so the next waits for both.
    const turn = Promise.allSettled([before, result]).then(() => {
      if (queues.get(path) === turn) queues.delete(path)
    })
    queues.set(path, turn)
    return result
  }

  async function release(path: string, lock: HeldLock): Promise<void> {
    try {
      await lock.confirm()
      await unlinkIfThere(path)
    } catch (error) {
      if (!(error instanceof FileError)) onError(error)
    }
  }

  function hold<T>(
    [path = '', ...rest]: readonly string[],
    signal: AbortSignal = AbortSignal.timeout(DEFAULT_WAIT),
    body: (lock: HeldLock) => Promise<T>,
  ): Promise<T> {
    return holdOne(path, signal, ({ temporary, confirm }) => {
      if (rest.length === 0) return body({ temporary, confirm })
      return hold(rest, signal, (inner) =>
        body({ temporary, confirm: () => confirm().then(inner.confirm) }),
      )
    })
  }

  return {
    hold,

    async sweep(path, signal) {
      const owner = TEMPORARY.exec(path)?.[1]
      if (owner !== undefined) {
        // The owner file is there as long as its owner may write.
        if ((await readText(join(folder, owner))) === undefined) await unlinkIfThere(path)
        return
      }
      const holder = await readText(path)
      if (holder === undefined || holder === text || !(await isDead(path, holder))) return
      await breakLock(path, holder, signal)
    },

    async sweepOwners() {
      for (const name of await namesIn(folder)) {
        const path = join(folder, name)
        const owner = await readText(path)
        if (owner === undefined || owner === text) continue
        if (await isDead(path, owner, OWNER_STALE_AFTER)) await unlinkIfThere(path)
      }
    },

    async close() {
      while (queues.size > 0) await Promise.all(queues.values())
      if (making === undefined) return
      making = undefined
      await unlinkIfThere(ownFile)
    },
  }
}

function busy(): LockedError {
  return new LockedError('the lock was not free before the time limit or the abort', true)
}

/** Makes a directory for its owner alone, with missing parents. Resolves to false when it is there. */
async function makeDirectory(path: string, fsync: boolean): Promise<boolean> {
  const first = await mkdir(path, { recursive: true, mode: 0o700 })
  if (first === undefined) return false
  if (fsync) {
    for (let made = path; made.length >= first.length; made = dirname(made)) {
      await syncDirectory(dirname(made))
    }
  }
  return true
}

function readText(path: string): Promise<string | undefined> {
  return unlessMissing(() => readFile(path, 'utf8'))
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32)
}

/** Resolves to whether an event, which does not reject, came before the signal aborted. */
function endsBefore(event: Promise<unknown>, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const giveUp = () => resolve(false)
    if (signal.aborted) giveUp()
    signal.addEventListener('abort', giveUp)
    void event.then(() => {
      signal.removeEventListener('abort', giveUp)
      resolve(true)
    })
  })
}
