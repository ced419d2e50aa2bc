/**
 * Sessions in a directory, one file each: for one machine and any number of processes. A crash, a kill or a full disk
 * loses nothing that was acknowledged. The name of a file is a digest of the id.
 *
 * @module
 */

import { basename, dirname, join } from 'node:path'
import type { AsyncStore } from '../../core/store.ts'
import {
  EXPIRY_AT,
  encodeExpiry,
  encodeRecord,
  mismatch,
  overwrite,
  parseRecord,
  pathOf,
  randomName,
  readExpiry,
  readRecord,
  replaceFile,
  syncDirectory,
  unlinkIfThere,
  withFile,
} from './record.ts'
import {
  type Directory,
  type FileStoreOptions,
  fileVerbs,
  type RecordFiles,
  removeIf,
} from './verbs.ts'

export type { FileStoreOptions } from './verbs.ts'

const RECORD = /^[0-9a-f]{64}$/
const TEMPORARY = /^[0-9a-f]{64}\.[0-9a-f]+\.tmp$/
const SHARDS = 256

/**
 * Keeps sessions in `directory`. If it is missing, it is made for its owner alone. Other users may read an existing
 * directory, as the folders inside are closed to them; they must not write to it, as they could plant sessions.
 *
 * A lock for each session lets one writer in at a time. The lock of a killed process is broken within milliseconds; where
 * the process cannot be checked, as it runs on another machine or in another container, after ten seconds. A program that
 * writes these files without the locks may be overwritten.
 *
 * @throws {ConfigError} When the directory cannot be made, is not a directory, or other users may write to it.
 */
export function fileStore(directory: string, options: FileStoreOptions = {}): AsyncStore {
  const verbs = fileVerbs('fileStore', directory, 0o022, 'owners', options, shardedFiles)
  return { name: 'file', atomic: true, ...verbs }
}

/** The files of this store in 256 folders. The place of a record is its path. */
function shardedFiles({ root, locks, fsync, now }: Directory): RecordFiles<string> {
  let nextShard = 0
  const isLive = (record: { readonly expiresAt: number }) => record.expiresAt > now()
  // A temporary file begins with the name of its record.
  const lockOf = (path: string) => join(dirname(path), `${basename(path).slice(0, 64)}.lock`)

  async function isExpired(path: string): Promise<boolean> {
    const expiresAt = await readExpiry(path)
    return expiresAt !== undefined && !isLive({ expiresAt })
  }

  return {
    placeOf: (id) => pathOf(root, id),
    lockOf,
    isRecord: (name) => RECORD.test(name),
    temporary: TEMPORARY,

    hold: (path, signal, body, meanwhile) => locks.hold(lockOf(path), { signal }, body, meanwhile),

    async read(path) {
      const record = await readRecord(path)
      return record && isLive(record) ? record : undefined
    },

    async write(path, record, begin) {
      // No second comparison: every writer holds the lock.
      await replaceFile(path, `${path}.${randomName()}.tmp`, encodeRecord(record), { fsync }, begin)
      if (fsync) await syncDirectory(dirname(path))
      return undefined
    },

    async touch(path, expiresAt, version, begin) {
      const result = await withFile(path, 'r+', async (file) => {
        const record = parseRecord(await file.readFile())
        const refused = mismatch(isLive(record) ? record : undefined, version)
        if (refused !== undefined) return refused
        await begin()
        await overwrite(file, encodeExpiry(expiresAt), EXPIRY_AT, fsync)
        return 'touched'
      })
      return result ?? 'gone'
    },

    async remove(path, begin) {
      await begin()
      const removed = await unlinkIfThere(path)
      // Also without a file: an earlier removal may have failed before it reached the disk.
      if (fsync) await syncDirectory(dirname(path))
      return removed
    },

    /** Each sweep goes on behind the folder where the one before ended. */
    *folders() {
      for (let turn = 0; turn < SHARDS; turn++) {
        const shard = nextShard++ % SHARDS
        yield join(root, shard.toString(16).padStart(2, '0'))
      }
    },

    removeExpired: (path) => removeIf(locks, lockOf(path), path, () => isExpired(path)),
  }
}
