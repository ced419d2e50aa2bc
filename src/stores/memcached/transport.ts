/**
 * A small client of Memcached 1.6 and later, in its meta protocol: binary-safe, compare-and-set, pipelined, one
 * connection for each server. It works without the rest of the package. It sends nothing twice, and its errors say
 * whether the command may have been done.
 *
 * @module
 */

import { performance } from 'node:perf_hooks'
import { type ConnectionOptions, createSecureContext } from 'node:tls'
import { type Duration, milliseconds } from '../../core/duration.ts'
import { ConfigError, type StoreError } from '../../errors.ts'
import { ABORTED, storeError } from '../shared/failure.ts'
import { CLOSED, type Link, type LinkSettings, type Loss, openLink, type Request } from './link.ts'
import { isSendable, type MetaCommand, type MetaReply, onlyReads } from './protocol.ts'
import { parseServers, placeOf } from './servers.ts'

export { type MetaCommand, type MetaReply, type ReplyCode, tokenOf } from './protocol.ts'

export interface MemcachedTransportOptions {
  /**
   * Such as `'localhost'`, `'10.0.0.7:11211'`, `'[::1]:11211'`, `'memcached://cache.example'`. With several, each key
   * belongs to one, found by rendezvous hashing over these texts as pymemcache's `HashClient` does it; their order does
   * not matter. No other server takes over the keys of one that is down.
   */
  readonly servers: string | readonly string[]
  /** True, or options of `node:tls` such as `ca`. Default false. */
  readonly tls?: boolean | ConnectionOptions
  /** For servers started with `-Y`. The password is sent only to a server that asks, but in the clear without `tls`. */
  readonly username?: string
  readonly password?: string
  /** Time limit for connecting and for the server's greeting. Default `'500ms'`. */
  readonly connectTimeout?: Duration
  /** Time limit without any reply while one is due; then the connection is closed. Default `'2s'`. */
  readonly timeout?: Duration
}

export interface SendOptions {
  /** The `operation` of an error; default the verb of the command. */
  readonly operation?: string
  /** Stops waiting for a connection, so that the command is not sent. Once it is sent, its reply is waited for. */
  readonly signal?: AbortSignal | undefined
}

export interface MemcachedTransport {
  /**
   * Sends a command to the server of its key. Resolves to the reply, also to one that refuses. Rejects with a
   * {@link StoreError} when there is none: `not-done` when it was not sent or could change nothing, else `unknown`.
   * After a failed connection the next one is tried after a pause of up to a second; until then commands fail at once.
   */
  send(command: MetaCommand, options?: SendOptions): Promise<MetaReply>
  /** The server of a key, as `host:port`. */
  serverOf(key: string): string
  /** Takes no more commands, waits for the replies that are due, and disconnects. */
  close(): Promise<void>
}

/**
 * Makes a transport. It connects with the first command, and does not keep the process alive while no reply is due.
 *
 * @throws {ConfigError} When an option is out of its range.
 */
export function memcachedTransport(options: MemcachedTransportOptions): MemcachedTransport {
  const servers = parseServers(options.servers)
  const settings = {
    tls: tlsOf(options),
    credentials: credentialsOf(options),
    connectTimeout: milliseconds(options.connectTimeout ?? '500ms', 'connectTimeout'),
    timeout: milliseconds(options.timeout ?? '2s', 'timeout'),
  }
  const connections = servers.map((server) => connectionTo({ server, ...settings }))

  return {
    async send(command, sendOptions = {}) {
      const { verb, key } = command
      if (!isSendable(command)) {
        throw storeError('Memcached', sendOptions.operation ?? verb, {
          what: 'the command is not valid. A key is 1 to 250 visible ASCII characters, flags are letters with tokens, and `ms` alone has a value',
          sent: false,
          done: false,
          retriable: false,
        })
      }
      return connections[placeOf(servers, key)]?.send(command, sendOptions) as Promise<MetaReply>
    },
    serverOf: (key) => servers[placeOf(servers, key)]?.name as string,
    async close() {
      await Promise.all(connections.map((connection) => connection.close()))
    },
  }
}

interface Connection {
  send(command: MetaCommand, options: SendOptions): Promise<MetaReply>
  close(): Promise<void>
}

/** A command whose promise is pending. */
interface Exchange extends Request {
  readonly options: SendOptions
  readonly reject: (error: StoreError) => void
  /** Gives up a command that is not sent yet. */
  readonly abort: () => void
}

/** In ms. */
const FIRST_PAUSE = 50
const LONGEST_PAUSE = 1_000

/** The connection to one server. A command opens it, and opens it again after it was lost. */
function connectionTo(settings: LinkSettings): Connection {
  const waiting = new Set<Exchange>()
  let link: Link | undefined
  let failures = 0
  let lastLoss = CLOSED
  let pauseEnds = 0
  let closing: Promise<void> | undefined
  let onClosed = () => {}

  function open(): Link {
    const opened = openLink(settings, {
      onReady() {
        for (const exchange of waiting) {
          exchange.options.signal?.removeEventListener('abort', exchange.abort)
          opened.send(exchange)
        }
        waiting.clear()
      },
      onReply() {
        failures = 0
        if (closing !== undefined && opened.isIdle) opened.destroy(CLOSED)
      },
      onLost(loss, unanswered) {
        link = undefined
        lastLoss = loss
        // The first attempt comes at once: a server that was restarted has closed the connections it had.
        if (failures > 0) pauseEnds = performance.now() + pauseAfter(failures)
        failures++
        for (const request of unanswered) fail(request as Exchange, loss, true)
        for (const exchange of waiting) fail(exchange, loss, false)
        waiting.clear()
        onClosed()
      },
    })
    return opened
  }

  function fail({ command, options, abort, reject }: Exchange, loss: Loss, sent: boolean): void {
    options.signal?.removeEventListener('abort', abort)
    const failure = { ...loss, sent, done: onlyReads(command) ? false : undefined } as const
    const { operation = command.verb } = options
    reject(storeError(`Memcached at ${settings.server.name}`, operation, failure))
  }

  function send(exchange: Exchange): void {
    const { signal } = exchange.options
    if (closing !== undefined) fail(exchange, CLOSED, false)
    else if (signal?.aborted) fail(exchange, ABORTED, false)
    else if (link?.isReady) link.send(exchange)
    else if (link === undefined && performance.now() < pauseEnds) fail(exchange, lastLoss, false)
    else {
      link ??= open()
      waiting.add(exchange)
      signal?.addEventListener('abort', exchange.abort, { once: true })
    }
  }

  return {
    send: (command, options) =>
      new Promise((onReply, reject) => {
        const abort = () => {
          waiting.delete(exchange)
          fail(exchange, ABORTED, false)
        }
        const exchange: Exchange = { command, options, onReply, reject, abort }
        send(exchange)
      }),

    close() {
      closing ??= new Promise((resolve) => {
        onClosed = resolve
        if (link === undefined) resolve()
        else if (!link.isReady || link.isIdle) link.destroy(CLOSED)
      })
      return closing
    },
  }
}

/** The pause doubles up to a second. Half of it is random, so that processes do not come back together. */
function pauseAfter(failures: number): number {
  const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** Math.min(failures - 1, 10))
  return pause * (0.5 + Math.random() / 2)
}

function tlsOf({ tls }: MemcachedTransportOptions): ConnectionOptions | undefined {
  if (tls === undefined || tls === false) return undefined
  const settings = tls === true ? {} : tls
  try {
    return { secureContext: createSecureContext(settings), ...settings }
  } catch (cause) {
    throw new ConfigError('memcached: tls has a certificate or a key that cannot be read.', {
      cause,
    })
  }
}

function credentialsOf({ username, password }: MemcachedTransportOptions) {
  if (username === undefined && password === undefined) return undefined
  if (username === undefined || password === undefined) {
    throw new ConfigError('memcached: give both username and password, or neither.')
  }
  if (!/^[!-9;-~]+$/.test(username) || !/^[!-~]+$/.test(password)) {
    throw new ConfigError(
      'memcached: username and password are visible ASCII characters without a space, and the username has no colon.',
    )
  }
  return { username, password }
}
