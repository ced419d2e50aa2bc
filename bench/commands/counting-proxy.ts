/** A TCP proxy that counts bytes each way, round trips, and names in the requests. */

import { createServer, connect as open, type Socket } from 'node:net'

export interface Traffic {
  /** To the server, and back. */
  readonly sent: number
  readonly received: number
  /** Requests that are sent together count once. */
  readonly roundTrips: number
  /** What the pattern of {@link countingProxy} found in the requests. */
  readonly seen: readonly string[]
}

export interface CountingProxy {
  /** The URL of the server, through the proxy. */
  readonly url: string
  /** The traffic since the last call. */
  take(): Traffic
  close(): Promise<void>
}

/** @param pattern Its first group is the name to count in the requests. Absent: no names are counted. */
export async function countingProxy(url: string, pattern?: RegExp): Promise<CountingProxy> {
  const { hostname: host, port } = new URL(url)
  const sockets = new Set<Socket>()
  let traffic = { sent: 0, received: 0, roundTrips: 0, seen: [] as string[] }

  const listener = createServer({ noDelay: true }, (client) => {
    const server = open({ host, port: Number(port), noDelay: true })
    let waiting = false
    client.on('data', (request: Buffer) => {
      traffic.sent += request.length
      if (!waiting) traffic.roundTrips++
      waiting = true
      if (pattern !== undefined) {
        const found = request.toString('latin1').matchAll(pattern)
        traffic.seen.push(...[...found].map(([, name = '']) => name))
      }
      server.write(request)
    })
    server.on('data', (reply: Buffer) => {
      traffic.received += reply.length
      waiting = false
      client.write(reply)
    })
    for (const socket of [client, server]) {
      sockets.add(socket)
      socket.on('error', () => socket.destroy())
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        server.destroy()
      })
    }
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const own = new URL(url)
  own.hostname = '127.0.0.1'
  own.port = String((listener.address() as { readonly port: number }).port)
  return {
    url: own.href,
    take() {
      const taken = traffic
      traffic = { sent: 0, received: 0, roundTrips: 0, seen: [] }
      return taken
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => listener.close(() => resolve()))
    },
  }
}
