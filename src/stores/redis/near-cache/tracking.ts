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
  subscribe(channels: string[], listener: MessageListener): Promise<unknown>
  end(): void
}

/** The server sends lists of keys, or null; a client sends text. */
type MessageListener = (channel: string, message: unknown) => void

/** What both kinds of client have. */
interface Client {
  on(event: string, listener: (...args: never[]) => void): unknown
  off(event: string, listener: (...args: never[]) => void): unknown
  connect(): Promise<unknown>
  publish(channel: string, message: string): Promise<unknown>
}

interface NodeRedis extends Client {
  readonly isOpen: boolean
  readonly options?: { readonly socket?: object }
  duplicate(overrides: object): NodeRedis
  unref(): void
  sendCommand(words: string[]): Promise<unknown>
  subscribe(
    channels: string[],
    listener: (message: unknown, channel: Buffer) => void,
    buffers: true,
  ): Promise<unknown>
  destroy(): void
}

interface IoRedis extends Client {
  readonly stream?: { unref?(): void }
  duplicate(overrides: object): IoRedis
  call(...words: string[]): Promise<unknown>
  subscribe(...channels: string[]): Promise<unknown>
  disconnect(): void
}

const INVALIDATIONS = '__redis__:invalidate'

/**
 * @param client A client of node-redis, ioredis or iovalkey with one connection.
 * @param prefix What every key begins with, and the channel on which the store publishes to itself.
 */
export function trackerOf(client: object, prefix: string): Tracker {
  const isNodeRedis = 'isOpen' in client
  const events = isNodeRedis ? ['reconnecting', 'terminated', 'end'] : ['close', 'end']
  const program = client as Client
  return {
    open(listener) {
      const connection = isNodeRedis
        ? overNodeRedis(client as NodeRedis, listener)
        : overIoRedis(client as IoRedis, listener)
      return track(connection, prefix, program, listener)
    },
    onDisconnect(callback) {
      for (const event of events) program.on(event, callback)
      return () => {
        for (const event of events) program.off(event, callback)
      }
    },
  }
}

function track(
  connection: Connection,
  prefix: string,
  program: Client,
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
        await program.publish(channel, message)
        await received
      } finally {
        waiting.delete(message)
      }
      // A server sends its reports at the end of each turn of its event loop, so possibly after that message. The reply
      // to a command of a later turn comes after them.
      await connection.send(['PING'])
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
    subscribe: (channels, listener) =>
      connection.subscribe(channels, (message, from) => listener(String(from), message), true),
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
    send: ([name = '', ...words]) => connection.call(name.toLowerCase(), ...words),
    subscribe(channels, listener) {
      connection.on('messageBuffer', (from: Buffer, message: unknown) =>
        listener(String(from), message),
      )
      return connection.subscribe(...channels)
    },
    end: () => connection.disconnect(),
  }
}
