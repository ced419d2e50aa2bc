/** A TCP proxy that breaks the way to a server: late, silent, refused, cut, or cut with the reply already on its way. */

import { createServer, connect as open, type Server, type Socket } from 'node:net'

export interface FaultProxy {
  /** Where it listens, on 127.0.0.1. */
  readonly port: number
  /** A URL of the server, through the proxy. */
  url(original: string): string
  /**
   * Lets the next request through, or the next one that matches, and cuts its connection when the reply arrives: the
   * server has done it, and the client does not know. Resolves once that has happened.
   */
  loseNextReply(matches?: (request: Buffer) => boolean): Promise<void>
  /** Resolves to the connection of the next request that matches, before a reply to it can come. */
  connectionOf(matches: (request: Buffer) => boolean): Promise<CaughtConnection>
  /** Leads new connections to another server. */
  redirect(to: { host: string; port: number }): void
  /** Makes each reply come that much later, in ms. */
  delay(ms: number): void
  /** Holds back everything in both directions, without an error; what was held goes on when it is switched off. */
  blackhole(on: boolean): void
  /** Refuses new connections. Those that are open stay: see {@link FaultProxy.cut}. */
  refuse(on: boolean): Promise<void>
  /** Cuts all connections with a reset. */
  cut(): void
  /** Cuts all connections and listens no more. */
  close(): Promise<void>
}

/** One connection among others. */
export interface CaughtConnection {
  /** Holds back all that comes back on it. */
  hold(): void
  /** Lets go what was held, and holds no more. */
  release(): void
}

interface Connection {
  readonly client: Socket
  readonly server: Socket
  /** Called when the reply arrives that is to be lost. */
  lost?: (() => void) | undefined
  /** What is held back. */
  held?: Buffer[] | undefined
}

interface Order {
  readonly matches: (request: Buffer) => boolean
  readonly apply: (connection: Connection) => void
}

/** Opens a proxy on a free port. */
export async function faultProxy(target: { host: string; port: number }): Promise<FaultProxy> {
  const connections = new Set<Connection>()
  const orders: Order[] = []
  let to = target
  let late = 0
  let silent = false

  const listener = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const server = open({ ...to, allowHalfOpen: true, noDelay: true })
    const connection: Connection = { client, server }
    connections.add(connection)
    client.on('data', (request: Buffer) => {
      const at = orders.findIndex(({ matches }) => matches(request))
      if (at !== -1) orders.splice(at, 1)[0]?.apply(connection)
      server.write(request)
    })
    server.on('data', (reply: Buffer) => {
      if (connection.held !== undefined) {
        connection.held.push(reply)
      } else if (connection.lost === undefined) {
        pass(() => client.write(reply))
      } else {
        reset(connection)
        connection.lost()
      }
    })
    client.on('end', () => server.end())
    server.on('end', () => pass(() => client.end()))
    let waiting = 0
    let last = Promise.resolve()
    /** Goes on after the delay, and after what came before. */
    function pass(go: () => void): void {
      if (late === 0 && waiting === 0) {
        go()
        return
      }
      waiting++
      const due = new Promise<void>((resolve) => setTimeout(resolve, late))
      last = Promise.all([last, due]).then(() => {
        waiting--
        go()
      })
    }
    for (const socket of [client, server]) {
      if (silent) socket.pause()
      socket.on('error', () => reset(connection))
      socket.on('close', () => {
        client.destroy()
        server.destroy()
        connections.delete(connection)
      })
    }
  })

  const port = await listen(listener, 0)
  return {
    port,
    url(original) {
      const url = new URL(original)
      url.hostname = '127.0.0.1'
      url.port = String(port)
      return url.href
    },
    loseNextReply: (matches = () => true) =>
      new Promise((done) =>
        orders.push({
          matches,
          apply(connection) {
            connection.lost = done
          },
        }),
      ),
    connectionOf: (matches) =>
      new Promise((resolve) =>
        orders.push({
          matches,
          apply: (connection) =>
            resolve({
              hold() {
                connection.held ??= []
              },
              release() {
                for (const reply of connection.held ?? []) connection.client.write(reply)
                connection.held = undefined
              },
            }),
        }),
      ),
    redirect(another) {
      to = another
    },
    delay(ms) {
      late = ms
    },
    blackhole(on) {
      silent = on
      for (const { client, server } of connections) {
        for (const socket of [client, server]) on ? socket.pause() : socket.resume()
      }
    },
    async refuse(on) {
      if (on === !listener.listening) return
      if (on) listener.close()
      else await listen(listener, port)
    },
    cut,
    async close() {
      cut()
      await new Promise<void>((resolve) => listener.close(() => resolve()))
    },
  }

  function cut(): void {
    for (const connection of connections) reset(connection)
  }
}

function reset({ client, server }: Connection): void {
  client.resetAndDestroy()
  server.resetAndDestroy()
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject)
      resolve((server.address() as { port: number }).port)
    })
  })
}
