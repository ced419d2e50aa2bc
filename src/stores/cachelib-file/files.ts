/**
 * The two files in which a session may be: cachelib named files by MD5 before 0.16 and by SHA-256 since. One name is
 * written, both are read.
 *
 * @module
 */

import { join } from 'node:path'
import type { Version } from '../../core/store.ts'
import {
  type FileRecord,
  mismatch,
  overwrite,
  syncDirectory,
  unlinkIfThere,
  withFile,
} from '../file/record.ts'
import { type CachelibDirectory, fileAt, isThere } from './directory.ts'
import {
  type CachelibHash,
  type CachelibRecord,
  encodeHead,
  encodeId,
  parseFile,
} from './format.ts'

/** The files of one id. */
export interface FilePair {
  readonly names: Readonly<Record<CachelibHash, string>>
  readonly hash: CachelibHash
  /** The path under the name that is written. */
  readonly written: string
  /** The path under the other name. */
  readonly other: string
}

/** How far a write has come. */
export interface WriteProgress {
  /** From here on a failure may have changed something. */
  begun: boolean
  /** By how much the number of files has changed. */
  delta: number
  /** Checks that the locks are still held, and sets `begun`. */
  begin(): Promise<void>
}

/** What is done to the files of an id. All but `read` is done under its locks. */
export interface CachelibFiles {
  of(id: string): FilePair
  /** Resolves to the live record; undefined: there is none. */
  read(pair: FilePair): Promise<CachelibRecord | undefined>
  /** Writes a record, or removes it when its expiry is not in the future, unless `refuse` resolves to an answer. */
  put<T>(
    pair: FilePair,
    record: FileRecord,
    progress: WriteProgress,
    refuse: () => Promise<T | undefined>,
  ): Promise<T | undefined>
  /** Moves the expiry of a live record that has this version. */
  touch(
    pair: FilePair,
    expiresAt: number,
    version: Version,
    progress: WriteProgress,
  ): Promise<'touched' | 'conflict' | 'gone'>
  /** Resolves to whether there was a file. */
  remove(pair: FilePair, progress: WriteProgress): Promise<boolean>
}

/** Keeps records in `root`. */
export function cachelibFiles(
  root: string,
  directory: CachelibDirectory,
  { fsync, now }: { readonly fsync: boolean; readonly now: () => number },
): CachelibFiles {
  const isLive = (record: { readonly expiresAt: number }) => record.expiresAt > now()

  async function read({ written, other }: FilePair): Promise<CachelibRecord | undefined> {
    // The written one twice: a record may be moved there from the other file in between.
    for (const path of [written, other, written]) {
      const body = await fileAt(path)
      const record = body && parseFile(body)
      if (record !== undefined && isLive(record)) return record
    }
    return undefined
  }

  async function remove({ written, other }: FilePair, progress: WriteProgress): Promise<boolean> {
    await progress.begin()
    let removed = false
    // The written one last, so that a crash in between does not bring back an older record.
    for (const path of [other, written]) {
      if (!(await unlinkIfThere(path))) continue
      removed = true
      progress.delta--
    }
    if (fsync) await syncDirectory(root)
    return removed
  }

  async function put<T>(
    pair: FilePair,
    record: FileRecord,
    progress: WriteProgress,
    refuse: () => Promise<T | undefined>,
  ): Promise<T | undefined> {
    const early = await refuse()
    if (early !== undefined) return early
    if (!isLive(record)) {
      await remove(pair, progress)
      return undefined
    }
    let isNew = false
    const body = [encodeHead(record.expiresAt), record.bytes]
    const late = await directory.write(pair.written, body, async () => {
      isNew = !(await isThere(pair.written))
      // Once more, as late as possible: Flask takes no lock.
      const refused = await refuse()
      if (refused === undefined) await progress.begin()
      return refused
    })
    if (late !== undefined) return late
    if (isNew) progress.delta++
    if (await unlinkIfThere(pair.other)) progress.delta--
    if (fsync) await syncDirectory(root)
    return undefined
  }

  /** Rewrites four bytes in place, which undoes nothing that Flask writes meanwhile. `old`: the layout has none. */
  async function changeExpiry(
    path: string,
    expiresAt: number,
    version: Version,
    progress: WriteProgress,
  ): Promise<'touched' | 'conflict' | 'gone' | 'old'> {
    const result = await withFile(path, 'r+', async (file) => {
      const record = parseFile(await file.readFile())
      const refused = mismatch(record && isLive(record) ? record : undefined, version)
      if (refused !== undefined) return refused
      if (record?.old) return 'old'
      await progress.begin()
      await overwrite(file, encodeHead(expiresAt), 0, fsync)
      return 'touched'
    })
    return result ?? 'gone'
  }

  return {
    of(id) {
      const names = { md5: encodeId(id, 'md5'), sha256: encodeId(id, 'sha256') }
      const { hash } = directory
      const other = hash === 'md5' ? 'sha256' : 'md5'
      return { names, hash, written: join(root, names[hash]), other: join(root, names[other]) }
    },

    read,
    put,

    async touch(pair, expiresAt, version, progress) {
      if (!isLive({ expiresAt })) {
        const refused = mismatch(await read(pair), version)
        if (refused === undefined) await remove(pair, progress)
        return refused ?? 'touched'
      }
      for (const path of [pair.written, pair.other]) {
        const result = await changeExpiry(path, expiresAt, version, progress)
        if (result === 'gone') continue
        if (result !== 'old') return result
        const bytes = version as Uint8Array
        const refuse = async () => mismatch(await read(pair), version)
        return (await put(pair, { bytes, expiresAt }, progress, refuse)) ?? 'touched'
      }
      return 'gone'
    },

    remove,
  }
}
