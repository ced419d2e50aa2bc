/**
 * Sessions in a directory, one file each: for one machine and any number of processes. A crash, a kill or a full disk
 * loses nothing that was acknowledged.
 *
 * A file holds the 7 bytes `vialrec`, the number of the format, the expiry as a big-endian double (ms since the epoch),
 * then the bytes. The expiry is aligned, so that one write changes it in place. The name of a file is the SHA-256 of the
 * id: file systems treat case, dots and slashes differently, and a listing of the directory must not show ids.
 *
 * @module
 */

import { createHash } from 'node:crypto'

import { join } from 'node:path'
import type { AsyncStore } from '../../core/store.ts'
import { FileError } from './files.ts'
import type { FileHead, FileStoreOptions } from './layout.ts'
import { fileVerbs } from './verbs.ts'

export type { FileStoreOptions } from './layout.ts'

const RECORD = /^[0-9a-f]{64}$/
const SHARDS = 256
const FORMAT = 1
const MAGIC: Buffer = Buffer.from([...Buffer.from('vialrec'), FORMAT])
const HEAD_BYTES = 16

/**
 * Keeps sessions in `directory`. If it is missing, it is made for its owner alone. Other users may read an existing
 * directory, as the folders inside are closed to them. They must not be able to write to it, or to put another one in its
 * place, as they could plant sessions: it, its parents and links to it have to be owned by root, by the user of this
 * process or by one of `owners`, and no other user may write to them, but for parents with the sticky bit such as `/tmp`.
 *
 * A lock for each session lets one writer in at a time. The lock of a killed process is broken within milliseconds; where
 * the process cannot be checked, as it runs on another machine or in another container, after ten seconds. A process that
 * only stood still for so long then fails to write, with the outcome `not-done`. One gap is left: when it stood still just
 * before a `delete` of a version, or before a sweep removed an expired record, it removes what another wrote meanwhile. A
 * program that writes these files without the locks may be overwritten.
 *
 * A damaged file is a record that cannot be read: its visitor gets a fresh session, and a sweep removes it. A file of a
 * newer format is refused with a `StoreError`.
 *
 * @throws {ConfigError} When the directory cannot be made, is not a directory, or another user could write to it or replace
 * it; when an option is invalid.
 */
export function fileStore(directory: string, options: FileStoreOptions = {}): AsyncStore {
  let nextShard = 0
  const verbs = fileVerbs('fileStore', directory, false, 'owners', options, ({ root }) => ({
    pathsOf(id) {
      const name = createHash('sha256').update(id).digest('hex')
      return [join(root, name.slice(0, 2), name)]
    },
    lockOf: (path) => `${path}.lock`,
    isRecord: (name) => RECORD.test(name),
    parseHead,
    encodeHead,

    /** Each sweep goes on behind the folder where the one before ended. */
    *folders() {
      for (let turn = 0; turn < SHARDS; turn++) {
        const shard = nextShard++ % SHARDS
        yield join(root, shard.toString(16).padStart(2, '0'))
      }
    },
  }))
  return { name: 'file', atomic: true, ...verbs }
}

function parseHead(body: Buffer): FileHead | undefined {
  const name = MAGIC.subarray(0, -1)
  if (body.length < HEAD_BYTES || !body.subarray(0, name.length).equals(name)) return undefined
  if (body.readUInt8(name.length) > FORMAT) {
    throw new FileError('a session was written by a newer version of vial. Update this one', false)
  }
  const expiresAt = body.readDoubleBE(MAGIC.length)
  return expiresAt > 0 ? { length: HEAD_BYTES, expiresAt } : undefined
}

function encodeHead(expiresAt: number): Buffer {
  const head = Buffer.alloc(HEAD_BYTES)
  MAGIC.copy(head)
  head.writeDoubleBE(expiresAt, MAGIC.length)
  return head
}
