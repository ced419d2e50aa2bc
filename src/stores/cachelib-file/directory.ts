/**
 * What cachelib's FileSystemCache does for its directory as a whole: it counts the files, and removes some when there
 * are more than a threshold.
 *
 * @module
 */

import { randomBytes } from 'node:crypto'
import { readdirSync, statSync } from 'node:fs'
import { open, readFile, rename, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { ConfigError } from '../../errors.ts'
import { type FileLocks, LockBusyError, type LockPatience } from '../file/lock.ts'
import { isMissing, namesIn, unlinkIfThere } from '../file/record.ts'
import {
  type CachelibHash,
  COUNT_FILE,
  countFile,
  HEAD_BYTES,
  hashOfName,
  parseCount,
  parseDeadline,
} from './record.ts'

export interface CachelibDirectoryOptions {
  readonly hash: CachelibHash | undefined
  readonly threshold: number
  /** The rights of each file. */
  readonly mode: number
  readonly fsync: boolean
  readonly now: () => number
  /** Hears of a file that could not be removed, and of a count that could not be kept. */
  readonly onError: (error: unknown) => void
}

export interface CachelibDirectory {
  /** Which names are written, as far as that is known without asking. */
  readonly hash: CachelibHash
  /** Looks which names the cachelib there gives, unless that is settled. */
  look(): Promise<void>
  /** Where the lock of a file is. */
  lockOf(name: string): string
  /** Removes what is over the threshold, as cachelib does before it writes. */
  makeRoom(patience: LockPatience): Promise<void>
  /** Adds to the count that a cachelib keeps there, if one does. Never rejects: cachelib's own count drifts, too. */
  count(delta: number): Promise<void>
  /** Removes a record if it ended, or in any case. Resolves to false when it did not, or somebody is busy with it. */
  remove(name: string, which: 'expired' | 'any'): Promise<boolean>
  /** Replaces a file as a whole; when `ready` gives anything, that is the answer and nothing has changed. */
  write<T>(
    path: string,
    body: readonly Uint8Array[],
    ready: () => Promise<T | undefined>,
  ): Promise<T | undefined>
}

/** cachelib neither counts nor removes what has a name with this end. */
export const UNCOUNTED = '.__wz_cache'
/** Ours, in the manner of Python's `mkstemp`. */
export const TEMPORARY: RegExp = /^vial[0-9a-f]{16}\.__wz_cache$/
/** A sweep leaves alone what somebody is writing just now. In ms. */
const SWEEP_WAIT = 100
const COUNT_WAIT = 1_000

/** Looks after a directory that is there. */
export function cachelibDirectory(
  root: string,
  locks: FileLocks,
  options: CachelibDirectoryOptions,
): CachelibDirectory {
  const { threshold, mode, fsync, now, onError } = options
  const lockOf = (name: string) => join(root, `locks${UNCOUNTED}`, `${name}.lock`)
  let settled = options.hash ?? newest(countedAt(root, 'md5'), countedAt(root, 'sha256'))
  let named = hashOfNames(namesAtStart(root))

  const hash = () => settled ?? named ?? 'sha256'
  const records = async () => (await namesIn(root)).filter((name) => hashOfName(name))

  /** Undefined: no cachelib counts here. */
  async function readCount(): Promise<number | undefined> {
    const body = await fileAt(join(root, COUNT_FILE[hash()]))
    return body && (parseCount(body) ?? 0)
  }

  async function writeCount(count: number): Promise<void> {
    const body = [countFile(Math.max(0, count))]
    await write(join(root, COUNT_FILE[hash()]), body, async () => undefined, false)
  }

  async function write<T>(
    path: string,
    body: readonly Uint8Array[],
    ready: () => Promise<T | undefined>,
    sync: boolean = fsync,
  ): Promise<T | undefined> {
    const temporary = join(root, `vial${randomBytes(8).toString('hex')}${UNCOUNTED}`)
    const file = await open(temporary, 'wx', mode)
    try {
      try {
        // Whatever the umask.
        await file.chmod(mode)
        await file.writeFile(Buffer.concat(body))
        if (sync) await file.sync()
      } finally {
        await file.close()
      }
      const instead = await ready()
      if (instead === undefined) await rename(temporary, path)
      else await unlink(temporary)
      return instead
    } catch (error) {
      // What cannot be removed now is left to a sweep; the first error is the one to tell.
      await unlink(temporary).catch(() => undefined)
      throw error
    }
  }

  /** Undefined: there is no file, or one that cannot be read, which is in nobody's way. */
  async function deadlineOf(name: string): Promise<number | undefined> {
    try {
      const start = await fileAt(join(root, name), HEAD_BYTES)
      // What is cut off is nobody's.
      return start && (parseDeadline(start) ?? 0)
    } catch (error) {
      onError(error)
      return undefined
    }
  }

  async function remove(name: string, which: 'expired' | 'any'): Promise<boolean> {
    const mayGo = async () => {
      const expiresAt = await deadlineOf(name)
      return expiresAt !== undefined && (which === 'any' || !(expiresAt > now()))
    }
    if (!(await mayGo())) return false
    try {
      return await locks.hold(lockOf(name), { wait: SWEEP_WAIT }, async (lock) => {
        if (!(await mayGo())) return false
        await lock.confirm()
        return unlinkIfThere(join(root, name))
      })
    } catch (error) {
      if (!(error instanceof LockBusyError)) onError(error)
      return false
    }
  }

  async function prune(): Promise<void> {
    const names = await records()
    let left = names.length
    if (left > threshold) {
      const found: { readonly name: string; readonly expiresAt: number }[] = []
      for (const name of names) {
        const expiresAt = await deadlineOf(name)
        if (expiresAt === undefined) left--
        else found.push({ name, expiresAt })
      }
      for (const { name, expiresAt } of found.sort((a, b) => a.expiresAt - b.expiresAt)) {
        const expired = !(expiresAt > now())
        if (!expired && left <= threshold) break
        if (await remove(name, expired ? 'expired' : 'any')) left--
      }
    }
    if ((await readCount()) !== undefined) await writeCount(left)
  }

  return {
    get hash() {
      return hash()
    },

    async look() {
      if (settled !== undefined) return
      settled = newest(countedAt(root, 'md5'), countedAt(root, 'sha256'))
      if (settled === undefined) named ??= hashOfNames(await namesIn(root))
    },

    lockOf,

    async makeRoom(patience) {
      if (threshold === 0) return
      const count = (await readCount()) ?? (await records()).length
      if (count > threshold) await locks.hold(lockOf('count'), patience, prune)
    },

    async count(delta) {
      if (delta === 0) return
      try {
        if ((await readCount()) === undefined) return
        await locks.hold(lockOf('count'), { wait: COUNT_WAIT }, async () => {
          const count = await readCount()
          if (count !== undefined) await writeCount(count + delta)
        })
      } catch (error) {
        if (!(error instanceof LockBusyError)) onError(error)
      }
    },

    remove,
    write,
  }
}

/** The bytes of a file, or its first ones; undefined: there is none. */
export async function fileAt(path: string, most?: number): Promise<Buffer | undefined> {
  try {
    if (most === undefined) return await readFile(path)
    const file = await open(path, 'r')
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(most), 0, most, 0)
      return buffer.subarray(0, bytesRead)
    } finally {
      await file.close()
    }
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

/** Whether there is a file. */
export async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    if (isMissing(error)) return false
    throw error
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

/** When a cachelib counted last, in ms; undefined: none does. */
function countedAt(root: string, hash: CachelibHash): number | undefined {
  return statSync(join(root, COUNT_FILE[hash]), { throwIfNoEntry: false })?.mtimeMs
}

/** An update of cachelib leaves the count of the older one behind. */
function newest(md5: number | undefined, sha256: number | undefined): CachelibHash | undefined {
  if (md5 === undefined && sha256 === undefined) return undefined
  return (md5 ?? -1) > (sha256 ?? -1) ? 'md5' : 'sha256'
}

function hashOfNames(names: readonly string[]): CachelibHash | undefined {
  const found = new Set(names.map(hashOfName))
  return found.has('sha256') ? 'sha256' : found.has('md5') ? 'md5' : undefined
}
