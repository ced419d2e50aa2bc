/**
 * Locks in files, for any number of processes. A lock is a hard link to an owner file, whose text identifies the thread
 * that holds it. So other processes can check whether the holder still runs, and break the lock of a dead one.
 *
 * @module
 */

import { createHash, randomBytes } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { link, mkdir, readdir, readFile, stat, utimes } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname, join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  FileError,
  namesIn,
  randomName,
  replaceFile,
  syncDirectory,
  unlessMissing,
  unlinkIfThere,
} from './record.ts'

export interface FileLockOptions {
  /** Whether a directory that had to be made survives a power loss. */
  readonly fsync: boolean
  /** Called when a lock could not be removed. The next use takes it over; after this process it is broken. */
  readonly onError: (error: unknown) => void
  /** Age from which a lock is broken when its holder cannot be checked, in ms. @default 10_000 */
  readonly staleAfter?: number
}

/** How long to wait for a lock: until `signal` aborts. Absent: 10 s. */
export interface LockPatience {
  readonly signal?: AbortSignal | undefined
}

/** A lock that is held. */
export interface HeldLock {
  /** Rejects with {@link LockBusyError} when the lock was held for so long that it may have been broken. */
  confirm(): Promise<void>
}

export interface FileLocks {
  /**
   * Runs `body` while no other store, thread or process holds the lock. Rejects with {@link LockBusyError}.
   *
   * @param meanwhile Runs now and then while another holds the lock. What it resolves to, unless undefined, ends the wait
   * and is the result in place of `body`'s.
   */
  hold<T>(
    path: string,
    patience: LockPatience,
    body: (lock: HeldLock) => Promise<T>,
    meanwhile?: () => Promise<T | undefined>,
  ): Promise<T>
  /** Removes a lock whose holder is dead, and no other. */
  breakIfDead(path: string, patience: LockPatience): Promise<void>
  /** Removes owner files of dead processes. */
  sweepOwners(): Promise<void>
  /** Waits until this store holds no lock, then removes its owner file. A later use makes it again. */
  close(): Promise<void>
}

/** The lock was not free in time. Nothing was done. */
export class LockBusyError extends FileError {
  constructor() {
    super('the lock was not free before the time limit or the abort', true)
  }
}

const DEFAULT_WAIT = 10_000
const LONGEST_PAUSE = 20
/** The share of queued uses of a lock that first let other stores and processes try. */
const YIELDS = 1 / 8
/** Age from which an owner file without locks is removed when its process cannot be checked, in ms. */
const OWNER_STALE_AFTER = 60_000

/** Makes locks on one file system; `folder` holds the owner files. */
export function fileLocks(folder: string, options: FileLockOptions): FileLocks {
  const { fsync, onError, staleAfter = DEFAULT_WAIT } = options
  const text = describeOwner()
  const ownFile = join(folder, createHash('sha256').update(text).digest('hex').slice(0, 32))
  /** By path: ends when all uses of this store that were begun so far have ended. */
  const queues = new Map<string, Promise<unknown>>()
  let making: Promise<void> | undefined

  /** By rename, so that no link ever names an owner file that is still empty. */
  async function makeOwnFile(): Promise<void> {
    await makeDirectory(folder, fsync)
    const temporary = `${ownFile}.${randomName()}.tmp`
    const body = Buffer.from(text)
    await replaceFile(ownFile, temporary, body, { fsync: false }, async () => undefined)
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

  /** Resolves to undefined when the lock is held. */
  async function acquire<T>(
    path: string,
    signal: AbortSignal,
    meanwhile?: () => Promise<T | undefined>,
  ): Promise<T | undefined> {
    for (let longest = 1; ; longest = Math.min(LONGEST_PAUSE, longest * 1.5)) {
      if (signal.aborted) throw new LockBusyError()
      if (await tryLink(path)) return undefined
      const holder = await readText(path)
      if (holder === undefined) {
        // The lock was released just now, or a directory was made again. In any other case, do not spin.
        if (longest > 2) await sleep(1)
        continue
      }
      // The queue of this store lets one use in at a time, so this link is ours: its reply or its removal failed.
      if (holder === text) return undefined
      // A live holder is quick, so the first turns skip the check.
      if (longest > 3 && (await isDead(path, holder))) {
        await breakLock(path, holder, signal)
        continue
      }
      await sleep(1 + Math.random() * longest)
      const instead = await meanwhile?.()
      if (instead !== undefined) return instead
    }
  }

  async function isDead(path: string, holder: string): Promise<boolean> {
    const running = await isRunning(holder)
    return running === undefined ? (await age(path)) > staleAfter : !running
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
   * Removes the lock of a dead holder. A second lock, which can be broken as well, lets one process in at a time: so the
   * lock that is removed is the one that was checked, and not a new one of another process.
   */
  async function breakLock(path: string, holder: string, signal?: AbortSignal): Promise<void> {
    const digest = createHash('sha256').update(holder).digest('hex').slice(0, 16)
    await hold(`${path}.${digest}`, { signal }, async () => {
      if ((await readText(path)) === holder && (await isDead(path, holder))) {
        await unlinkIfThere(path)
      }
    })
  }

  async function release(path: string, lock: HeldLock): Promise<void> {
    try {
      await lock.confirm()
      await unlinkIfThere(path)
    } catch (error) {
      if (!(error instanceof LockBusyError)) onError(error)
    }
  }

  /** Uses of one path in this store run in turn; the lock is for those of other stores, threads and processes. */
  function hold<T>(
    path: string,
    patience: LockPatience,
    body: (lock: HeldLock) => Promise<T>,
    meanwhile?: () => Promise<T | undefined>,
  ): Promise<T> {
    const signal = patience.signal ?? AbortSignal.timeout(DEFAULT_WAIT)
    const before = queues.get(path)

    async function run(): Promise<T> {
      if (before !== undefined && !(await endsBefore(before, signal))) throw new LockBusyError()
      // Sometimes a queue pauses as long as the waits of others, which would starve if it passed the lock on without end.
      if (before !== undefined && Math.random() < YIELDS) await sleep(LONGEST_PAUSE)
      const early = before === undefined ? undefined : await meanwhile?.()
      const instead = early ?? (await acquire(path, signal, meanwhile))
      if (instead !== undefined) return instead
      const heldSince = performance.now()
      const lock: HeldLock = {
        async confirm() {
          const recent = performance.now() - heldSince < staleAfter / 4
          if (!recent && (await readText(path)) !== text) throw new LockBusyError()
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

  return {
    hold,

    async breakIfDead(path, { signal }) {
      const holder = await readText(path)
      if (holder === undefined || holder === text) return
      if (await isDead(path, holder)) await breakLock(path, holder, signal)
    },

    async sweepOwners() {
      for (const name of await namesIn(folder)) {
        const path = join(folder, name)
        const holder = await readText(path)
        if (holder === undefined || holder === text) continue
        const running = await isRunning(holder)
        const dead = running === undefined ? (await age(path)) > OWNER_STALE_AFTER : !running
        if (dead) await unlinkIfThere(path)
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

/** A thread, so exactly that another process can check whether it still runs. Fields from `/proc` are absent without it. */
interface Owner {
  readonly pid: number
  /** The thread; a worker may end while its process goes on. */
  readonly tid?: number
  /** When the thread started, in ticks since boot: tells it from a later one with the same number. */
  readonly start?: string
  readonly boot?: string
  /** The namespace in which the numbers count. */
  readonly pidNamespace?: string
  readonly host: string
  /** Two stores in one thread are two owners. */
  readonly nonce: string
}

/** A new owner text for the calling thread. */
export function describeOwner(): string {
  thisThread ??= describeThread()
  const nonce = randomBytes(12).toString('hex')
  const owner: Owner = { pid: process.pid, ...thisThread, host: hostname(), nonce }
  return JSON.stringify(owner)
}

/** Undefined: it cannot be checked from here, as the owner is on another machine or in another container, or the text is damaged. */
async function isRunning(text: string): Promise<boolean | undefined> {
  const owner = parseOwner(text)
  thisThread ??= describeThread()
  const sameNumbers =
    owner?.start !== undefined &&
    thisThread.boot !== undefined &&
    owner.boot === thisThread.boot &&
    owner.pidNamespace === thisThread.pidNamespace &&
    owner.host === hostname()
  if (!sameNumbers) return undefined

  const thread = await statOf(`/proc/${owner.pid}/task/${owner.tid}/stat`)
  if (thread?.start === owner.start && !thread.ended) return true
  // A killed process may have a thread that is still inside a system call; it is over when only the zombie is left.
  const leader = await statOf(`/proc/${owner.pid}/stat`)
  if (!leader?.ended) return false
  const threads = await readdir(`/proc/${owner.pid}/task`).catch(() => [])
  return threads.length > 1
}

let thisThread: Partial<Owner> | undefined

function describeThread(): Partial<Owner> {
  try {
    // `<pid>/task/<tid>` of the thread that reads it: synchronous, as the thread pool has other threads.
    const path = readlinkSync('/proc/thread-self')
    const start = parseStat(readFileSync('/proc/thread-self/stat', 'utf8'))?.start
    if (start === undefined) return {}
    return {
      tid: Number(path.split('/')[2]),
      start,
      boot: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
      pidNamespace: readlinkSync('/proc/self/ns/pid'),
    }
  } catch {
    // There is no complete /proc, so only the age of a lock counts.
    return {}
  }
}

function parseOwner(text: string): Owner | undefined {
  try {
    const owner: unknown = JSON.parse(text)
    return typeof owner === 'object' && owner !== null ? (owner as Owner) : undefined
  } catch {
    return undefined
  }
}

interface ThreadStat {
  readonly ended: boolean
  readonly start: string
}

async function statOf(path: string): Promise<ThreadStat | undefined> {
  try {
    return parseStat(await readFile(path, 'utf8'))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ESRCH') return undefined
    throw error
  }
}

/** As in proc_pid_stat(5): the state is the 3rd field, the start time the 22nd; the 2nd is a name in parentheses. */
function parseStat(stat: string): ThreadStat | undefined {
  const [state, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const start = rest[18]
  return start === undefined ? undefined : { ended: state === 'Z' || state === 'X', start }
}
