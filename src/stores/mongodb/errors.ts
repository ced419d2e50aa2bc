/**
 * What a failure of MongoDB's driver means: whether the write may have happened, whether it may succeed later, and what
 * to do.
 *
 * @module
 */

import { StoreError, type StoreOutcome } from '../../errors.ts'
import { NotARecordError } from './document.ts'

/** What is read of an error; every field may be absent. */
interface DriverError {
  readonly name?: string
  readonly code?: unknown
  readonly codeName?: string
  readonly message?: string
  /** Of a socket's error. */
  readonly syscall?: string
  readonly cause?: unknown
  /** True: the connection was not ready yet. */
  readonly beforeHandshake?: boolean
  /** Of the servers, when none could be chosen. */
  readonly reason?: { readonly type?: string }
}

/** A record that is written faster than it can be removed, or removed faster than it can be made. */
export class TooBusyError extends Error {}

/** Where an operation failed. */
export interface Failure {
  readonly operation: string
  /** Such as `app.sessions`. */
  readonly namespace: string
  /** The value of `id`, which must not be told; undefined: none is involved. */
  readonly key: string | undefined
  /** The driver may have sent the write before, in vain. */
  readonly resends: boolean
}

/** The server is no primary (any more), so it did nothing. */
const NOT_PRIMARY = new Set<unknown>([10_058, 10_107, 13_435, 13_436])
/** It was stopped in the middle of it. */
const STOPPED = new Set<unknown>([50, 64, 89, 91, 189, 262, 11_600, 11_602])
const TOO_LARGE = new Set<unknown>([10_334, 17_419, 17_420])
const NO_RIGHTS = new Set<unknown>([13, 18])
/** A write with a transaction number, which a server that is alone and Amazon DocumentDB do not take. */
const NO_RETRYABLE_WRITES = new Set<unknown>([20, 301])
const DISK_FULL = 14_031
const DUPLICATE = 11_000
/** WriteConflict: undone for the sake of another writer. MongoDB's own server tries again by itself. */
const UNDONE = 112

const READS = new Set(['read', 'list'])

/** Whether a unique index refused it. */
export function isDuplicate(error: unknown): boolean {
  return (error as DriverError).code === DUPLICATE
}

/** Whether the server did nothing, as another writer was at the same document, and would do it now. */
export function isUndone(error: unknown): boolean {
  return (error as DriverError).code === UNDONE
}

/** Whether the server refused it because the document would be too large. */
export function isTooLarge(error: unknown): boolean {
  return TOO_LARGE.has((error as DriverError).code)
}

/** Whether another index is in the place of the wanted one. */
export function isOtherIndex(error: unknown): boolean {
  const { code } = error as DriverError
  return code === 85 || code === 86
}

export function toStoreError(error: unknown, failure: Failure): StoreError {
  const { operation, namespace, key } = failure
  const { outcome, retriable, what } = describe(error, failure)
  const { message = '' } = error as DriverError
  const tells = key !== undefined && message.includes(key)
  return new StoreError(`mongodbStore: ${operation} in ${namespace} failed: ${what}`, {
    operation,
    outcome: READS.has(operation) ? 'not-done' : outcome,
    retriable,
    // The server's text may quote the document.
    ...(!tells && { cause: error }),
  })
}

interface Description {
  readonly outcome: StoreOutcome
  readonly retriable: boolean
  readonly what: string
}

function describe(error: unknown, { resends }: Failure): Description {
  const { name = 'Error', code, codeName, reason } = error as DriverError
  const notDone = (retriable: boolean, what: string): Description => ({
    outcome: 'not-done',
    retriable,
    what,
  })
  /** This time it was not done; the driver does not tell of the time before. */
  const notDoneNow = (what: string): Description => ({
    outcome: resends ? 'unknown' : 'not-done',
    retriable: true,
    what,
  })
  const unknown = (retriable: boolean, what: string): Description => ({
    outcome: 'unknown',
    retriable,
    what,
  })
  if (error instanceof NotARecordError) {
    return notDone(
      false,
      'the document is no session record: `val` has to be binary. Use a collection of its own.',
    )
  }
  if (error instanceof TooBusyError) return notDone(true, 'others write the record too fast.')
  const said = [name, code, codeName].filter((part) => part !== undefined).join(' ')
  if (NOT_PRIMARY.has(code)) return notDoneNow(`the server is not the primary (${said}).`)
  if (code === UNDONE) return notDone(true, `others wrote the record at the same moment (${said}).`)
  if (STOPPED.has(code)) return unknown(true, `the server stopped it (${said}).`)
  if (NO_RIGHTS.has(code)) {
    return notDone(
      false,
      `the user may not do it (${said}). Grant it the role readWrite on the database.`,
    )
  }
  if (NO_RETRYABLE_WRITES.has(code)) {
    return notDone(
      false,
      `the server refuses it (${said}). Where it takes no retryable writes, make the client with \`retryWrites: false\`.`,
    )
  }
  if (code === DISK_FULL) return notDone(true, `the server's disk is full (${said}).`)
  switch (name) {
    case 'MongoServerSelectionError':
      // Never connected, so there was no time before.
      return reason?.type === 'Unknown'
        ? notDone(true, 'no server can be reached.')
        : notDoneNow('no primary can be reached.')
    case 'MongoPoolClearedError':
    case 'MongoWaitQueueTimeoutError':
      return notDoneNow(`no connection could be had (${name}).`)
    case 'MongoNetworkError':
    case 'MongoNetworkTimeoutError':
    case 'PoolClearedOnNetworkError':
      return isUnconnected(error as DriverError)
        ? notDoneNow(`no connection could be made (${name}).`)
        : unknown(true, `the connection was lost (${name}).`)
    case 'MongoNotConnectedError':
    case 'MongoTopologyClosedError':
      return notDone(false, `the client is closed (${name}).`)
    case 'MongoOperationTimeoutError':
      return unknown(true, `it took too long (${name}).`)
    case 'MongoWriteConcernError':
      return unknown(true, `too few servers have it (${said}).`)
  }
  // The driver lets some errors of its sockets through as they are.
  const { syscall } = error as DriverError
  return unknown(syscall !== undefined, `${said}.`)
}

/** Whether nothing was sent, as there was no connection to send it on. */
function isUnconnected({ beforeHandshake, cause }: DriverError): boolean {
  const { syscall } = (cause ?? {}) as DriverError
  return beforeHandshake === true || syscall === 'connect' || syscall === 'getaddrinfo'
}

/** The error of a verb that was called with an aborted signal. */
export function abortedBefore(operation: string, namespace: string): StoreError {
  return new StoreError(`mongodbStore: ${operation} in ${namespace} was aborted before it began.`, {
    operation,
    outcome: 'not-done',
    retriable: true,
  })
}
