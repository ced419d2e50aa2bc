/**
 * What an error of MongoDB's driver means: whether the write may have happened, whether it may succeed later, and what
 * to do.
 */

import { type Failure, refused, uncertain } from '../shared/failure.ts'

/** What is read of an error; every field may be absent. */
interface DriverError {
  readonly name?: string
  readonly code?: unknown
  readonly codeName?: string
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

/** What became of a write: refused; refused, and may succeed later; refused by the last attempt; not known. */
type Effect = 'refused' | 'busy' | 'refused now' | 'uncertain'

/** What errors mean, by their code or name: what went wrong, and what became of the write. */
const MEANINGS: readonly (readonly [errors: readonly unknown[], what: string, effect: Effect])[] = [
  [[10_058, 10_107, 13_435, 13_436], 'the server is not the primary', 'refused now'],
  [[112, 365], 'other writers changed the record at the same time', 'busy'],
  [[50, 64, 89, 91, 189, 262, 11_600, 11_602], 'the server stopped the operation', 'uncertain'],
  [[13], 'the server denied access. Grant the user the role readWrite on the database', 'refused'],
  [
    [18],
    'the server refused the credentials. Check the user name, the password and authSource',
    'refused',
  ],
  [
    // The answer of a standalone server and of Amazon DocumentDB to a write with a transaction number.
    [20, 301],
    'the server refused the operation. If it does not support retryable writes, create the client with `retryWrites: false`',
    'refused',
  ],
  [[14_031], 'the disk of the server is full', 'busy'],
  [
    ['MongoPoolClearedError', 'MongoWaitQueueTimeoutError'],
    'no connection was available',
    'refused now',
  ],
  [
    ['MongoNetworkError', 'MongoNetworkTimeoutError', 'PoolClearedOnNetworkError'],
    'the connection was lost',
    'uncertain',
  ],
  [
    ['MongoClientClosedError', 'MongoNotConnectedError', 'MongoTopologyClosedError'],
    'the client is closed. Close it after the last request',
    'refused',
  ],
  [['MongoOperationTimeoutError'], 'the operation took too long', 'uncertain'],
  [['MongoWriteConcernError'], 'too few members confirmed the write', 'uncertain'],
]

/** A unique index refused the document. */
export const DUPLICATE: readonly number[] = [11_000]
/** The server undid the write for the sake of others (WriteConflict, TemporarilyUnavailable) and would do it now. */
export const WRITE_CONFLICT: readonly number[] = [112, 365]
/** The document would be too large. */
export const TOO_LARGE: readonly number[] = [10_334, 17_419, 17_420]
/** An index with other options exists in the place of the wanted one. */
export const OTHER_INDEX: readonly number[] = [85, 86]

/** Whether an error is one of these answers of the server. */
export function hasCode(error: unknown, codes: readonly unknown[]): boolean {
  return codes.includes((error as DriverError).code)
}

/**
 * Describes an error.
 *
 * @param retries The driver may have sent the write before, and does not report what became of that attempt.
 */
export function classifyError(error: unknown, retries: boolean): Failure {
  if (error instanceof KnownFailure) return error.failure
  return { ...meaningOf(error as DriverError, retries), cause: error }
}

function meaningOf(error: DriverError, retries: boolean): Failure {
  const { name = 'Error', code, codeName, syscall, reason } = error
  const refusedNow = (what: string): Failure => (retries ? uncertain(what) : refused(what, true))
  if (name === 'MongoServerSelectionError') {
    // Type Unknown: the driver has never been connected, so there was no earlier attempt.
    return reason?.type === 'Unknown'
      ? refused('no server could be reached', true)
      : refusedNow('no primary could be reached')
  }
  if (isUnconnected(error)) return refusedNow(`the connection could not be opened (${name})`)
  const codes = [name, code, codeName].filter((part) => part !== undefined).join(' ')
  const meaning = (key: unknown) => MEANINGS.find(([errors]) => errors.includes(key))
  const [, text, effect] = meaning(code) ?? meaning(name) ?? []
  // Some errors of sockets come as they are.
  if (text === undefined) return uncertain(codes, syscall !== undefined)
  const what = `${text} (${codes})`
  if (effect === 'refused now') return refusedNow(what)
  return effect === 'uncertain' ? uncertain(what) : refused(what, effect === 'busy')
}

/** Whether nothing was sent, as there was no connection to send it on. */
function isUnconnected({ beforeHandshake, cause }: DriverError): boolean {
  const { syscall } = (cause ?? {}) as DriverError
  return beforeHandshake === true || syscall === 'connect' || syscall === 'getaddrinfo'
}
