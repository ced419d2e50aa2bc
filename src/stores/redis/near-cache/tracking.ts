/**
 * The connection on which a Redis server reports what changes under a prefix: `CLIENT TRACKING` in broadcast mode,
 * redirected to the connection that asks for it, which works over every client.
 *
 * @module
 */

import { randomUUID } from 'node:crypto'

/** The callbacks of one connection. */
export interface TrackingListener {
  /** The keys have changed. Undefined: every key may have. */
  onChange(keys: readonly Buffer[] | undefined): void
  /** No more reports come. May be called twice. */
  onLost(error: unknown): void
}

/** One connection, which never reconnects. */
export interface TrackingConnection {
  /** Connects and subscribes to every change from then on. */
  start(): Promise<void>
  /**
   * Resolves when every change has been reported that the server of the program's own client had made when this was
   * called. Never resolves when this connection leads to another server.
   */
  confirm(): Promise<void>
  /** Closes it at once. */
  end(): void
}

/** Opens the connections for one client. */
export interface Tracker {
  open(listener: TrackingListener): TrackingConnection
  /** Calls back at each disconnection of the program's own client. The result removes the callback. */
  onDisconnect(callback: () => void): () => void
}

/** What is asked of a connection, in one shape for every client. */
interface Connection {
  connect(): Promise<unknown>
  send(words: string[]): Promise<unknown>
  subscribe(
    channels: string[],
    onMessage: (channel: string, message: unknown) => void,
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

/** Either kind of client. */
type EitherClient = Partial<NodeRedis & IoRedis> & {
  publish(channel: string, message: string): Promise<unknown>
}

const INVALIDATIONS = '__redis__:invalidate'

/**
 * @param client A client of node-redis, ioredis or iovalkey with one connection.
 * @param prefix What every key begins with, and the channel on which the store publishes to itself.
 */
export function trackerOf(client: object, prefix: string): Tracker {
  const either = client as EitherClient
  const isNodeRedis = typeof either.sendCommand === 'function' && 'isOpen' in either

  return {
    open: (listener) =>
      track(
        isNodeRedis
          ? overNodeRedis(either as NodeRedis, listener)
          : overIoRedis(either as IoRedis, listener),
        prefix,
        (channel, message) => either.publish(channel, message),
        listener,
      ),

    onDisconnect(callback) {
      const emitter = either as Emitter
      const events = isNodeRedis ? ['reconnecting', 'terminated', 'end'] : ['close', 'end']
      for (const event of events) emitter.on(event, callback)
      return () => {
        for (const event of events) emitter.off(event, callback)
      }
    },
  }
}

function track(
  connection: Connection,
  prefix: string,
  publish: (channel: string, message: string) => Promise<unknown>,
  { onChange }: TrackingListener,
): TrackingConnection {
  const channel = `${prefix}near-cache:${randomUUID()}`
  const waiting = new Map<string, () => void>()
  let published = 0

  function onMessage(from: string, message: unknown): void {
    if (from === channel) waiting.get(String(message))?.()
    else if (message === null) onChange(undefined)
    // Any client may publish text to that channel, but only the server sends arrays.
    else if (Array.isArray(message)) onChange(message)
  }

  return {
    async start() {
      await connection.connect()
      const id = String(await connection.send(['CLIENT', 'ID']))
      const words = prefix === '' ? [] : ['PREFIX', prefix]
      await connection.send(['CLIENT', 'TRACKING', 'ON', 'REDIRECT', id, 'BCAST', ...words])
      await connection.subscribe([INVALIDATIONS, channel], onMessage)
    },
    async confirm() {
      const message = String(published++)
      const received = new Promise<void>((resolve) => waiting.set(message, resolve))
      try {
        // Published on the program's own connection: it proves that both connections lead to the same server.
        await publish(channel, message)
        await received
      } finally {
        waiting.delete(message)
      }
      // A server sends its reports at the end of each turn of its event loop, so possibly after that message. The reply
      // to a command of a later turn comes after them.
      await connection.ping()
    },
    end: () => connection.end(),
  }
}

function overNodeRedis(client: NodeRedis, { onLost }: TrackingListener): Connection {
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
  connection.on('error', onLost)
  connection.on('end', () => onLost(undefined))
  // The program's own client decides how long the process lives, not this connection.
  connection.unref()
  return {
    connect: () => connection.connect(),
    send: (words) => connection.sendCommand(words),
    subscribe: (channels, onMessage) =>
      connection.subscribe(
        channels,
        (message, channel) => onMessage(channel.toString(), message),
        true,
      ),
    ping: () => connection.ping(),
    end() {
      // Some versions throw when the connection is closed already.
      if (connection.isOpen) connection.destroy()
    },
  }
}

function overIoRedis(client: IoRedis, { onLost }: TrackingListener): Connection {
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
  connection.on('error', onLost)
  connection.on('end', () => onLost(undefined))
  // As above: it does not keep the process alive.
  connection.on('connect', () => connection.stream?.unref?.())
  return {
    connect: () => connection.connect(),
    send: (words) => connection.call(...words),
    subscribe(channels, onMessage) {
      connection.on('messageBuffer', (channel: Buffer, message: unknown) =>
        onMessage(channel.toString(), message),
      )
      return connection.subscribe(...channels)
    },
    ping: () => connection.ping(),
    end: () => connection.disconnect(),
  }
}
