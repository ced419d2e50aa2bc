/** What comes of a server that is none, or an old one: played by a TCP server of these tests. */

import { createServer, type Server, type Socket } from 'node:net'
import { StoreError } from 'vial'
import {
  type MemcachedTransport,
  type MemcachedTransportOptions,
  memcachedTransport,
} from 'vial/stores/memcached-transport'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { bytes } from '../support/bytes.ts'
import { failureOf } from '../support/failure-of.ts'
import { PATIENCE } from '../support/patience.ts'
import { PATIENT } from './memcached-server.ts'

const ended: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end()
})

function transport(options: MemcachedTransportOptions): MemcachedTransport {
  const made = memcachedTransport({ ...PATIENT, ...options })
  ended.push(() => made.close())
  return made
}

/** A server that answers each piece of data with a reply of the test. */
async function impostor(answer: (received: string, socket: Socket, turn: number) => void) {
  const sockets: Socket[] = []
  const server: Server = createServer((socket) => {
    sockets.push(socket)
    let turn = 0
    socket.on('error', () => undefined)
    socket.on('data', (received) => answer(received.toString('latin1'), socket, turn++))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  ended.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { servers: `127.0.0.1:${(server.address() as { port: number }).port}`, sockets }
}

/** Greets as Memcached does; what comes next is up to the test. */
function greeting(then: (received: string, socket: Socket) => void) {
  return impostor((received, socket) =>
    received === 'mn\r\n' ? socket.write('MN\r\n') : then(received, socket),
  )
}

/** The number that the answer to the first of these commands has to repeat. */
const numberOf = (received: string) => / O(\w+)\r\n/.exec(received)?.[1] ?? ''

const read = { verb: 'mg', key: 'a', flags: 'v c' } as const
const write = { verb: 'ms', key: 'a', flags: 'c', value: bytes('x') } as const

describe('something that is no Memcached', () => {
  const nonsense: [string, string][] = [
    ['another protocol', 'HTTP/1.1 400 Bad Request\r\n\r\n'],
    ['random bytes', '\u0000\u00ff\u0007\n\r\n'],
    ['an answer without the number', 'HD\r\n'],
    ["an answer with another's number", 'HD Ozz\r\n'],
    ['the same answer twice', 'HD O#\r\nHD O#\r\n'],
    ['a value that goes on', 'VA 1 O#\r\nxxxxx\r\n'],
    ['an end without a beginning', '\r\n'],
  ]

  test.each(nonsense)('answers with %s: a typed error, and connected again', async (_, answer) => {
    const { servers, sockets } = await greeting((received, socket) =>
      socket.write(answer.replaceAll('#', numberOf(received)), 'latin1'),
    )
    const client = transport({ servers })
    const results = await Promise.allSettled([client.send(write), client.send(write)])
    const last = results[1] as PromiseRejectedResult
    expect(last.reason).toBeInstanceOf(StoreError)
    expect(last.reason).toMatchObject({ outcome: 'unknown', retriable: true })
    await client.send(read).catch((error: StoreError) => expect(error.outcome).toBe('not-done'))
    expect(sockets.length).toBe(2)
  })

  test("is never taken for the answer to another's question", async () => {
    // The answer to the first command is lost on the way.
    const numbers: string[] = []
    const { servers } = await greeting((received, socket) => {
      numbers.push(numberOf(received))
      if (numbers.length === 2) socket.write(`VA 6 O${numbers[1]}\r\nsecret\r\n`)
    })
    const client = transport({ servers })
    const first = failureOf(client.send({ ...read, key: 'one' }))
    await vi.waitFor(() => expect(numbers.length).toBe(1), PATIENCE)
    const second = failureOf(client.send({ ...read, key: 'two' }))
    expect((await Promise.all([first, second])).map(({ outcome }) => outcome)).toEqual([
      'not-done',
      'not-done',
    ])
  })

  test('that floods is cut off', async () => {
    const { servers, sockets } = await greeting((_, socket) => {
      for (let n = 0; n < 100; n++) socket.write('x'.repeat(1_000))
    })
    await failureOf(transport({ servers }).send(read))
    await vi.waitFor(() => expect(sockets[0]?.destroyed).toBe(true), PATIENCE)
  })

  test('that says nothing, or half of it, is given up after the timeout', async () => {
    const { servers } = await greeting((_, socket) => socket.write('VA 10 O1\r\nhal'))
    const client = transport({ servers, timeout: 50 })
    const error = await failureOf(client.send(write))
    expect(error).toMatchObject({ outcome: 'unknown', retriable: true })
    expect(error.message).toContain('did not answer within 50 ms')
  })

  test('that does not greet is given up before anything is sent', async () => {
    const { servers } = await impostor(() => undefined)
    const error = await failureOf(transport({ servers, connectTimeout: 50 }).send(write))
    expect(error).toMatchObject({ outcome: 'not-done', retriable: true })
    expect(error.message).toContain('did not connect within 50 ms')
  })

  test('Memcached before 1.6: the error names the fix', async () => {
    const { servers } = await impostor((_, socket) => socket.write('ERROR\r\n'))
    const error = await failureOf(transport({ servers }).send(write))
    expect(error).toMatchObject({ outcome: 'not-done', retriable: false })
    expect(error.message).toContain('Install Memcached 1.6 or later')
  })

  test('a server that is full is tried again later', async () => {
    const { servers } = await impostor((_, socket) =>
      socket.end('SERVER_ERROR Too many open connections\r\n'),
    )
    expect(await failureOf(transport({ servers }).send(write))).toMatchObject({
      outcome: 'not-done',
      retriable: true,
    })
  })

  test('many commands for a server that is down make few attempts', async () => {
    const { servers, sockets } = await impostor((_, socket) => socket.destroy())
    const client = transport({ servers })
    const startedAt = performance.now()
    let elapsed = 0
    for (let failed = 0; failed < 500 || elapsed < 300; failed += 50) {
      await Promise.all(Array.from({ length: 50 }, () => failureOf(client.send(write))))
      elapsed = performance.now() - startedAt
    }
    // Twice at once, then after pauses of at least 25, 50, 100, … ms.
    let attempts = 2
    for (let pause = 25, at = 25; at <= elapsed; at += pause) {
      attempts++
      pause = Math.min(500, 2 * pause)
    }
    expect(sockets.length).toBeLessThanOrEqual(attempts)
  })
})
