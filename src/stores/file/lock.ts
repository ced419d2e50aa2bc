/**
 * A lock per file that outlives its holder by milliseconds: the lock is a link to a text that names who holds it, so
 * that others can see whether the holder still runs, and break the lock of a dead one.
 *
 * @module
 */

import { createHash, randomBytes } from 'node:crypto'
import { link, mkdir, readFile, rename, stat, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { describeOwner, isRunning } from './owner.ts'
import { FileError, isMissing, namesIn, syncDirectory, unlinkIfThere } from './record.ts'

export interface FileLockOptions {
  /** Whether a directory that had to be made outlives a loss of power. */
  readonly fsync: boolean
  /** Hears of a lock that could not be removed; it is taken over by the next use, or broken after this process. */
  readonly onError: (error: unknown) => void
  /** How long a lock may be unchanged, in ms, when nobody can tell whether its holder runs; default 10 s. */
  readonly staleAfter?: number
}

/** How long to wait for a lock: until `signal` aborts, or without one for `wait` ms (default 10 s). */
export interface LockPatience {
  readonly signal?: AbortSignal | undefined
  readonly wait?: number
}

/** A lock that is held. */
export interface HeldLock {
  /** Rejects with {@link LockBusyError} when the lock was held for so long that others may have broken it. */
  confirm(): Promise<void>
}

export interface FileLocks {
  /**
   * Runs `body` while no other store, thread or process holds the lock. Rejects with {@link LockBusyError}.
   *
   * @param meanwhile Looks now and then, while others hold the lock, whether waiting has become pointless; what it
   * resolves to takes the place of what `body` would give.
   */
  hold<T>(
    path: string,
    patience: LockPatience,
    body: (lock: HeldLock) => Promise<T>,
    meanwhile?: () => Promise<T | undefined>,
  ): Promise<T>
  /** Removes a lock whose holder is dead, and no other. */
  breakIfDead(path: string, patience: LockPatience): Promise<void>
  /** Removes what dead processes left in the folder of owners. */
  sweepOwners(): Promise<void>
  /** Waits for the holders in this store, then removes its own owner file. A later use makes it again. */
  close(): Promise<void>
}

/** The lock did not come free in time. Nothing was done. */
export class LockBusyError extends FileError {
  override readonly message = 'no turn came before the time was up or the wait aborted'
  readonly retriable = true
}

const DEFAULT_WAIT = 10_000
const LONGEST_PAUSE = 20
/** An owner file of a machine that cannot be asked is left over after a minute without any lock. */
const OWNER_STALE_AFTER = 60_000

/** Makes locks on one file system; `folder` holds a file for each owner. */
export function fileLocks(folder: string, options: FileLockOptions): FileLocks {
  const { fsync, onError, staleAfter = DEFAULT_WAIT } = options
  const text = describeOwner()
  const ownFile = join(folder, createHash('sha256').update(text).digest('hex').slice(0, 32))
  const queues = new Map<string, Promise<void>>()
  let making: Promise<void> | undefined

  /** By rename, so that a link never names an owner file that is still empty. */
  async function makeOwnFile(): Promise<void> {
    await makeDirectory(folder, fsync)
    const half = `${ownFile}.${randomBytes(4).toString('hex')}.tmp`
    try {
      await writeFile(half, text, { flag: 'wx', mode: 0o600 })
      await rename(half, ownFile)
    } catch (error) {
      // What cannot be removed now is left to a sweep; the first error is the one to tell.
      await unlinkIfThere(half).catch(() => undefined)
      throw error
    }
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
      // Somebody removed a directory or our owner file.
      if (!(await makeDirectory(dirname(path), fsync))) making = undefined
      return false
    }
  }

  /** Resolves to undefined when the lock is held. */
  async function acquire<T>(
    path: string,
    patience: LockPatience,
    until: number,
    meanwhile?: () => Promise<T | undefined>,
  ): Promise<T | undefined> {
    for (let longest = 1; ; longest = Math.min(LONGEST_PAUSE, longest * 1.5)) {
      if (patience.signal?.aborted || performance.now() >= until) throw new LockBusyError()
      if (await tryLink(path)) return undefined
      const holder = await readText(path)
      if (holder === undefined) {
        // Released just now, or a directory was made again; else something is odd, so do not spin.
        if (longest > 2) await sleep(1)
        continue
      }
      // In this store the queue lets one in at a time: the link is ours, and its reply or its removal went wrong.
      if (holder === text) return undefined
      // A live holder is quick, so the first looks spare the question.
      if (longest > 3 && (await isDead(path, holder))) {
        await breakLock(path, holder, patience)
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

  /** Each link and unlink by its holder renews the time of a lock. Both times are of the file system's clock. */
  async function age(path: string): Promise<number> {
    await ready()
    try {
      await utimes(ownFile, new Date(), new Date())
      return (await stat(ownFile)).ctimeMs - (await stat(path)).ctimeMs
    } catch (error) {
      if (!isMissing(error)) throw error
      making = undefined
      return 0
    }
  }

  /**
   * Breakers of one dead holder take turns, by a lock that others can break as well: between the second
   * look and the removal, nobody else can have removed the dead lock and taken a new one.
   */
  async function breakLock(path: string, holder: string, patience: LockPatience): Promise<void> {
    const digest = createHash('sha256').update(holder).digest('hex').slice(0, 16)
    await hold(`${path}.${digest}`, patience, async () => {
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

  async function hold<T>(
    path: string,
    { signal, wait = DEFAULT_WAIT }: LockPatience,
    body: (lock: HeldLock) => Promise<T>,
    meanwhile?: () => Promise<T | undefined>,
  ): Promise<T> {
    const until = signal === undefined ? performance.now() + wait : Infinity
    const before = queues.get(path)
    const { promise: done, resolve: leave } = deferred()
    const turn = before === undefined ? done : before.then(() => done)
    queues.set(path, turn)
    void turn.then(() => {
      if (queues.get(path) === turn) queues.delete(path)
    })
    try {
      if (before !== undefined && !(await comes(before, signal, until))) throw new LockBusyError()
      const early = before === undefined ? undefined : await meanwhile?.()
      const instead = early ?? (await acquire(path, { signal, wait }, until, meanwhile))
      if (instead !== undefined) return instead
      const heldSince = performance.now()
      const lock: HeldLock = {
        async confirm() {
          const fresh = performance.now() - heldSince < staleAfter / 4
          if (!fresh && (await readText(path)) !== text) throw new LockBusyError()
        },
      }
      try {
        return await body(lock)
      } finally {
        await release(path, lock)
      }
    } finally {
      leave()
    }
  }

  return {
    hold,

    async breakIfDead(path, patience) {
      const holder = await readText(path)
      if (holder === undefined || holder === text) return
      if (await isDead(path, holder)) await breakLock(path, holder, patience)
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

/** Makes a directory that only its owner may enter, and what is missing above it. Resolves to false when it is there. */
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

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => undefined
  const promise = new Promise<void>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}

/** Resolves to whether `event` came before the signal aborted and before `until`. */
function comes(
  event: Promise<void>,
  signal: AbortSignal | undefined,
  until: number,
): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (came: boolean) => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', giveUp)
      resolve(came)
    }
    const giveUp = () => settle(false)
    const timer =
      until === Infinity ? undefined : setTimeout(giveUp, Math.max(0, until - performance.now()))
    signal?.addEventListener('abort', giveUp)
    if (signal?.aborted) giveUp()
    void event.then(() => settle(true))
  })
}
