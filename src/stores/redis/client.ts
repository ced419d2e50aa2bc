/**
 * What the Redis clients have in common: how the store sends a command, and what their errors mean.
 *
 * An error reply says that the server did nothing; after most other failures that is unknown. The clients' own errors
 * hold keys and values, so no text of theirs is passed on, and of the server's only what comes before the first quote.
 */

import type { Buffer } from 'node:buffer'
import { type Failure, refused, uncertain, unsent } from '../shared/failure.ts'

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

/** What error replies mean, by their first word. */
export type Replies = Readonly<Record<string, Failure>>

const MOVING = refused('the key is being moved to another node', true)
const NODE_OF_CLUSTER = refused('the server is a node of a Cluster. Give a Cluster client')
const SCRIPT_RUNS = refused('a script keeps the server busy', true)

const REPLIES: Replies = {
  ASK: MOVING,
  BUSY: SCRIPT_RUNS,
  CLUSTERDOWN: refused('the Cluster is down', true),
  CROSSSLOT: NODE_OF_CLUSTER,
  DENIED: refused(
    'the server is in protected mode, so it takes connections from its own machine only. Set a password on the server',
  ),
  LOADING: refused('the server is loading its data', true),
  MASTERDOWN: refused('the replica has no link to its primary', true),
  MISCONF: refused('the server cannot save to its disk, so it takes no writes', true),
  MOVED: NODE_OF_CLUSTER,
  NOAUTH: refused('the server requires a password. Set it in the client'),
  NOPERM: refused(
    'the user lacks a permission. It needs GET, PTTL, SET, PEXPIRE, DEL, EVALSHA, EVAL and SCAN on the keys of the prefix',
  ),
  NOREPLICAS: refused('too few replicas are linked to the server', true),
  OOM: refused('the server is out of memory. Raise maxmemory', true),
  READONLY: refused('the server is a replica, which takes no writes', true),
  TRYAGAIN: MOVING,
  UNKILLABLE: SCRIPT_RUNS,
  WRONGPASS: refused('the server refused the credentials'),
  WRONGTYPE: refused(
    'the key holds a value of another type. Use a prefix that no other program uses',
  ),
}

/** Such as `OOM command not allowed …`; Redis 6 puts a text of its own before an error inside a script. */
const REPLY = /^(?:ERR Error running script.* -?)?([A-Z]{2,}[A-Z0-9]*)(?: |$)/s

/** A refusal whose first word is `ERR`. */
const FULL = refused('the server has no connection left for this client. Raise maxclients', true)
/** Codes of Node's TLS, such as `DEPTH_ZERO_SELF_SIGNED_CERT`. */
const TLS = /^ERR_(?:SSL|TLS)_|CERT|^UNABLE_TO_/

/** Errors of the clients themselves. */
const CLIENT_ERRORS: readonly (readonly [RegExp, Failure])[] = [
  [
    /^The client is closed$/,
    unsent(
      'the client is not connected. Await client.connect() before the first request, and close it after the last one',
      false,
    ),
  ],
  [
    /^The client is offline$|^The queue is full$|enableOfflineQueue options is false$/,
    unsent('the client has no connection to the server'),
  ],
  [
    /startup nodes|root nodes|slots cache|sentinel/i,
    uncertain('no node of the Cluster, or no Sentinel, can be reached'),
  ],
  [/redirections/, uncertain('the Cluster redirected the command too often')],
  [/time[d ]?out/i, uncertain('the server did not answer within the time limit of the client')],
  [/closed?\b|disconnect|abort|max retries/i, uncertain('the connection was lost')],
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
 * Says what an error of a client means.
 *
 * @param own Replies that mean something else to the caller.
 */
export function describe(error: unknown, own: Replies = {}): Failure {
  const message = messageOf(error)
  const reply = REPLY.exec(message)?.[1]
  if (reply !== undefined) {
    const unquoted = message.split(/(?:^|\W)['"`]/)[0]?.trim()
    const isFull = message.startsWith('ERR max number of clients')
    const known = isFull ? FULL : (own[reply] ?? REPLIES[reply])
    const { name, stack } = error as Error
    const cause = { name, message, stack, code: reply }
    return { ...(known ?? refused(`the server answered ${unquoted || reply}`)), cause }
  }
  // A name with several addresses has an error for each.
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error
  const { code, syscall } = Object(first) as NodeJS.ErrnoException
  if (syscall === 'connect' || syscall === 'getaddrinfo') {
    return { ...unsent(`the server cannot be reached (${code})`), cause: error }
  }
  if (code !== undefined && TLS.test(code)) {
    const what = `TLS failed (${code}). Check the scheme of the URL, the port and the certificates`
    return { ...unsent(what, false), cause: error }
  }
  const [, known] = CLIENT_ERRORS.find(([pattern]) => pattern.test(message)) ?? []
  if (known !== undefined) return { ...known, cause: error }
  // The name of a class holds nothing of what was sent.
  const name = error instanceof Error ? error.constructor.name : 'an error that is not an Error'
  const isMistake = MISTAKES.some((mistake) => error instanceof mistake)
  const retriable = error instanceof Error && !isMistake
  return { ...uncertain(code ?? `the client failed with ${name}`, retriable), cause: error }
}

/** Errors of a program rather than of a connection. */
const MISTAKES = [TypeError, RangeError, ReferenceError, SyntaxError]

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : ''
}
