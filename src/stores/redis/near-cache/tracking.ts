/**
 * The connection on which a Redis server reports what changes under a prefix: `CLIENT TRACKING` in broadcast mode,
 * redirected to the connection that asks for it, which works over every client.
 */

import { randomUUID } from 'node:crypto'

/** The callbacks of one connection. Each may be called more than once. */
export interface TrackingListener {
  /** The keys have changed. Undefined: every key may have. */
  onChange(keys: readonly Buffer[] | undefined): void
  /** No more reports come. */
  onLost(error?: unknown): void
  /** The program's own client has disconnected. It may come back on another server, which this connection does not see. */
  onDisconnect(): void
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

/** Makes a connection beside that of the program's client. */
export type Track = (listener: TrackingListener) => TrackingConnection

/** The server sends lists of keys, or null; a client sends text. */
type OnMessage = (channel: string, message: unknown) => void

/** What both kinds of client have. */
interface Client {
  on(event: string, listener: (...args: never[]) => void): unknown
  off(event: string, listener: (...args: never[]) => void): unknown
  connect(): Promise<unknown>
  publish(channel: string, message: string): Promise<unknown>
  subscribe(...args: unknown[]): Promise<unknown>
}

/** A second client of the same kind, and what differs between the kinds. */
interface Duplicate {
  readonly client: Client
  send(words: string[]): Promise<unknown>
  subscribe(channels: string[]): Promise<unknown>
  end(): void
}

interface NodeRedis extends Client {
  readonly isOpen: boolean
  readonly options?: { readonly socket?: object }
  duplicate(overrides: object): NodeRedis
  unref(): void
  sendCommand(words: string[]): Promise<unknown>
  destroy(): void
}

interface IoRedis extends Client {
  readonly stream?: { unref?(): void }
  duplicate(overrides: object): IoRedis
  call(...words: string[]): Promise<unknown>
  disconnect(): void
}

const INVALIDATIONS = '__redis__:invalidate'

/**
 * @param client A client of node-redis, ioredis or iovalkey with one connection.
 * @param prefix What every key begins with, and the channel on which the store publishes to itself.
 */
export function trackerOf(client: object, prefix: string): Track {
  const isNodeRedis = 'isOpen' in client
  const events = isNodeRedis ? ['reconnecting', 'terminated', 'end'] : ['close', 'end']
  const program = client as Client

  return ({ onChange, onLost, onDisconnect }) => {
    const channel = `${prefix}near-cache:${randomUUID()}`
    const waiting = new Map<string, () => void>()
    let published = 0
    const connection = isNodeRedis
      ? duplicateNodeRedis(client as NodeRedis, onMessage)
      : duplicateIoRedis(client as IoRedis, onMessage)
    connection.client.on('error', onLost)
    connection.client.on('end', () => onLost())
    for (const event of events) program.on(event, onDisconnect)

    function onMessage(from: string, message: unknown): void {
      if (from === channel) waiting.get(String(message))?.()
      else if (message === null) onChange(undefined)
      // Any client may publish text to that channel, but only the server sends arrays.
      else if (Array.isArray(message)) onChange(message)
    }

    return {
      async start() {
        await connection.client.connect()
        const id = String(await connection.send(['CLIENT', 'ID']))
        const words = prefix === '' ? [] : ['PREFIX', prefix]
        await connection.send(['CLIENT', 'TRACKING', 'ON', 'REDIRECT', id, 'BCAST', ...words])
        await connection.subscribe([INVALIDATIONS, channel])
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
        // A server sends its reports at the end of each turn of its event loop, so possibly after that message. The
        // reply to a command of a later turn comes after them.
        await connection.send(['PING'])
      },
      end() {
        for (const event of events) program.off(event, onDisconnect)
        connection.end()
      },
    }
  }
}

function duplicateNodeRedis(program: NodeRedis, onMessage: OnMessage): Duplicate {
  const client = program.duplicate({
    RESP: 2,
    socket: { ...program.options?.socket, reconnectStrategy: false },
    commandOptions: {},
    disableOfflineQueue: true,
    clientSideCache: undefined,
    emitInvalidate: undefined,
    maintNotifications: 'disabled',
    pingInterval: undefined,
  })
  // The program's own client decides how long the process lives, not this one.
  client.unref()
  const listener = (message: unknown, channel: Buffer) => onMessage(String(channel), message)
  return {
    client,
    send: (words) => client.sendCommand(words),
    subscribe: (channels) => client.subscribe(channels, listener, true),
    end() {
      // Some versions throw when the connection is closed already.
      if (client.isOpen) client.destroy()
    },
  }
}

function duplicateIoRedis(program: IoRedis, onMessage: OnMessage): Duplicate {
  const client = program.duplicate({
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
  // As above: it does not keep the process alive.
  client.on('connect', () => client.stream?.unref?.())
  client.on('messageBuffer', (channel: Buffer, message) => onMessage(String(channel), message))
  return {
    client,
    send: ([name = '', ...words]) => client.call(name.toLowerCase(), ...words),
    subscribe: (channels) => client.subscribe(...channels),
    end: () => client.disconnect(),
  }
}
