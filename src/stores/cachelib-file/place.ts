/**
 * The two files that an id may be in, one for each way in which cachelib has named them. One is written, both are read.
 *
 * @module
 */

import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { StoreOutcome } from '../../errors.ts'
import { type FileRecord, isMissing, isSame, syncDirectory, unlinkIfThere } from '../file/record.ts'
import { type CachelibDirectory, fileAt, isThere } from './directory.ts'
import { type CachelibHash, type CachelibRecord, fileNameOf, headOf, parseFile } from './record.ts'

/** Where an id is kept. */
export interface Place {
  readonly names: Readonly<Record<CachelibHash, string>>
  readonly written: CachelibHash
  /** The path that is written. */
  readonly first: string
  /** That of the other version of cachelib. */
  readonly second: string
}

/** Where a write stands. */
export interface Step {
  /** What is known when it fails now. */
  outcome: StoreOutcome
  /** How many files more there are. */
  delta: number
  /** Makes sure that the locks are still held; from here on a failure may leave something behind. */
  begin(): Promise<void>
}

/** What is done to a place. All but `read` under its locks. */
export interface CachelibPlaces {
  of(id: string): Place
  /** The live record there. */
  read(place: Place): Promise<CachelibRecord | undefined>
  /** Writes a record, or ends it when its deadline is not in the future. When `refuse` gives an answer, does neither. */
  put<T>(
    place: Place,
    record: FileRecord,
    step: Step,
    refuse: () => Promise<T | undefined>,
  ): Promise<T | undefined>
  /** Moves the deadline of a live record, if there is one. */
  touch(place: Place, expiresAt: number, step: Step): Promise<boolean>
  /** Resolves to whether there was a file. */
  remove(place: Place, step: Step): Promise<boolean>
}

export function cachelibPlaces(
  root: string,
  files: CachelibDirectory,
  { fsync, now }: { readonly fsync: boolean; readonly now: () => number },
): CachelibPlaces {
  const isLive = (record: { readonly expiresAt: number }) => record.expiresAt > now()

  async function read({ first, second }: Place): Promise<CachelibRecord | undefined> {
    // The first again, for a record that was moved there from the second meanwhile.
    for (const path of [first, second, first]) {
      const body = await fileAt(path)
      const record = body && parseFile(body)
      if (record !== undefined && isLive(record)) return record
    }
    return undefined
  }

  async function remove({ first, second }: Place, step: Step): Promise<boolean> {
    await step.begin()
    let removed = false
    // The one that counts last, so that a crash between them brings back nothing older.
    for (const path of [second, first]) {
      if (!(await unlinkIfThere(path))) continue
      removed = true
      step.delta--
    }
    if (fsync) await syncDirectory(root)
    return removed
  }

  async function put<T>(
    place: Place,
    record: FileRecord,
    step: Step,
    refuse: () => Promise<T | undefined>,
  ): Promise<T | undefined> {
    const early = await refuse()
    if (early !== undefined) return early
    if (!isLive(record)) {
      await remove(place, step)
      return undefined
    }
    let isNew = false
    const late = await files.write(
      place.first,
      [headOf(record.expiresAt), record.bytes],
      async () => {
        isNew = !(await isThere(place.first))
        // Again, as late as can be: Flask takes no lock.
        const refused = await refuse()
        if (refused === undefined) await step.begin()
        return refused
      },
    )
    if (late !== undefined) return late
    if (isNew) step.delta++
    if (await unlinkIfThere(place.second)) step.delta--
    if (fsync) await syncDirectory(root)
    return undefined
  }

  /** Rewrites four bytes in place, so that nothing that Flask writes meanwhile is undone. An old layout is handed back. */
  async function moveDeadline(
    path: string,
    expiresAt: number,
    step: Step,
  ): Promise<'moved' | 'gone' | CachelibRecord> {
    try {
      const file = await open(path, 'r+')
      try {
        const record = parseFile(await file.readFile())
        if (record === undefined || !isLive(record)) return 'gone'
        if (record.old) return record
        await step.begin()
        const head = headOf(expiresAt)
        const { bytesWritten } = await file.write(head, 0, head.length, 0)
        if (bytesWritten !== head.length) {
          throw Object.assign(new Error('short write'), { code: 'EIO' })
        }
        if (fsync) await file.datasync()
        return 'moved'
      } finally {
        await file.close()
      }
    } catch (error) {
      if (isMissing(error)) return 'gone'
      throw error
    }
  }

  async function touch(place: Place, expiresAt: number, step: Step): Promise<boolean> {
    if (!isLive({ expiresAt })) return (await read(place)) ? remove(place, step) : false
    for (const path of [place.first, place.second]) {
      const moved = await moveDeadline(path, expiresAt, step)
      if (moved === 'moved') return true
      if (moved === 'gone') continue
      const { bytes } = moved
      const refused = await put(place, { bytes, expiresAt }, step, async () => {
        const record = await read(place)
        if (record === undefined) return 'gone'
        return isSame(record, bytes) ? undefined : 'changed'
      })
      // Who changed it meanwhile has moved the deadline, too.
      return refused !== 'gone'
    }
    return false
  }

  return {
    of(id) {
      const names = { md5: fileNameOf(id, 'md5'), sha256: fileNameOf(id, 'sha256') }
      const written = files.hash
      const other = written === 'md5' ? 'sha256' : 'md5'
      return { names, written, first: join(root, names[written]), second: join(root, names[other]) }
    },
    read,
    put,
    touch,
    remove,
  }
}
