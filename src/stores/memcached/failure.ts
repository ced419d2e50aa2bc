/**
 * What the failures of a connection to Memcached, and the refusals of a server, mean. The words are of this package, as
 * the server's may hold what was sent.
 *
 * @module
 */

import type { Failure } from '../shared/failure.ts'
import { type MetaCommand, type MetaReply, onlyReads } from './protocol.ts'

/** Why a connection cannot be used. Whether a command was sent depends on the command. */
export type Loss = Pick<Failure, 'what' | 'retriable' | 'cause'>

/** After `close`. */
export const CLOSED: Loss = { what: 'the transport is closed', retriable: false }
/** The server ended the connection. */
export const ENDED: Loss = { what: 'the server closed the connection', retriable: true }

/** The bytes that arrived are not a reply; `what` is a clause of this package. */
export function invalidReply(what: string): Loss {
  return { what: `the server does not speak the protocol: ${what}`, retriable: true }
}

/** A time limit passed, in ms. */
export function timedOut(what: string, limit: number): Loss {
  return { what: `the server did not ${what} within ${limit} ms`, retriable: true }
}

/** The socket failed. */
export function socketFailure(cause: Error): Loss {
  const { code = 'the connection broke' } = cause as NodeJS.ErrnoException
  return { what: code, retriable: !/CERT|SSL|TLS|SIGNATURE/.test(code), cause }
}

/** The server did not answer the greeting with `MN`. */
export function greetingFailure({ code }: MetaReply, passwordSent: boolean): Loss {
  if (code === 'ERROR') {
    const what = 'the server does not know the meta commands. Install Memcached 1.6 or later'
    return { what, retriable: false }
  }
  if (code === 'CLIENT_ERROR') {
    const what = passwordSent
      ? 'the server refused the credentials'
      : 'the server requires a password. Set username and password'
    return { what, retriable: false }
  }
  if (code === 'SERVER_ERROR') return { what: 'the server refused the connection', retriable: true }
  return invalidReply('an unexpected greeting')
}

/** A command that failed with its connection. */
export function lossFailure(loss: Loss, command: MetaCommand, sent: boolean): Failure {
  return { ...loss, sent, done: onlyReads(command) ? false : undefined }
}

/** A command that the server refused. After `SERVER_ERROR` a write may have dropped what the record was before. */
export function refusal({ code, rest }: MetaReply, command: MetaCommand): Failure {
  const isServers = code === 'SERVER_ERROR'
  const isFull = isServers && rest.startsWith('out of memory')
  return {
    what: isFull
      ? 'the server is out of memory, and dropped what the record was before. Raise -m'
      : `the server answered ${code}`,
    sent: true,
    done: onlyReads(command) || !isServers ? false : undefined,
    retriable: isServers,
  }
}

/** A reply that the command does not have. */
export function unexpectedReply(command: MetaCommand): Failure {
  return {
    what: 'the server answered with a reply of another command. Use Memcached 1.6.18 or later',
    sent: true,
    done: onlyReads(command) ? false : undefined,
    retriable: false,
  }
}
