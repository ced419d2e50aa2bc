/**
 * The directory of a cachelib FileSystemCache as a whole: the names in use, the count of files, and the removal of files
 * over the threshold.
 *
 * @module
 */

import { randomBytes } from 'node:crypto'
import { readdirSync, statSync } from 'node:fs'
import { open, readFile, rename, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { ConfigError } from '../../errors.ts'
import { type FileLocks, LockBusyError, type LockPatience } from '../file/lock.ts'
import { namesIn, unlessMissing, unlinkIfThere, withFile } from '../file/record.ts'
import {
  type CachelibHash,
  COUNT_FILE,
  encodeCount,
  HEAD_BYTES,
  hashOfName,
  parseCount,
  parseExpiry,
} from './format.ts'

export interface CachelibDirectoryOptions {
  readonly hash: CachelibHash | undefined
  readonly threshold: number
  /** The mode of each file. */
  readonly mode: number
  readonly fsync: boolean
  readonly now: () => number
  /** Called when a file could not be removed or the count could not be written. */
  readonly onError: (error: unknown) => void
}

export interface CachelibDirectory {
  /** Which names are written, by the last {@link detectHash}. */
  readonly hash: CachelibHash
  /** Finds out which names the cachelib of this directory gives, unless the option or its count has decided it. */
  detectHash(): Promise<void>
  /** The path of the lock of a file. */
  lockOf(name: string): string
  /** Removes files over the threshold, as cachelib does before it writes. */
  makeRoom(patience: LockPatience): Promise<void>
  /** Adds to the count of files, if a cachelib keeps one. Never rejects: the count of cachelib is not exact either. */
  addToCount(delta: number): Promise<void>
  /** Removes a record if it is expired, or any record. Resolves to false when it stays, as when its lock is held. */
  remove(name: string, which: 'expired' | 'any'): Promise<boolean>
  /** Replaces a file as a whole, unless `refuse` resolves to an answer: then that is the result. */
  write<T>(
    path: string,
    body: readonly Uint8Array[],
    refuse: () => Promise<T | undefined>,
  ): Promise<T | undefined>
}

/** cachelib neither counts nor removes files whose name ends so. */
export const UNCOUNTED = '.__wz_cache'
/** Temporary files of this store, named as by Python's `mkstemp`. */
export const TEMPORARY: RegExp = /^vial[0-9a-f]{16}\.__wz_cache$/
/** How long to wait for the lock of a record, in ms: a sweep skips what another process is writing. */
const SWEEP_WAIT = 100
/** How long to wait for the lock of the count, in ms. */
const COUNT_WAIT = 1_000

/** Manages an existing directory. */
export function cachelibDirectory(
  root: string,
  locks: FileLocks,
  options: CachelibDirectoryOptions,
): CachelibDirectory {
  const { threshold, mode, fsync, now, onError } = options
  const lockOf = (name: string) => join(root, `locks${UNCOUNTED}`, `${name}.lock`)
  /** By the option, or by the count that cachelib keeps: it does not change any more. */
  let decided = options.hash ?? newest(countedAt(root, 'md5'), countedAt(root, 'sha256'))
  /** By the names of the files, until a cachelib starts to count. */
  let guessed = hashOfNames(namesAtStart(root))

  /** Changes of the number of files that the count does not hold yet. */
  let uncounted = 0

  const hash = () => decided ?? guessed ?? 'sha256'
  const records = async () => (await namesIn(root)).filter((name) => hashOfName(name))

  /** Undefined: no cachelib keeps a count here. */
  async function readCount(): Promise<number | undefined> {
    const body = await fileAt(join(root, COUNT_FILE[hash()]))
    return body && (parseCount(body) ?? 0)
  }

  async function writeCount(count: number): Promise<void> {
    const body = [encodeCount(Math.max(0, count))]
    await write(join(root, COUNT_FILE[hash()]), body, async () => undefined, false)
  }

  async function write<T>(
    path: string,
    body: readonly Uint8Array[],
    refuse: () => Promise<T | undefined>,
    sync: boolean = fsync,
  ): Promise<T | undefined> {
    const temporary = join(root, `vial${randomBytes(8).toString('hex')}${UNCOUNTED}`)
    const file = await open(temporary, 'wx', mode)
    try {
      try {
        // `open` subtracts the umask.
        await file.chmod(mode)
        await file.writeFile(Buffer.concat(body))
        if (sync) await file.sync()
      } finally {
        await file.close()
      }
      const refused = await refuse()
      if (refused === undefined) await rename(temporary, path)
      else await unlink(temporary)
      return refused
    } catch (error) {
      // If this fails too, a sweep removes the file. The first error is the one to report.
      await unlink(temporary).catch(() => undefined)
      throw error
    }
  }

  /** Undefined: there is no file, or it cannot be read, which is reported and stops nothing. */
  async function expiryOf(name: string): Promise<number | undefined> {
    try {
      const start = await fileAt(join(root, name), HEAD_BYTES)
      // A truncated file is not a session, so it may be removed.
      return start && (parseExpiry(start) ?? 0)
    } catch (error) {
      onError(error)
      return undefined
    }
  }

  async function remove(name: string, which: 'expired' | 'any'): Promise<boolean> {
    const mayGo = async () => {
      const expiresAt = await expiryOf(name)
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
        const expiresAt = await expiryOf(name)
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

    async detectHash() {
      if (decided !== undefined) return
      decided = newest(countedAt(root, 'md5'), countedAt(root, 'sha256'))
      if (decided === undefined) guessed ??= hashOfNames(await namesIn(root))
    },

    lockOf,

    async makeRoom(patience) {
      if (threshold === 0) return
      const count = (await readCount()) ?? (await records()).length
      if (count > threshold) await locks.hold(lockOf('count'), patience, prune)
    },

    async addToCount(delta) {
      if (delta === 0) return
      uncounted += delta
      try {
        if ((await readCount()) === undefined) {
          uncounted = 0
          return
        }
        // The first turn adds what all waiting ones would; after a failed wait the next write adds it.
        await locks.hold(lockOf('count'), { wait: COUNT_WAIT }, async () => {
          if (uncounted === 0) return
          const count = await readCount()
          const added = uncounted
          uncounted = 0
          if (count !== undefined) await writeCount(count + added)
        })
      } catch (error) {
        if (!(error instanceof LockBusyError)) onError(error)
      }
    },

    remove,
    write,
  }
}

/** The bytes of a file, or its first `most`; undefined: there is no file. */
export function fileAt(path: string, most?: number): Promise<Buffer | undefined> {
  if (most === undefined) return unlessMissing(() => readFile(path))
  return withFile(path, 'r', async (file) => {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(most), 0, most, 0)
    return buffer.subarray(0, bytesRead)
  })
}

/** Whether there is a file. */
export async function isThere(path: string): Promise<boolean> {
  return (await unlessMissing(() => stat(path))) !== undefined
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

/** When a cachelib wrote its count last, in ms; undefined: there is no count. */
function countedAt(root: string, hash: CachelibHash): number | undefined {
  return statSync(join(root, COUNT_FILE[hash]), { throwIfNoEntry: false })?.mtimeMs
}

/** An update of cachelib leaves the count of the older version behind, so the newer count decides. */
function newest(md5: number | undefined, sha256: number | undefined): CachelibHash | undefined {
  if (md5 === undefined && sha256 === undefined) return undefined
  return (md5 ?? -1) > (sha256 ?? -1) ? 'md5' : 'sha256'
}

function hashOfNames(names: readonly string[]): CachelibHash | undefined {
  const found = new Set(names.map(hashOfName))
  return found.has('sha256') ? 'sha256' : found.has('md5') ? 'md5' : undefined
}
