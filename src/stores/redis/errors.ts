/**
 * What a Redis client rejects with, as a `StoreError`. An error reply means that the server did nothing; after most other
 * failures nobody knows. The clients' own errors hold keys and values, so none of them is passed on.
 *
 * @module
 */

import { StoreError, type StoreOutcome } from '../../errors.ts'

/** A failure in our own words. */
interface Known {
  readonly what: string
  readonly retriable: boolean
}

const PERMISSIONS =
  'the user may not do this. It needs GET, PTTL, SET, PEXPIRE, DEL, EVALSHA, EVAL and SCAN on the keys of the prefix'
const TRACKING_PERMISSIONS =
  'the user may not do this. It needs CLIENT ID, CLIENT TRACKING, SUBSCRIBE, PING and PUBLISH, on the channels of the prefix and on __redis__:invalidate'

/** The first words of error replies. */
const REPLIES: ReadonlyMap<string, Known> = new Map([
  ['ASK', passing('the key is being moved to another node')],
  ['BUSY', passing('a script keeps the server busy')],
  ['CLUSTERDOWN', passing('the Cluster is down')],
  ['CROSSSLOT', lasting('the server is one of a Cluster. Give a Cluster client')],
  ['LOADING', passing('the server is loading its data')],
  ['MASTERDOWN', passing('the replica has no link to its primary')],
  ['MISCONF', passing('the server cannot save to its disk, so it takes no writes')],
  ['MOVED', lasting('the server is one of a Cluster. Give a Cluster client')],
  ['NOAUTH', lasting('the server wants a password')],
  ['NOPERM', lasting(PERMISSIONS)],
  ['NOREPLICAS', passing('too few replicas are linked to the server')],
  ['OOM', passing('the server is out of memory. Raise maxmemory')],
  ['READONLY', passing('the server is a replica, which takes no writes')],
  ['TRYAGAIN', passing('the key is being moved to another node')],
  ['UNKILLABLE', passing('a script keeps the server busy')],
  ['WRONGPASS', lasting('the server refuses the password')],
  [
    'WRONGTYPE',
    lasting('another program keeps something else under the key. Use a prefix of its own'),
  ],
])

/** Such as `OOM command not allowed …`; Redis 6 puts what failed inside of a script behind a text of its own. */
const REPLY = /^(?:ERR Error running script.* -?)?([A-Z]{2,}[A-Z0-9]*)(?: |$)/s

/** Failures that come before anything is sent. */
const NOT_SENT =
  /^The client is (?:closed|offline)$|^The queue is full$|enableOfflineQueue options is false$/

export function isNoScript(error: unknown): boolean {
  return messageOf(error).startsWith('NOSCRIPT')
}

export function isSyntaxError(error: unknown): boolean {
  return /^ERR syntax error/i.test(messageOf(error))
}

/** A failure without anything that the command held. */
export function toStoreError(
  error: unknown,
  operation: string,
  id: string,
  resends: boolean,
): StoreError {
  const message = messageOf(error)
  const reply = REPLY.exec(message)?.[1]
  const { code, syscall } = (error ?? {}) as NodeJS.ErrnoException
  const reads = operation === 'read' || operation === 'list'
  const sent = syscall !== 'connect' && syscall !== 'getaddrinfo' && !NOT_SENT.test(message)
  // Of a command that went twice, the first may have done what the second was refused.
  const certain = reads || (!resends && (reply !== undefined || !sent))
  const known = REPLIES.get(reply ?? '') ?? {
    what: withoutData(message, id) || code || 'an error without a message',
    retriable: reply === undefined && isOfConnection(error) && message !== 'The client is closed',
  }
  const cause = Object.assign(new Error(known.what), { code: reply ?? code })
  return failed(operation, known.what, certain ? 'not-done' : 'unknown', known.retriable, cause)
}

/** Why the near cache is off. Reads go to the server, so nothing has failed for anybody. */
export function toTrackingError(error: unknown): StoreError {
  const message = messageOf(error)
  const reply = REPLY.exec(message)?.[1]
  const code = reply ?? (error as NodeJS.ErrnoException | undefined)?.code
  const known =
    reply === 'NOPERM'
      ? lasting(TRACKING_PERMISSIONS)
      : reply === 'ERR' || message.startsWith('ERR ')
        ? lasting('the server does not take CLIENT TRACKING, which Redis has from version 6')
        : (REPLIES.get(reply ?? '') ??
          passing(withoutData(message, '') || code || 'its connection is lost or does not answer'))
  return new StoreError(`redisStore: the near cache is off: ${known.what.replace(/\.$/, '')}.`, {
    operation: 'read',
    outcome: 'not-done',
    retriable: known.retriable,
    cause: Object.assign(new Error(known.what), { code }),
  })
}

/** A verb whose caller stopped waiting before it began. */
export function stopped(operation: string): StoreError {
  return failed(operation, 'its signal is aborted', 'not-done', true)
}

function failed(
  operation: string,
  what: string,
  outcome: StoreOutcome,
  retriable: boolean,
  cause?: Error,
): StoreError {
  return new StoreError(`redisStore: ${operation} failed: ${what.replace(/\.$/, '')}.`, {
    operation,
    outcome,
    retriable,
    cause,
  })
}

/** Drops what a server or a client quotes, and all of a text that names the id. */
function withoutData(message: string, id: string): string {
  if (id !== '' && message.includes(id)) return ''
  return (message.split(/(?:^|\W)['"`]/)[0] ?? '').trim()
}

/** Whatever is neither a reply nor a mistake in a program. */
function isOfConnection(error: unknown): boolean {
  const mistakes = [TypeError, RangeError, ReferenceError, SyntaxError]
  return error instanceof Error && !mistakes.some((mistake) => error instanceof mistake)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : ''
}

function passing(what: string): Known {
  return { what, retriable: true }
}

function lasting(what: string): Known {
  return { what, retriable: false }
}
