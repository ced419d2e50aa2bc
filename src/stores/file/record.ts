/**
 * A session in a file: the 7 bytes `vialrec`, the number of the format, the expiry as a big-endian double (ms since the
 * epoch), then the bytes. The expiry is aligned, so that one write changes it in place.
 *
 * @module
 */

import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, statSync } from 'node:fs'
import { type FileHandle, open, readdir, readFile, rename, stat, unlink } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { StoredRecord, Version } from '../../core/store.ts'
import { ConfigError, isSessionError } from '../../errors.ts'
import { storeError } from '../shared/failure.ts'

/** What a file holds. */
export interface FileRecord {
  readonly bytes: Uint8Array
  readonly expiresAt: number
}

const MAGIC: Buffer = Buffer.from('vialrec\u0001', 'latin1')
/** Where the expiry begins in a file. */
export const EXPIRY_AT = 8
const HEADER_BYTES = 16
/** Age from which a temporary file is a leftover, in ms: no write takes this long. */
const LEFTOVER_AFTER = 60_000

/** A failure that its message describes, without a code of the system. */
export class FileError extends Error {
  readonly retriable: boolean

  constructor(message: string, retriable: boolean) {
    super(message)
    this.retriable = retriable
  }
}

/**
 * Makes the directory if it is missing and returns its absolute path, so that a later change of the working directory
 * has no effect.
 *
 * @param store The name of the store's function, for messages.
 * @param refused Bits of the mode that the directory must not have.
 * @throws {ConfigError} When it cannot be made, is not a directory, or has a refused right.
 */
export function prepareDirectory(directory: string, store: string, refused: number): string {
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
  // The mode is not changed here, as the directory may be /tmp. On Windows it says nothing: it is always 0o666.
  if (process.platform !== 'win32' && (mode & refused) !== 0) {
    throw new ConfigError(
      `${store}: other users may write to ${name} and could plant sessions. Run chmod go-w on it, or give the name of a new folder inside it.`,
    )
  }
  return root
}

/**
 * The file of an id below `root`. Its name is a digest: file systems treat case, dots and slashes of an id differently,
 * and a listing of the directory must not show ids.
 */
export function pathOf(root: string, id: string): string {
  const name = createHash('sha256').update(id).digest('hex')
  return join(root, name.slice(0, 2), name)
}

/** Reads the body of a file. @throws {FileError} When it is not a record. */
export function parseRecord(body: Buffer): FileRecord {
  if (body.length < HEADER_BYTES || !body.subarray(0, EXPIRY_AT).equals(MAGIC)) {
    const what = 'a file that is not a session record, is damaged, or has a newer format'
    throw new FileError(what, false)
  }
  const length = body.length - HEADER_BYTES
  const bytes = new Uint8Array(body.buffer, body.byteOffset + HEADER_BYTES, length)
  return { bytes, expiresAt: body.readDoubleBE(EXPIRY_AT) }
}

/** The body of the file of a record. */
export function encodeRecord({ bytes, expiresAt }: FileRecord): Buffer {
  return Buffer.concat([MAGIC, encodeExpiry(expiresAt), bytes])
}

/** The bytes at {@link EXPIRY_AT}. */
export function encodeExpiry(expiresAt: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleBE(expiresAt)
  return bytes
}

/** Resolves to undefined when there is no file. Needs no lock, as a file is replaced as a whole. */
export async function readRecord(path: string): Promise<FileRecord | undefined> {
  const body = await unlessMissing(() => readFile(path))
  return body && parseRecord(body)
}

/** Reads only the header. Resolves to undefined when there is no file. */
export function readExpiry(path: string): Promise<number | undefined> {
  return withFile(path, 'r', async (file) => {
    const header = Buffer.alloc(HEADER_BYTES)
    const { bytesRead } = await file.read(header, 0, HEADER_BYTES, 0)
    return parseRecord(header.subarray(0, bytesRead)).expiresAt
  })
}

/** Writes some bytes of a file in place. */
export async function overwrite(
  file: FileHandle,
  bytes: Uint8Array,
  at: number,
  fsync: boolean,
): Promise<void> {
  const { bytesWritten } = await file.write(bytes, 0, bytes.length, at)
  if (bytesWritten !== bytes.length) throw Object.assign(new Error('short write'), { code: 'EIO' })
  if (fsync) await file.datasync()
}

/**
 * Replaces a file as a whole: after a crash or a power loss it is the old one or the new one. The caller holds its lock,
 * and syncs the directory afterwards.
 *
 * @param temporary A path that no other writer uses, on the same file system. A crash may leave it there.
 * @param refuse Runs when everything is written. If it throws or resolves to an answer, nothing has changed, and the
 * answer is the result.
 */
export async function replaceFile<T>(
  path: string,
  temporary: string,
  body: Uint8Array,
  { fsync, mode = 0o600 }: { readonly fsync: boolean; readonly mode?: number },
  refuse: () => Promise<T | undefined>,
): Promise<T | undefined> {
  const file = await open(temporary, 'wx', mode)
  try {
    try {
      // `open` subtracts the umask.
      if (mode !== 0o600) await file.chmod(mode)
      await file.writeFile(body)
      if (fsync) await file.sync()
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

/** A name for a temporary file: 16 hexadecimal digits. */
export function randomName(): string {
  return randomBytes(8).toString('hex')
}

/** The version is the content, so that a write of any other program changes it. */
export function toStored({ bytes, expiresAt }: FileRecord): StoredRecord {
  return { bytes, version: bytes, expiresAt }
}

/** What a conditional verb answers when the live record is not the version that was read; undefined when it is. */
export function mismatch(
  record: FileRecord | undefined,
  version: Version,
): 'gone' | 'conflict' | undefined {
  if (record === undefined) return 'gone'
  const same = version instanceof Uint8Array && Buffer.compare(record.bytes, version) === 0
  return same ? undefined : 'conflict'
}

/** Whether a temporary file was left by a process that crashed. */
export async function isLeftover(path: string): Promise<boolean> {
  const stats = await unlessMissing(() => stat(path))
  return stats !== undefined && Date.now() - stats.mtimeMs > LEFTOVER_AFTER
}

/** Resolves to whether there was a file to remove. */
export async function unlinkIfThere(path: string): Promise<boolean> {
  return (await unlessMissing(() => unlink(path).then(() => true))) ?? false
}

/** The names in a directory; none when it is missing. */
export async function namesIn(directory: string): Promise<string[]> {
  return (await unlessMissing(() => readdir(directory))) ?? []
}

/** Makes renames and removals in a directory survive a power loss, where the system can. */
export async function syncDirectory(path: string): Promise<void> {
  // Windows cannot open a directory; its file system keeps a journal.
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

/** Resolves to undefined when the operation meets a missing file. */
export async function unlessMissing<T>(operation: () => Promise<T>): Promise<T | undefined> {
  try {
    return await operation()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Opens a file for one use. Resolves to undefined when it is missing. */
export async function withFile<T>(
  path: string,
  flags: 'r' | 'r+',
  use: (file: FileHandle) => Promise<T>,
): Promise<T | undefined> {
  const file = await unlessMissing(() => open(path, flags))
  if (file === undefined) return undefined
  try {
    return await use(file)
  } finally {
    await file.close()
  }
}

/** Codes of failures that may pass without a change to the program or to the server's set-up. */
const TRANSIENT = new Set<unknown>(
  'EAGAIN EBUSY EDQUOT EINTR EMFILE EMLINK ENFILE ENOENT ENOMEM ENOSPC ESTALE ETIMEDOUT'.split(' '),
)

/**
 * Gives the function that turns a failure into the error of a verb. No path below `directory` is in it, as the name of a
 * file is a digest of an id.
 */
export function fileFailures(
  store: string,
  directory: string,
): (operation: string, error: unknown, begun?: boolean) => Error {
  return (operation, error, begun = false) => {
    if (isSessionError(error)) return error
    const { what, retriable, cause } = classify(error)
    const where = `${what} in ${JSON.stringify(directory)}`
    const failure = { what: where, sent: begun, done: undefined, retriable, cause }
    return storeError(store, operation, failure)
  }
}

function classify(error: unknown): { what: string; retriable: boolean; cause?: unknown } {
  if (error instanceof FileError) return { what: error.message, retriable: error.retriable }
  const { code, errno, syscall } = error as NodeJS.ErrnoException
  if (code === undefined) return { what: 'an unexpected error', retriable: false, cause: error }
  const what = syscall === undefined ? code : `${code} on ${syscall}`
  const cause = Object.assign(new Error(what), { code, errno, syscall })
  return { what, retriable: TRANSIENT.has(code), cause }
}
