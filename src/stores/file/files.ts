/** Operations on files that a crash does not leave half done, and what their failures mean. */

import { type FileHandle, open, readdir, rename, unlink } from 'node:fs/promises'
import { isSessionError } from '../../errors.ts'
import { refused, storeError } from '../shared/failure.ts'

/** A failure that its message describes, without a code of the system. Nothing was done. */
export class FileError extends Error {
  readonly retriable: boolean

  constructor(message: string, retriable: boolean) {
    super(message)
    this.retriable = retriable
  }
}

/** Another writer has the lock, so nothing was done. */
export class LockedError extends FileError {}

/**
 * Replaces a file as a whole: after a crash or a power loss it is the old one or the new one. The caller syncs the
 * directory afterwards.
 *
 * @param temporary A path that no other writer uses, on the same file system. A crash may leave a file there. A process
 * that breaks the lock of this one removes it.
 * @param refuse Runs when everything is written. If it throws or resolves to an answer, nothing has changed, and the
 * answer is the result.
 * @throws {FileError} When the temporary file was removed.
 */
export async function replaceFile<T>(
  path: string,
  temporary: string,
  body: Uint8Array,
  { fsync, mode = 0o600 }: { readonly fsync: boolean; readonly mode?: number | undefined },
  refuse: () => Promise<T | undefined> = async () => undefined,
): Promise<T | undefined> {
  try {
    const file = await open(temporary, 'w', mode)
    try {
      // `open` subtracts the umask.
      if (mode !== 0o600) await file.chmod(mode)
      await file.writeFile(body)
      if (fsync) await file.sync()
    } finally {
      await file.close()
    }
    const refused = await refuse()
    if (refused !== undefined) {
      await unlink(temporary)
    } else if (!(await unlessMissing(() => rename(temporary, path).then(() => true)))) {
      throw new LockedError('the lock was broken, as this process stood still for too long', true)
    }
    return refused
  } catch (error) {
    // If this fails too, a sweep removes the file. The first error is the one to report.
    await unlink(temporary).catch(() => undefined)
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

/** Codes of failures that may pass without a change to the program or to the server's set-up. */
const TRANSIENT = new Set<unknown>(
  'EAGAIN EBUSY EDQUOT EINTR EMFILE EMLINK ENFILE ENOENT ENOMEM ENOSPC ESTALE ETIMEDOUT'.split(' '),
)

/**
 * Makes the error of a failed verb. No path below `directory` is in it, as the name of a file is a digest of an id.
 *
 * @param begun Whether something may have been done.
 */
export function fileFailure(
  store: string,
  directory: string,
  operation: string,
  error: unknown,
  begun: boolean,
): Error {
  if (isSessionError(error)) return error
  const where = `in ${JSON.stringify(directory)}`
  if (error instanceof FileError) {
    const what = `${error.message} ${where}`
    return storeError(store, operation, refused(what, error.retriable))
  }
  // The message holds the path.
  const { code, syscall } = error as NodeJS.ErrnoException
  const what =
    code === undefined ? 'an unexpected error' : [code, syscall].filter(Boolean).join(' on ')
  return storeError(store, operation, {
    what: `${what} ${where}`,
    sent: begun,
    done: undefined,
    retriable: TRANSIENT.has(code),
    cause: error,
  })
}
