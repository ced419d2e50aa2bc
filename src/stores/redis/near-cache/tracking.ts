/**
 * The connection on which a Redis server tells what changes under a prefix: `CLIENT TRACKING` by broadcast, redirected
 * to the very connection that asks for it, which is what works over every client.
 *
 * @module
 */

import { randomUUID } from 'node:crypto'
import { ConfigError } from '../../../errors.ts'
import type { RedisClient } from '../client.ts'

/** Who hears of what comes over one connection. */
export interface TrackingListener {
  /** The keys have changed. Undefined: every key may have. */
  changed(keys: readonly Buffer[] | undefined): void
  /** Nothing more comes; may be told twice. */
  lost(error: unknown): void
}

/** One connection, for as long as it lasts. */
export interface TrackingConnection {
  /** Connects and has the server tell of all that changes from then on. */
  start(): Promise<void>
  /**
   * Resolves when all has been told that had changed on the server of the program's own client at the time of the call.
   * Never resolves while another server is at the end of this connection.
   */
  confirm(): Promise<void>
  /** Ends it at once. */
  end(): void
}

/** What opens the connections for one client. */
export interface Tracker {
  open(listener: TrackingListener): TrackingConnection
  /** Hears of the end of every connection of the program's own client. Gives back what stops that. */
  onAway(away: () => void): () => void
}

/** What is asked of a connection of its own, in one shape for every client. */
interface Connection {
  connect(): Promise<unknown>
  send(words: string[]): Promise<unknown>
  subscribe(
    channels: string[],
    heard: (channel: string, message: unknown) => void,
  ): Promise<unknown>
  ping(): Promise<unknown>
  end(): void
}

interface Emitter {
  on(event: string, listener: (...args: never[]) => void): unknown
  off(event: string, listener: (...args: never[]) => void): unknown
}

interface NodeRedis extends Emitter {
  readonly isOpen: boolean
  readonly options?: { readonly socket?: object }
  duplicate(overrides: object): NodeRedis
  unref(): void
  connect(): Promise<unknown>
  sendCommand(words: string[]): Promise<unknown>
  subscribe(
    channels: string[],
    listener: (message: unknown, channel: Buffer) => void,
    buffers: true,
  ): Promise<unknown>
  ping(): Promise<unknown>
  destroy(): void
}

interface IoRedis extends Emitter {
  readonly stream?: { unref?(): void }
  duplicate(overrides: object): IoRedis
  connect(): Promise<unknown>
  call(...words: string[]): Promise<unknown>
  subscribe(...channels: string[]): Promise<unknown>
  ping(): Promise<unknown>
  disconnect(): void
}

/** All kinds of clients at once; each has some. */
type Visible = Partial<NodeRedis & IoRedis> & {
  readonly getSentinelNode?: unknown
  readonly masters?: unknown
  readonly nodes?: unknown
  publish(channel: string, message: string): Promise<unknown>
}

const INVALIDATIONS = '__redis__:invalidate'

/**
 * @param prefix What all keys begin with; also what the channel begins with on which it writes to itself.
 * @throws {ConfigError} When the client has more than one connection, or a prefix that is no text.
 */
export function trackerOf(client: RedisClient, prefix: string): Tracker {
  const visible = client as unknown as Visible
  const manyNodes =
    visible.masters !== undefined || visible.nodes !== undefined || visible.getSentinelNode
  if (manyNodes || typeof visible.duplicate !== 'function') {
    throw new ConfigError(
      'redisStore: nearCache needs a client with one connection: createClient() of redis, new Redis() of ioredis or iovalkey. Leave it out for a Cluster, a pool, or createSentinel().',
    )
  }
  // What a prefix of other bytes has become. The server would be asked for another one, and never tell.
  if (prefix.includes('\ufffd')) {
    throw new ConfigError('redisStore: nearCache needs a prefix, and a keyPrefix, of whole text.')
  }
  const isNodeRedis = typeof visible.sendCommand === 'function' && 'isOpen' in visible

  return {
    open: (listener) =>
      track(
        isNodeRedis
          ? overNodeRedis(visible as NodeRedis, listener)
          : overIoRedis(visible as IoRedis, listener),
        prefix,
        (channel, message) => visible.publish(channel, message),
        listener,
      ),

    onAway(away) {
      const emitter = visible as Emitter
      const events = isNodeRedis ? ['reconnecting', 'terminated', 'end'] : ['close', 'end']
      for (const event of events) emitter.on(event, away)
      return () => {
        for (const event of events) emitter.off(event, away)
      }
    },
  }
}

function track(
  connection: Connection,
  prefix: string,
  publish: (channel: string, message: string) => Promise<unknown>,
  { changed }: TrackingListener,
): TrackingConnection {
  const channel = `${prefix}near-cache:${randomUUID()}`
  const waiting = new Map<string, () => void>()
  let said = 0

  function heard(from: string, message: unknown): void {
    if (from === channel) waiting.get(String(message))?.()
    else if (message === null) changed(undefined)
    // Anybody may write to that channel, though only the server sends lists.
    else if (Array.isArray(message)) changed(message)
  }

  return {
    async start() {
      await connection.connect()
      const id = String(await connection.send(['CLIENT', 'ID']))
      const words = prefix === '' ? [] : ['PREFIX', prefix]
      await connection.send(['CLIENT', 'TRACKING', 'ON', 'REDIRECT', id, 'BCAST', ...words])
      await connection.subscribe([INVALIDATIONS, channel], heard)
    },
    async confirm() {
      const word = String(said++)
      const came = new Promise<void>((resolve) => waiting.set(word, resolve))
      try {
        // On the way that reads and writes go: it shows that both connections lead to the same server.
        await publish(channel, word)
        await came
      } finally {
        waiting.delete(word)
      }
      // A server tells what has changed at the end of each of its rounds, and so maybe after that word. Not after a word
      // of a later round.
      await connection.ping()
    },
    end: () => connection.end(),
  }
}

function overNodeRedis(client: NodeRedis, { lost }: TrackingListener): Connection {
  const connection = client.duplicate({
    RESP: 2,
    socket: { ...client.options?.socket, reconnectStrategy: false },
    commandOptions: {},
    disableOfflineQueue: true,
    clientSideCache: undefined,
    emitInvalidate: undefined,
    maintNotifications: 'disabled',
    pingInterval: undefined,
  })
  connection.on('error', lost)
  connection.on('end', () => lost(undefined))
  // It lasts as long as the program's own client, and keeps nothing alive by itself.
  connection.unref()
  return {
    connect: () => connection.connect(),
    send: (words) => connection.sendCommand(words),
    subscribe: (channels, heard) =>
      connection.subscribe(
        channels,
        (message, channel) => heard(channel.toString(), message),
        true,
      ),
    ping: () => connection.ping(),
    end() {
      // Some versions throw when it is closed already.
      if (connection.isOpen) connection.destroy()
    },
  }
}

function overIoRedis(client: IoRedis, { lost }: TrackingListener): Connection {
  const connection = client.duplicate({
    protocol: 2,
    replyMapping: undefined,
    lazyConnect: true,
    keyPrefix: '',
    retryStrategy: () => null,
    reconnectOnError: null,
    sentinelRetryStrategy: () => null,
    maxRetriesPerRequest: 0,
    autoResubscribe: false,
    enableReadyCheck: false,
    enableAutoPipelining: false,
  })
  connection.on('error', lost)
  connection.on('end', () => lost(undefined))
  // As above.
  connection.on('connect', () => connection.stream?.unref?.())
  return {
    connect: () => connection.connect(),
    send: (words) => connection.call(...words),
    subscribe(channels, heard) {
      connection.on('messageBuffer', (channel: Buffer, message: unknown) =>
        heard(channel.toString(), message),
      )
      return connection.subscribe(...channels)
    },
    ping: () => connection.ping(),
    end: () => connection.disconnect(),
  }
}
