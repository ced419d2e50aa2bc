/**
 * The files of a cachelib FileSystemCache: a record under the name of either hash, the count of files, and the removal of
 * files over the threshold.
 *
 * cachelib named files by MD5 before 0.16 and by SHA-256 since. One name is written, both are read.
 *
 * @module
 */

import { readdirSync, statSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { ConfigError } from '../../errors.ts'
import { LockBusyError } from '../file/lock.ts'
import {
  mismatch,
  namesIn,
  overwrite,
  randomName,
  replaceFile,
  syncDirectory,
  unlessMissing,
  unlinkIfThere,
  withFile,
} from '../file/record.ts'
import { type Begin, type Directory, type RecordFiles, removeIf } from '../file/verbs.ts'
import {
  type CachelibHash,
  type CachelibRecord,
  COUNT_FILE,
  encodeCount,
  encodeHead,
  encodeId,
  HEAD_BYTES,
  hashOfName,
  parseCount,
  parseExpiry,
  parseFile,
} from './format.ts'

export interface CachelibSettings {
  /** Undefined: found out by the count or the names in the directory. */
  readonly hash: CachelibHash | undefined
  readonly threshold: number
  /** The mode of each file. */
  readonly mode: number
}

/** The names of the files of one id. */
interface FilePair {
  readonly md5: string
  readonly sha256: string
  /** The path under the name that is written. */
  readonly written: string
  /** The path under the other name. */
  readonly other: string
}

/** The folder of the locks. cachelib neither counts nor removes files whose name ends so. */
export const LOCK_FOLDER = 'locks.__wz_cache'
/** Temporary files of this store, named as by Python's `mkstemp`. */
const TEMPORARY = /^vial[0-9a-f]{16}\.__wz_cache$/
/** How long to wait for the lock of the count, in ms. */
const COUNT_WAIT = 1_000

/** Keeps records in an existing directory. */
export function cachelibFiles(
  { root, locks, fsync, now, report }: Directory,
  { hash: chosen, threshold, mode }: CachelibSettings,
): RecordFiles<FilePair> {
  const lockOf = (path: string) => join(root, LOCK_FOLDER, `${basename(path)}.lock`)
  const isLive = (record: { readonly expiresAt: number }) => record.expiresAt > now()
  /** By the option, or by the count that cachelib keeps: it does not change any more. */
  let decided = chosen ?? hashOfCount(root)
  /** By the names of the files, until a cachelib starts to count. */
  let guessed = hashOfNames(namesAtStart(root))
  /** Changes of the number of files that the count does not hold yet. */
  let uncounted = 0

  const hash = () => decided ?? guessed ?? 'sha256'
  const temporary = () => join(root, `vial${randomName()}.__wz_cache`)

  /** Undefined: no cachelib keeps a count here. */
  async function readCount(): Promise<number | undefined> {
    const body = await bodyOf(join(root, COUNT_FILE[hash()]))
    return body && (parseCount(body) ?? 0)
  }

  async function writeCount(count: number): Promise<void> {
    const path = join(root, COUNT_FILE[hash()])
    const body = encodeCount(Math.max(0, count))
    await replaceFile(path, temporary(), body, { fsync: false, mode }, async () => undefined)
  }

  async function read({ written, other }: FilePair): Promise<CachelibRecord | undefined> {
    // The written one twice: a record may be moved there from the other file in between.
    for (const path of [written, other, written]) {
      const body = await bodyOf(path)
      const record = body && parseFile(body)
      if (record !== undefined && isLive(record)) return record
    }
    return undefined
  }

  async function write<T>(
    { written, other }: FilePair,
    { bytes, expiresAt }: Omit<CachelibRecord, 'old'>,
    begin: Begin,
    refuse: () => Promise<T | undefined>,
  ): Promise<T | undefined> {
    let isNew = false
    const body = Buffer.concat([encodeHead(expiresAt), bytes])
    const refused = await replaceFile(written, temporary(), body, { fsync, mode }, async () => {
      isNew = !(await isThere(written))
      // Once more, as late as possible: Flask takes no lock.
      const late = await refuse()
      if (late === undefined) await begin()
      return late
    })
    if (refused !== undefined) return refused
    if (isNew) uncounted++
    if (await unlinkIfThere(other)) uncounted--
    if (fsync) await syncDirectory(root)
    return undefined
  }

  /** Undefined: there is no file, or it cannot be read, which is reported and stops nothing. */
  async function expiryOf(path: string): Promise<number | undefined> {
    try {
      return await withFile(path, 'r', async (file) => {
        const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0)
        // A truncated file is not a session, so it may be removed.
        return parseExpiry(buffer.subarray(0, bytesRead)) ?? 0
      })
    } catch (error) {
      report('housekeeping', error)
      return undefined
    }
  }

  /** Removes a record that may go by its expiry. Resolves to false when it stays, as when its lock is held. */
  async function remove(path: string, mayGo: (expiresAt: number) => boolean): Promise<boolean> {
    try {
      return await removeIf(locks, lockOf(path), path, async () => {
        const expiresAt = await expiryOf(path)
        return expiresAt !== undefined && mayGo(expiresAt)
      })
    } catch (error) {
      if (!(error instanceof LockBusyError)) report('housekeeping', error)
      return false
    }
  }

  /** Removes expired records, then live ones with the nearest expiry until the threshold is kept. */
  async function prune(): Promise<void> {
    const names = (await namesIn(root)).filter(hashOfName)
    let left = names.length
    if (left > threshold) {
      const found: { readonly path: string; readonly expiresAt: number }[] = []
      for (const name of names) {
        const path = join(root, name)
        const expiresAt = await expiryOf(path)
        if (expiresAt === undefined) left--
        else found.push({ path, expiresAt })
      }
      for (const { path, expiresAt } of found.sort((a, b) => a.expiresAt - b.expiresAt)) {
        const expired = !isLive({ expiresAt })
        if (!expired && left <= threshold) break
        if (await remove(path, (at) => !expired || !isLive({ expiresAt: at }))) left--
      }
    }
    if ((await readCount()) !== undefined) await writeCount(left)
  }

  return {
    placeOf(id) {
      const [md5, sha256] = [encodeId(id, 'md5'), encodeId(id, 'sha256')]
      const [written, other] = hash() === 'md5' ? [md5, sha256] : [sha256, md5]
      return { md5, sha256, written: join(root, written), other: join(root, other) }
    },
    lockOf,
    isRecord: (name) => hashOfName(name) !== undefined,
    temporary: TEMPORARY,
    folders: () => [root, join(root, LOCK_FOLDER)],

    /** Finds out the hash, and removes files over the threshold, as cachelib does before it writes. */
    async prepare(operation, signal) {
      if (decided === undefined) {
        decided = hashOfCount(root)
        if (decided === undefined) guessed ??= hashOfNames(await namesIn(root))
      }
      if (operation !== 'create' || threshold === 0) return
      const count = (await readCount()) ?? (await namesIn(root)).filter(hashOfName).length
      if (count > threshold) await locks.hold(lockOf('count'), { signal }, prune)
    },

    /** Adds to the count of files, if a cachelib keeps one. Its own count is not exact either. */
    async settle() {
      if (uncounted === 0) return
      try {
        if ((await readCount()) === undefined) {
          uncounted = 0
          return
        }
        const limit = { signal: AbortSignal.timeout(COUNT_WAIT) }
        // The first turn adds what all waiting ones would; after a failed wait the next write adds it.
        await locks.hold(lockOf('count'), limit, async () => {
          if (uncounted === 0) return
          const count = await readCount()
          const added = uncounted
          uncounted = 0
          if (count !== undefined) await writeCount(count + added)
        })
      } catch (error) {
        if (!(error instanceof LockBusyError)) report('housekeeping', error)
      }
    },

    /** A file with the MD5 name has a lock of its own, as a sweep cannot know its SHA-256 name. */
    hold({ md5, sha256, written }, signal, body, meanwhile) {
      return locks.hold(
        lockOf(sha256),
        { signal },
        async (lock) => {
          const path = join(root, md5)
          const both = path === written || (await isThere(path))
          if (!both) return body(lock)
          return locks.hold(lockOf(md5), { signal }, (second) =>
            body({
              async confirm() {
                await lock.confirm()
                await second.confirm()
              },
            }),
          )
        },
        meanwhile,
      )
    },

    read,
    write,

    async touch(pair, expiresAt, version, begin) {
      for (const path of [pair.written, pair.other]) {
        const result = await withFile(path, 'r+', async (file) => {
          const record = parseFile(await file.readFile())
          const refused = mismatch(record && isLive(record) ? record : undefined, version)
          if (refused !== undefined || record?.old) return refused ?? record
          await begin()
          // In place, which undoes nothing that Flask writes meanwhile.
          await overwrite(file, encodeHead(expiresAt), 0, fsync)
          return 'touched'
        })
        if (result === undefined || result === 'gone') continue
        if (typeof result === 'string') return result
        // The old layout has no expiry of a fixed length.
        const refuse = async () => mismatch(await read(pair), version)
        return (await write(pair, { bytes: result.bytes, expiresAt }, begin, refuse)) ?? 'touched'
      }
      return 'gone'
    },

    async remove({ written, other }, begin) {
      await begin()
      let removed = false
      // The written one last, so that a crash in between does not bring back an older record.
      for (const path of [other, written]) {
        if (!(await unlinkIfThere(path))) continue
        removed = true
        uncounted--
      }
      if (fsync) await syncDirectory(root)
      return removed
    },

    async removeExpired(path) {
      const removed = await remove(path, (expiresAt) => !isLive({ expiresAt }))
      if (removed) uncounted--
      return removed
    },
  }
}

/** Undefined: there is no file. */
function bodyOf(path: string): Promise<Buffer | undefined> {
  return unlessMissing(() => readFile(path))
}

async function isThere(path: string): Promise<boolean> {
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

/** An update of cachelib leaves the count of the older version behind, so the newer count decides. */
function hashOfCount(root: string): CachelibHash | undefined {
  const writtenAt = (hash: CachelibHash) =>
    statSync(join(root, COUNT_FILE[hash]), { throwIfNoEntry: false })?.mtimeMs ?? -1
  const [md5, sha256] = [writtenAt('md5'), writtenAt('sha256')]
  if (md5 === -1 && sha256 === -1) return undefined
  return md5 > sha256 ? 'md5' : 'sha256'
}

function hashOfNames(names: readonly string[]): CachelibHash | undefined {
  const found = new Set(names.map(hashOfName))
  return found.has('sha256') ? 'sha256' : found.has('md5') ? 'md5' : undefined
}
