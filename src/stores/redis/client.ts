/**
 * What the Redis clients have in common: how the store sends a command, and what their errors mean.
 *
 * An error reply says that the server did nothing; after most other failures that is unknown. The clients' own errors
 * hold keys and values, so no text of theirs is passed on, and of the server's only what comes before the first quote.
 *
 * @module
 */

import type { Buffer } from 'node:buffer'
import type { Classify, Failure } from '../shared/failure.ts'

/** Whether a client sends a command again after a lost reply, as the developer states it. Absent: ask the client. */
export type Retries = 'never' | 'accept' | undefined

/** Sends the words of a command to one server. Bulk strings in the reply are Buffers. */
export type SendWords = (words: readonly string[]) => Promise<unknown>

/** Sends commands in one way over every client. */
export interface RedisCommands {
  /** Whether the client may send a command again whose reply was lost. */
  readonly retries: boolean
  /** What the client's program puts before every key. `send` adds it. */
  readonly keyPrefix: string
  /**
   * Sends a command of one key, always to the primary. Bulk strings in the reply are Buffers.
   *
   * @param start The words before the key, the name of the command in capitals first.
   */
  send(
    start: readonly string[],
    key: string,
    ...rest: readonly (string | Buffer)[]
  ): Promise<unknown>
  /**
   * The servers that own keys.
   *
   * @param key Any key that the user may read.
   */
  primaries(key: string): Promise<readonly SendWords[]>
}

/** A failure in words of this package. */
interface Known {
  readonly what: string
  readonly retriable: boolean
}

const PERMISSIONS =
  'the user lacks a permission. It needs GET, PTTL, SET, PEXPIRE, DEL, EVALSHA, EVAL and SCAN on the keys of the prefix'
const TRACKING_PERMISSIONS =
  'the user lacks a permission. It needs CLIENT ID, CLIENT TRACKING, SUBSCRIBE, PING and PUBLISH, on the channels of the prefix and on __redis__:invalidate'

/** Error replies by their first word. */
const REPLIES: ReadonlyMap<string, Known> = new Map([
  ['ASK', temporary('the key is being moved to another node')],
  ['BUSY', temporary('a script keeps the server busy')],
  ['CLUSTERDOWN', temporary('the Cluster is down')],
  ['CROSSSLOT', permanent('the server is a node of a Cluster. Give a Cluster client')],
  ['LOADING', temporary('the server is loading its data')],
  ['MASTERDOWN', temporary('the replica has no link to its primary')],
  ['MISCONF', temporary('the server cannot save to its disk, so it takes no writes')],
  ['MOVED', permanent('the server is a node of a Cluster. Give a Cluster client')],
  ['NOAUTH', permanent('the server requires a password. Set it in the client')],
  ['NOPERM', permanent(PERMISSIONS)],
  ['NOREPLICAS', temporary('too few replicas are linked to the server')],
  ['OOM', temporary('the server is out of memory. Raise maxmemory')],
  ['READONLY', temporary('the server is a replica, which takes no writes')],
  ['TRYAGAIN', temporary('the key is being moved to another node')],
  ['UNKILLABLE', temporary('a script keeps the server busy')],
  ['WRONGPASS', permanent('the server refused the credentials')],
  [
    'WRONGTYPE',
    permanent('the key holds a value of another type. Use a prefix that no other program uses'),
  ],
])

/** Such as `OOM command not allowed …`; Redis 6 puts a text of its own before an error inside a script. */
const REPLY = /^(?:ERR Error running script.* -?)?([A-Z]{2,}[A-Z0-9]*)(?: |$)/s

/** Errors of the clients themselves, and whether the command may have been sent. */
const CLIENT_ERRORS: readonly (readonly [RegExp, boolean, Known])[] = [
  [
    /^The client is closed$/,
    false,
    permanent('the client is not connected. Await client.connect() before the first request'),
  ],
  [
    /^The client is offline$|^The queue is full$|enableOfflineQueue options is false$/,
    false,
    temporary('the client has no connection to the server'),
  ],
  [
    /startup nodes|root nodes|slots cache|sentinel/i,
    true,
    temporary('no node of the Cluster, or no Sentinel, can be reached'),
  ],
  [/redirections/, true, temporary('the Cluster redirected the command too often')],
  [
    /time[d ]?out/i,
    true,
    temporary('the server did not answer within the time limit of the client'),
  ],
  [/closed?\b|disconnect|abort|max retries/i, true, temporary('the connection was lost')],
]

/** The server does not have the script yet. */
export function isNoScript(error: unknown): boolean {
  return messageOf(error).startsWith('NOSCRIPT')
}

/** The server does not know a word of the command. */
export function isSyntaxError(error: unknown): boolean {
  return /^ERR syntax error/i.test(messageOf(error))
}

/**
 * Gives the classifier for a client.
 *
 * @param retries The client may send a command again. The first one may have done what the second was refused, so no
 * answer says that nothing was done.
 */
export function classifier(retries: boolean): Classify {
  return (error) => {
    const failure = describe(error)
    return retries ? { ...failure, sent: true, done: undefined } : failure
  }
}

/** Says why the near cache cannot be used. Reads go to the server then, so nothing has failed for a caller. */
export function trackingFailure(error: unknown): Failure {
  if (error === undefined) {
    return failureOf(temporary('its connection was lost or does not answer'), false)
  }
  const reply = replyOf(error)
  if (reply === 'NOPERM') return failureOf(permanent(TRACKING_PERMISSIONS), false, reply)
  if (reply !== 'ERR') return describe(error)
  const what = 'the server does not know CLIENT TRACKING, which Redis has from version 6'
  return failureOf(permanent(what), false, reply)
}

function describe(error: unknown): Failure {
  const message = messageOf(error)
  const reply = replyOf(error)
  if (reply !== undefined) {
    const unquoted = message.split(/(?:^|\W)['"`]/)[0]?.trim()
    const known = REPLIES.get(reply) ?? permanent(`the server answered ${unquoted || reply}`)
    return { ...failureOf(known, true, reply), done: false }
  }
  const { code, syscall } = (error ?? {}) as NodeJS.ErrnoException
  if (syscall === 'connect' || syscall === 'getaddrinfo') {
    return failureOf(temporary(`the server cannot be reached (${code})`), false, code)
  }
  const [, sent, known] = CLIENT_ERRORS.find(([pattern]) => pattern.test(message)) ?? []
  const what = code ?? `the client failed with ${nameOf(error)}`
  return failureOf(known ?? { what, retriable: isOfConnection(error) }, sent ?? true, code)
}

/** A failure whose cause shows the code of the client's error and nothing else of it. */
function failureOf(known: Known, sent: boolean, code?: string): Failure {
  const cause = Object.assign(new Error(known.what), code !== undefined && { code })
  return { ...known, sent, done: undefined, cause }
}

/** The first word of an error reply; undefined: the error is the client's own. */
function replyOf(error: unknown): string | undefined {
  return REPLY.exec(messageOf(error))?.[1]
}

/** The class of an error, which holds nothing of what was sent. */
function nameOf(error: unknown): string {
  return error instanceof Error ? error.constructor.name : 'an error that is not an Error'
}

/** Everything that is neither a reply nor a mistake in a program. */
function isOfConnection(error: unknown): boolean {
  const mistakes = [TypeError, RangeError, ReferenceError, SyntaxError]
  return error instanceof Error && !mistakes.some((mistake) => error instanceof mistake)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : ''
}

function temporary(what: string): Known {
  return { what, retriable: true }
}

function permanent(what: string): Known {
  return { what, retriable: false }
}
