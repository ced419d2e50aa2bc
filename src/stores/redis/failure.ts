/**
 * What the errors of the Redis clients mean. An error reply says that the server did nothing; after most other failures
 * it is unknown. The clients' own errors hold keys and values, so no text of theirs is passed on, and of the server's
 * only what comes before the first quote.
 *
 * @module
 */

import type { Classify, Failure } from '../shared/failure.ts'

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

/** Errors of the clients themselves, before which nothing was sent. */
const NOT_SENT: readonly (readonly [RegExp, Known])[] = [
  [
    /^The client is closed$/,
    permanent('the client is not connected. Await client.connect() before the first request'),
  ],
  [
    /^The client is offline$|^The queue is full$|enableOfflineQueue options is false$/,
    temporary('the client has no connection to the server'),
  ],
]

/** Other errors of the clients, after which a command may have been done. */
const CLIENT_ERRORS: readonly (readonly [RegExp, Known])[] = [
  [
    /startup nodes|root nodes|slots cache|sentinel/i,
    temporary('no node of the Cluster, or no Sentinel, can be reached'),
  ],
  [/redirections/, temporary('the Cluster redirected the command too often')],
  [/time[d ]?out/i, temporary('the server did not answer within the time limit of the client')],
  [/closed?\b|disconnect|abort|max retries/i, temporary('the connection was lost')],
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
    const { what, retriable, sent, code } = describe(error)
    return {
      what,
      sent: sent || retries,
      done: !retries && replyOf(error) !== undefined ? false : undefined,
      retriable,
      cause: Object.assign(new Error(what), code !== undefined && { code }),
    }
  }
}

/** Says why the near cache cannot be used. Reads go to the server then, so nothing has failed for a caller. */
export function trackingFailure(error: unknown): Failure {
  const known = describe(error)
  const reply = replyOf(error)
  const { what, retriable } =
    reply === 'NOPERM'
      ? permanent(TRACKING_PERMISSIONS)
      : reply === 'ERR'
        ? permanent('the server does not know CLIENT TRACKING, which Redis has from version 6')
        : error === undefined
          ? temporary('its connection was lost or does not answer')
          : known
  const cause = Object.assign(new Error(what), known.code !== undefined && { code: known.code })
  return { what, sent: false, done: false, retriable, cause }
}

function describe(error: unknown): Known & { readonly sent: boolean; readonly code?: string } {
  const message = messageOf(error)
  const reply = replyOf(error)
  if (reply !== undefined) {
    const unquoted = message.split(/(?:^|\W)['"`]/)[0]?.trim()
    const known = REPLIES.get(reply) ?? permanent(`the server answered ${unquoted || reply}`)
    return { ...known, sent: true, code: reply }
  }
  const { code, syscall } = (error ?? {}) as NodeJS.ErrnoException
  const withCode = code === undefined ? {} : { code }
  if (syscall === 'connect' || syscall === 'getaddrinfo') {
    return { ...temporary(`the server cannot be reached (${code})`), sent: false, ...withCode }
  }
  const notSent = knownIn(NOT_SENT, message)
  if (notSent !== undefined) return { ...notSent, sent: false, ...withCode }
  const known = knownIn(CLIENT_ERRORS, message) ?? {
    what: code ?? `the client failed with ${nameOf(error)}`,
    retriable: isOfConnection(error),
  }
  return { ...known, sent: true, ...withCode }
}

function knownIn(list: typeof NOT_SENT, message: string): Known | undefined {
  return list.find(([pattern]) => pattern.test(message))?.[1]
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
