/**
 * A record in a file: 7 bytes `vialrec`, the format's number, the deadline as a big-endian double (ms since the epoch),
 * then the bytes. The deadline lies aligned, so that it can be rewritten in place by one write.
 *
 * @module
 */

import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, statSync } from 'node:fs'
import { type FileHandle, open, readdir, readFile, rename, stat, unlink } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { StoredRecord, Version } from '../../core/store.ts'
import { ConfigError, StoreError, type StoreOutcome } from '../../errors.ts'

/** What a file holds. */
export interface FileRecord {
  readonly bytes: Uint8Array
  readonly expiresAt: number
}

const MAGIC: Buffer = Buffer.from('vialrec\u0001', 'latin1')
const DEADLINE_AT = 8
const HEADER_BYTES = 16
const LEFT_OVER_AFTER = 60_000

/** A failure that is told in its own words, not by a system's code. */
export abstract class FileError extends Error {
  abstract readonly retriable: boolean
}

/** A file in the place of a record that is not one of ours, or was cut off. */
export class NotARecordError extends FileError {
  override readonly message = 'a file there is no session record, or damaged, or of a newer format'
  readonly retriable = false
}

/**
 * Makes the directory when it is missing. Resolves its path, so that a later change of the working directory is harmless.
 *
 * @param store Whose directory it is, for messages.
 * @param refused The rights, as bits of a mode, that nobody may have.
 * @throws {ConfigError} When it cannot be made, is not a directory, or others may write to it.
 */
export function prepareDirectory(
  directory: string,
  store: string = 'fileStore',
  refused: number = 0o022,
): string {
  const root = resolve(directory)
  const name = JSON.stringify(root)
  let mode: number
  try {
    mkdirSync(root, { recursive: true, mode: 0o700 })
    mode = statSync(root).mode
  } catch (error) {
    throw new ConfigError(`${store}: ${name} is not a directory and cannot be made one.`, {
      cause: error,
    })
  }
  // Not made tighter here: it may be /tmp. Windows has other rights and always answers 0o666.
  if (process.platform !== 'win32' && (mode & refused) !== 0) {
    throw new ConfigError(
      `${store}: others may write to ${name} and so could plant sessions. Run chmod go-w on it, or name a folder inside that does not exist yet.`,
    )
  }
  return root
}

/** Where the record of an id is kept, below `root`. */
export function pathOf(root: string, id: string): string {
  const hash = createHash('sha256')
  // A lone surrogate has no UTF-8, so such an id goes in as UTF-16, after a byte that UTF-8 never has.
  if (/\p{Surrogate}/u.test(id)) hash.update(Uint8Array.of(0xff)).update(id, 'utf16le')
  else hash.update(id, 'utf8')
  const name = hash.digest('hex')
  return join(root, name.slice(0, 2), name)
}

/** Resolves to undefined when there is no file. Takes no lock: a file is replaced as a whole. */
export async function readRecord(path: string): Promise<FileRecord | undefined> {
  let body: Buffer
  try {
    body = await readFile(path)
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
  const expiresAt = parseHeader(body)
  const bytes = new Uint8Array(
    body.buffer,
    body.byteOffset + HEADER_BYTES,
    body.length - HEADER_BYTES,
  )
  return { bytes, expiresAt }
}

/** Reads no more than the header. Resolves to undefined when there is no file. */
export async function readDeadline(path: string): Promise<number | undefined> {
  return withFile(path, 'r', readHeader)
}

/**
 * Lets a record move to another deadline by rewriting eight bytes in place. The caller holds the lock.
 *
 * @param choose Gives the new deadline from the old one; undefined leaves it.
 */
export async function moveDeadline(
  path: string,
  fsync: boolean,
  choose: (from: number) => Promise<number | undefined>,
): Promise<void> {
  await withFile(path, 'r+', async (file) => {
    const to = await choose(await readHeader(file))
    if (to === undefined) return
    const { bytesWritten } = await file.write(deadlineBytes(to), 0, 8, DEADLINE_AT)
    if (bytesWritten !== 8) throw Object.assign(new Error('short write'), { code: 'EIO' })
    if (fsync) await file.datasync()
  })
}

/**
 * Replaces a file as a whole: after a crash or a loss of power it is the old or the new one. The caller holds the lock.
 *
 * @param beforeRename Runs when all is written; when it throws, nothing has changed.
 */
export async function writeRecord(
  path: string,
  { bytes, expiresAt }: FileRecord,
  fsync: boolean,
  beforeRename: () => Promise<void>,
): Promise<void> {
  const temporary = `${path}.${randomBytes(8).toString('hex')}.tmp`
  const file = await open(temporary, 'wx', 0o600)
  try {
    try {
      await file.writeFile(Buffer.concat([MAGIC, deadlineBytes(expiresAt), bytes]))
      if (fsync) await file.sync()
    } finally {
      await file.close()
    }
    await beforeRename()
    await rename(temporary, path)
  } catch (error) {
    // What cannot be removed now is left to a sweep; the first error is the one to tell.
    await unlink(temporary).catch(() => undefined)
    throw error
  }
  if (fsync) await syncDirectory(dirname(path))
}

/** What a reader gets. The version is the content, so every foreign write changes it. */
export function toStored({ bytes, expiresAt }: FileRecord): StoredRecord {
  return { bytes, version: bytes, expiresAt }
}

/** Whether a record still is what was read. */
export function isSame({ bytes }: FileRecord, version: Version): boolean {
  return version instanceof Uint8Array && Buffer.compare(bytes, version) === 0
}

/** Whether a temporary file is older than any write takes. */
export async function isLeftOver(path: string): Promise<boolean> {
  try {
    return Date.now() - (await stat(path)).mtimeMs > LEFT_OVER_AFTER
  } catch (error) {
    if (isMissing(error)) return false
    throw error
  }
}

/** Resolves to whether there was a file to remove. */
export async function unlinkIfThere(path: string): Promise<boolean> {
  try {
    await unlink(path)
    return true
  } catch (error) {
    if (isMissing(error)) return false
    throw error
  }
}

/** Makes renames and removals in a directory outlive a loss of power, where the system can. */
export async function syncDirectory(path: string): Promise<void> {
  // Windows opens no directories; its file system keeps its own journal.
  if (process.platform === 'win32') return
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EINVAL' && code !== 'ENOTSUP') throw error
  } finally {
    await directory.close()
  }
}

/** The names in a directory; none when it is not there. */
export async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory)
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
}

/** Failures that may pass without a change to the program or to the server's set-up. */
const PASSING = new Set<unknown>(
  'EAGAIN EBUSY EDQUOT EINTR EMFILE EMLINK ENFILE ENOENT ENOMEM ENOSPC ESTALE ETIMEDOUT'.split(' '),
)

/** Tells what failed without any path below the directory, as such a path holds a digest of the id. */
export function toStoreError(
  error: unknown,
  operation: string,
  directory: string,
  outcome: StoreOutcome,
  store: string = 'fileStore',
): StoreError {
  const say = (what: string, retriable: boolean, cause?: unknown) =>
    new StoreError(`${store}: ${operation} in ${JSON.stringify(directory)} failed: ${what}`, {
      operation,
      outcome,
      retriable,
      cause,
    })
  if (error instanceof FileError) return say(`${error.message}.`, error.retriable)
  const { code, errno, syscall } = error as NodeJS.ErrnoException
  if (code === undefined) return say('an unexpected error.', false, error)
  const what = syscall === undefined ? code : `${code} on ${syscall}`
  return say(
    `${what}.`,
    PASSING.has(code),
    Object.assign(new Error(what), { code, errno, syscall }),
  )
}

/** Whether a file system's error says that there is no such file. */
export function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT'
}

async function withFile<T>(
  path: string,
  flags: 'r' | 'r+',
  use: (file: FileHandle) => Promise<T>,
): Promise<T | undefined> {
  let file: FileHandle
  try {
    file = await open(path, flags)
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
  try {
    return await use(file)
  } finally {
    await file.close()
  }
}

async function readHeader(file: FileHandle): Promise<number> {
  const header = Buffer.alloc(HEADER_BYTES)
  const { bytesRead } = await file.read(header, 0, HEADER_BYTES, 0)
  return parseHeader(header.subarray(0, bytesRead))
}

function parseHeader(body: Buffer): number {
  if (body.length < HEADER_BYTES || !body.subarray(0, DEADLINE_AT).equals(MAGIC)) {
    throw new NotARecordError()
  }
  return body.readDoubleBE(DEADLINE_AT)
}

function deadlineBytes(expiresAt: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleBE(expiresAt)
  return bytes
}
