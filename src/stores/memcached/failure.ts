/**
 * Why a connection to Memcached is of no use, in words that hold nothing of what was sent.
 *
 * @module
 */

import type { MetaReply } from './parser.ts'

export interface Failure {
  readonly reason: string
  /** True when it may pass without a change to the program or the server's set-up. */
  readonly retriable: boolean
  readonly cause?: unknown
}

/** After `close`. */
export const CLOSED: Failure = { reason: 'the transport is closed', retriable: false }
/** The server ended a connection. */
export const HUNG_UP: Failure = { reason: 'it closed the connection', retriable: true }

/** What came is not an answer; `what` is one of our own sentences. */
export function nonsense(what: string): Failure {
  return { reason: `it does not speak the protocol: ${what}`, retriable: true }
}

/** The time was over. */
export function tooLate(what: string, limit: number): Failure {
  return { reason: `it did not ${what} within ${limit} ms`, retriable: true }
}

/** The socket failed. */
export function broken(cause: Error): Failure {
  const { code = 'the connection broke' } = cause as NodeJS.ErrnoException
  return { reason: code, retriable: !/CERT|SSL|TLS|SIGNATURE/.test(code), cause }
}

/** The server did not answer the greeting with `MN`. */
export function turnedAway({ code }: MetaReply, toldPassword: boolean): Failure {
  if (code === 'ERROR') {
    return {
      reason: 'it does not know the meta commands. Install Memcached 1.6 or later',
      retriable: false,
    }
  }
  if (code === 'CLIENT_ERROR') {
    const reason = toldPassword
      ? 'it does not take this username and password'
      : 'it wants a username and a password. Set both options'
    return { reason, retriable: false }
  }
  if (code === 'SERVER_ERROR') return { reason: 'it turned the connection away', retriable: true }
  return nonsense('an unexpected greeting')
}
