/** Real servers of Memcached for its tests, and a foreign client that knows nothing but bytes. */

import { connect } from 'node:net'
import { findProgram } from '../../scripts/services/programs.ts'
import { startMemcached } from '../../scripts/services/servers/memcached.ts'
import { type RunningServer, startServer } from '../../scripts/services/servers/running-server.ts'

/** Why no server can be started; undefined: one can. */
export const missing: string | undefined =
  findProgram('memcached') === undefined ? 'memcached is not installed' : undefined

/** Time limits that a busy machine keeps as well, for tests that are not about them. */
export const PATIENT = { connectTimeout: '30s', timeout: '30s' } as const

/** Starts a server of its own, with more arguments. */
export function start(...more: string[]): Promise<RunningServer> {
  return startMemcached({ arguments: more })
}

/** Starts a server that does not answer a client without a password or TLS. */
export function startGuarded(...more: string[]): Promise<RunningServer> {
  const command = findProgram('memcached') ?? ''
  return startServer(
    {
      name: 'memcached',
      command: (_, port) => [command, '-l', '127.0.0.1', '-p', `${port}`, '-U', '0', ...more],
      url: (port) => `memcached://127.0.0.1:${port}`,
      answers: (port) =>
        new Promise((resolve) => {
          const socket = connect(port, '127.0.0.1', () => resolve(true))
          socket.on('connect', () => socket.destroy())
          socket.on('error', () => resolve(false))
        }),
    },
    {},
  )
}

export function portOf(url: string): number {
  return Number(new URL(url).port)
}

/** Sends bytes over a connection of its own; resolves to what has come when `complete` matches its end. */
export function foreign(url: string, request: string, complete = /\r\n$/): Promise<string> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url)
    const socket = connect(Number(port), hostname, () => socket.write(request, 'latin1'))
    let answer = ''
    socket.setEncoding('latin1')
    socket.setTimeout(5_000, () => socket.destroy(new Error('no answer')))
    socket.on('error', reject)
    socket.on('data', (chunk: string) => {
      answer += chunk
      if (!complete.test(answer)) return
      resolve(answer)
      socket.destroy()
    })
  })
}

/** Writes as Flask-Session does: blindly, with flags 0. */
export async function foreignSet(url: string, key: string, value: Uint8Array): Promise<void> {
  const text = Buffer.from(value).toString('latin1')
  const answer = await foreign(url, `set ${key} 0 100 ${value.length}\r\n${text}\r\n`)
  if (answer !== 'STORED\r\n') throw new Error(`set: ${answer}`)
}

/** The server's counters. */
export async function stats(url: string): Promise<Record<string, number>> {
  const answer = await foreign(url, 'stats\r\n', /END\r\n$/)
  const lines = [...answer.matchAll(/STAT (\S+) (\S+)/g)]
  return Object.fromEntries(lines.map(([, name, value]) => [name, Number(value)]))
}
