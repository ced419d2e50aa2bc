/**
 * A small client of Memcached 1.6 and later, in its meta protocol: binary-safe, compare-and-set, pipelined, one
 * connection for each server. It works without the rest of the package.
 *
 * @module
 */

import { type ConnectionOptions, createSecureContext } from 'node:tls'
import { type Duration, milliseconds } from '../../core/duration.ts'
import { ConfigError, type StoreError } from '../../errors.ts'
import { storeError } from '../shared/failure.ts'
import { Connection } from './connection.ts'
import { isSendable, type MetaCommand, type MetaReply } from './protocol.ts'
import { parseServers, serverOf } from './servers.ts'

export { type MetaCommand, type MetaReply, type ReplyCode, tokenOf } from './protocol.ts'

export interface MemcachedTransportOptions {
  /**
   * Such as `'localhost'`, `'10.0.0.7:11211'`, `'[::1]:11211'`, `'memcached://cache.example'`. With several, each key
   * belongs to one, found by rendezvous hashing over these texts as pymemcache's `HashClient` does it; their order does
   * not matter. No other server takes over the keys of one that is down.
   */
  readonly servers: string | readonly string[]
  /** True, or options of `node:tls` such as `ca`. @default false */
  readonly tls?: boolean | ConnectionOptions
  /** For servers started with `-Y`. The password is sent only to a server that asks, but in the clear without `tls`. */
  readonly username?: string
  readonly password?: string
  /** Time limit for connecting and for the server's greeting. @default '500ms' */
  readonly connectTimeout?: Duration
  /** Time limit without any reply while one is due; then the connection is closed. @default '2s' */
  readonly timeout?: Duration
}

export interface SendOptions {
  /** The `operation` of an error. Absent: the verb of the command. */
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
  const settings = {
    tls: tlsOf(options),
    credentials: credentialsOf(options),
    connectTimeout: milliseconds(options.connectTimeout ?? '500ms', 'connectTimeout'),
    timeout: milliseconds(options.timeout ?? '2s', 'timeout'),
  }
  const servers = parseServers(options.servers).map((server) => new Connection(server, settings))

  return {
    async send(command, { operation = command.verb, signal } = {}) {
      if (!isSendable(command)) {
        throw storeError('Memcached', operation, {
          what: 'the command is not valid. A key is 1 to 250 visible ASCII characters, flags are letters with tokens, and `ms` alone has a value',
          sent: false,
          done: false,
          retriable: false,
        })
      }
      return serverOf(servers, command.key).send(command, operation, signal)
    },
    serverOf: (key) => serverOf(servers, key).name,
    async close() {
      await Promise.all(servers.map((server) => server.close()))
    },
  }
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

/** As the server takes them, with a space between them; both are ASCII. */
function credentialsOf({ username, password }: MemcachedTransportOptions): string | undefined {
  if (username === undefined && password === undefined) return undefined
  if (username === undefined || password === undefined) {
    throw new ConfigError('memcached: give both username and password, or neither.')
  }
  if (!/^[!-9;-~]+$/.test(username) || !/^[!-~]+$/.test(password)) {
    throw new ConfigError(
      'memcached: username and password are visible ASCII characters without a space, and the username has no colon.',
    )
  }
  return `${username} ${password}`
}
