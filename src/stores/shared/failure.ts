/**
 * One shape for the failures of every client. A store describes what its client's errors mean; this module makes the
 * {@link StoreError}. It also checks an argument that several stores have.
 */

import { ConfigError, isSessionError, StoreError } from '../../errors.ts'

/** What a client's error says about the operation that met it. */
export interface Failure {
  /** What went wrong and, where there is one, the fix; a clause without a full stop. Holds no id and no data. */
  readonly what: string
  /** False: the command certainly did not leave this process. */
  readonly sent: boolean
  /** False: the server answered that it did nothing. Undefined: it may have done the write. */
  readonly done: false | undefined
  /** The same call may succeed later without a change to the program or the server's set-up. */
  readonly retriable: boolean
  /** The client's error. The {@link StoreError} shows of it what holds no id and no data. */
  readonly cause?: unknown
}

/** A failure after which the server did nothing. */
export function refused(what: string, retriable = false): Failure {
  return { what, sent: true, done: false, retriable }
}

/** A failure of an operation that may have been done. */
export function uncertain(what: string, retriable = true): Failure {
  return { what, sent: true, done: undefined, retriable }
}

/** A failure of an operation that never left this process. */
export function unsent(what: string, retriable = true): Failure {
  return { what, sent: false, done: undefined, retriable }
}

/** The end of a message about an argument that is not a client. */
export const FOR_A_URL = "For a URL use openStore of 'vial/stores/open'."

/** What a verb rejects with whose signal was aborted before it began. */
export const ABORTED: Failure = unsent('its signal was aborted before it began')

/** Operations that change nothing, so that a failed one is always `not-done`. */
const READS: ReadonlySet<string> = new Set(['read', 'list'])

/** Makes the error of a failed operation. */
export function storeError(store: string, operation: string, failure: Failure): StoreError {
  const { what, sent, done, retriable, cause } = failure
  const certain = READS.has(operation) || !sent || done === false
  return new StoreError(`${store}: ${operation} failed: ${what}.`, {
    operation,
    outcome: certain ? 'not-done' : 'unknown',
    retriable,
    ...(cause !== undefined && { cause }),
  })
}

/** Gives the function that turns what a client threw into what a verb rejects with; errors of this package stay as they are. */
export function failures(
  store: string,
  classify: (error: unknown, operation: string) => Failure,
): (operation: string, error: unknown) => Error {
  return (operation, error) =>
    isSessionError(error) ? error : storeError(store, operation, classify(error, operation))
}

/** The longest prefix: it leaves 100 characters to the id. */
const MAX_PREFIX = 100

/** Checks the prefix of a store's keys, which may be empty. @throws {ConfigError} When ids behind it would not be valid keys. */
export function checkPrefix(store: string, prefix: string): void {
  if (/^[!-~]*$/.test(prefix) && prefix.length <= MAX_PREFIX) return
  throw new ConfigError(
    `${store}: prefix has to be at most ${MAX_PREFIX} visible ASCII characters, without spaces.`,
  )
}
