/**
 * A small client of Memcached 1.6 and later, in its meta protocol: binary-safe, compare-and-set, pipelined, one
 * connection for each server. It works without the rest of the package. It sends nothing twice, and tells of each
 * failure whether the command may have been done.
 *
 * @module
 */

import { type ConnectionOptions, createSecureContext } from 'node:tls'
import { type Duration, milliseconds } from '../../core/duration.ts'
import { ConfigError, StoreError } from '../../errors.ts'
import { isSendable, type MetaCommand } from './command.ts'
import { memcachedConnection, type SendOptions } from './connection.ts'
import type { MetaReply } from './parser.ts'
import { parseServers, placeOf } from './servers.ts'

export type { MetaCommand } from './command.ts'
export type { SendOptions } from './connection.ts'
export { type MetaReply, type ReplyCode, tokenOf } from './parser.ts'

export interface MemcachedTransportOptions {
  /**
   * Such as `'localhost'`, `'10.0.0.7:11211'`, `'[::1]:11211'`, `'memcached://cache.example'`. Of several, each key has
   * one, found by rendezvous hashing over these very texts as pymemcache's `HashClient` does it; their order is of no
   * importance. No other server takes over for one that is down.
   */
  readonly servers: string | readonly string[]
  /** True, or options of `node:tls` such as `ca`. @default false */
  readonly tls?: boolean | ConnectionOptions
  /** For servers started with `-Y`. The password is told only to a server that asks, but in the clear without `tls`. */
  readonly username?: string
  readonly password?: string
  /** How long a server may take to connect and to greet. @default '500ms' */
  readonly connectTimeout?: Duration
  /** How long no answer may come while one is due, until the connection is given up. @default '2s' */
  readonly timeout?: Duration
}

export interface MemcachedTransport {
  /**
   * Sends a command to the server of its key. Resolves to the reply, also to one that refuses. Rejects with a
   * {@link StoreError} when there is none: `not-done` when it was not sent or could change nothing, else `unknown`.
   * A server that does not answer is tried again after a pause of up to a second; until then it fails at once.
   */
  send(command: MetaCommand, options?: SendOptions): Promise<MetaReply>
  /** The server of a key, as `host:port`. */
  serverOf(key: string): string
  /** Takes no more commands, waits for the answers that are due, and disconnects. */
  close(): Promise<void>
}

/**
 * Makes a transport. It connects with the first command, and lets the program end while no answer is due.
 *
 * @throws {ConfigError} When an option cannot be.
 */
export function memcachedTransport(options: MemcachedTransportOptions): MemcachedTransport {
  const servers = parseServers(options.servers)
  const settings = {
    tls: tlsOf(options),
    credentials: credentialsOf(options),
    connectTimeout: milliseconds(options.connectTimeout ?? '500ms', 'connectTimeout'),
    timeout: milliseconds(options.timeout ?? '2s', 'timeout'),
  }
  const connections = servers.map((server) => memcachedConnection({ server, ...settings }))

  return {
    async send(command, sendOptions = {}) {
      const { verb, key } = command
      if (!isSendable(command)) {
        const { operation = verb } = sendOptions
        throw new StoreError(
          `Memcached: \`${operation}\` was not sent. A key is 1 to 250 visible ASCII characters, flags are letters with tokens, and \`ms\` alone has a value.`,
          { operation, outcome: 'not-done', retriable: false },
        )
      }
      return connections[placeOf(servers, key)]?.send(command, sendOptions) as Promise<MetaReply>
    },
    serverOf: (key) => servers[placeOf(servers, key)]?.name as string,
    async close() {
      await Promise.all(connections.map((connection) => connection.close()))
    },
  }
}

function tlsOf({ tls }: MemcachedTransportOptions): ConnectionOptions | undefined {
  if (tls === undefined || tls === false) return undefined
  const settings = tls === true ? {} : tls
  try {
    return { secureContext: createSecureContext(settings), ...settings }
  } catch (cause) {
    throw new ConfigError('memcached: tls holds a certificate or a key that cannot be read.', {
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
