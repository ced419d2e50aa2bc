/**
 * What an error of MongoDB's driver means: whether the write may have happened, whether it may succeed later, and what
 * to do.
 *
 * @module
 */

import { type Failure, refused, uncertain } from '../shared/failure.ts'

/** What is read of an error; every field may be absent. */
interface DriverError {
  readonly name?: string
  readonly code?: unknown
  readonly codeName?: string
  readonly message?: string
  /** In errors of a socket. */
  readonly syscall?: string
  readonly cause?: unknown
  /** True: the connection was not ready yet. */
  readonly beforeHandshake?: boolean
  /** The state of the servers, when none could be chosen. */
  readonly reason?: { readonly type?: string }
}

/** A failure that the store found itself. */
export class KnownFailure extends Error {
  readonly failure: Failure

  constructor(failure: Failure) {
    super(failure.what)
    this.failure = failure
  }
}

/** The document was written neither by this store nor by Flask-Session. */
export const NOT_A_RECORD: Failure = refused(
  'the document is not a session record, as its `val` is not binary. Use a collection that holds nothing but sessions',
)

/** The record was written between all attempts to remove it, or removed between all attempts to make it. */
export const CONTENDED: Failure = refused(
  'other writers changed the record between all attempts',
  true,
)

/** The server is not the primary, or not any more, so it did nothing. */
const NOT_PRIMARY = new Set<unknown>([10_058, 10_107, 13_435, 13_436])
/** The server stopped the operation while it ran. */
const STOPPED = new Set<unknown>([50, 64, 89, 91, 189, 262, 11_600, 11_602])
const TOO_LARGE = new Set<unknown>([10_334, 17_419, 17_420])
const NO_RIGHTS = new Set<unknown>([13, 18])
/** The answer of a standalone server and of Amazon DocumentDB to a write with a transaction number. */
const NO_RETRYABLE_WRITES = new Set<unknown>([20, 301])
const OTHER_INDEX = new Set<unknown>([85, 86])
const DISK_FULL = 14_031
const DUPLICATE = 11_000
const WRITE_CONFLICT = 112

/** Whether a unique index refused the document. */
export function isDuplicate(error: unknown): boolean {
  return (error as DriverError).code === DUPLICATE
}

/** Whether the server undid the write for the sake of another writer and would do it now. */
export function isWriteConflict(error: unknown): boolean {
  return (error as DriverError).code === WRITE_CONFLICT
}

/** Whether the server refused the document because it would be too large. */
export function isTooLarge(error: unknown): boolean {
  return TOO_LARGE.has((error as DriverError).code)
}

/** Whether an index with other options exists in the place of the wanted one. */
export function isOtherIndex(error: unknown): boolean {
  return OTHER_INDEX.has((error as DriverError).code)
}

/**
 * Describes an error.
 *
 * @param key The value of `id`. The server's text may quote the document, so an error that holds it is not shown.
 * Undefined: the operation has no id.
 * @param retries The driver may have sent the write before, and does not report what became of that attempt.
 */
export function classifyError(error: unknown, key: string | undefined, retries: boolean): Failure {
  if (error instanceof KnownFailure) return error.failure
  const { message = '' } = error as DriverError
  const showsKey = key !== undefined && message.includes(key)
  return { ...meaningOf(error as DriverError, retries), ...(!showsKey && { cause: error }) }
}

function meaningOf(error: DriverError, retries: boolean): Failure {
  const { name = 'Error', code, codeName, syscall, reason } = error
  const codes = [name, code, codeName].filter((part) => part !== undefined).join(' ')
  /** Nothing was done by the last attempt. */
  const refusedNow = (what: string): Failure => (retries ? uncertain(what) : refused(what, true))

  if (NOT_PRIMARY.has(code)) return refusedNow(`the server is not the primary (${codes})`)
  if (code === WRITE_CONFLICT) {
    return refused(`other writers changed the record at the same time (${codes})`, true)
  }
  if (STOPPED.has(code)) return uncertain(`the server stopped the operation (${codes})`)
  if (NO_RIGHTS.has(code)) {
    return refused(
      `the server denied access (${codes}). Check the credentials, and grant the user the role readWrite on the database`,
    )
  }
  if (NO_RETRYABLE_WRITES.has(code)) {
    return refused(
      `the server refused the operation (${codes}). If it does not support retryable writes, create the client with \`retryWrites: false\``,
    )
  }
  if (code === DISK_FULL) return refused(`the disk of the server is full (${codes})`, true)
  switch (name) {
    case 'MongoServerSelectionError':
      // Type Unknown: the driver has never been connected, so there was no earlier attempt.
      return reason?.type === 'Unknown'
        ? refused('no server could be reached', true)
        : refusedNow('no primary could be reached')
    case 'MongoPoolClearedError':
    case 'MongoWaitQueueTimeoutError':
      return refusedNow(`no connection was available (${name})`)
    case 'MongoNetworkError':
    case 'MongoNetworkTimeoutError':
    case 'PoolClearedOnNetworkError':
      return isUnconnected(error)
        ? refusedNow(`the connection could not be opened (${name})`)
        : uncertain(`the connection was lost (${name})`)
    case 'MongoNotConnectedError':
    case 'MongoTopologyClosedError':
      return refused(`the client is closed (${name})`)
    case 'MongoOperationTimeoutError':
      return uncertain(`the operation took too long (${name})`)
    case 'MongoWriteConcernError':
      return uncertain(`too few members confirmed the write (${codes})`)
  }
  // Some errors of sockets come as they are.
  return uncertain(codes, syscall !== undefined)
}

/** Whether nothing was sent, as there was no connection to send it on. */
function isUnconnected({ beforeHandshake, cause }: DriverError): boolean {
  const { syscall } = (cause ?? {}) as DriverError
  return beforeHandshake === true || syscall === 'connect' || syscall === 'getaddrinfo'
}
