/** What the tests against real servers stand on: the proxy that breaks connections, and the servers themselves. */

import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { end, identify, isRunning, kill } from '../../scripts/services/processes.ts'
import { findProgram } from '../../scripts/services/programs.ts'
import { startRedis } from '../../scripts/services/servers/redis.ts'
import { redisCommand } from '../../scripts/services/servers/redis-command.ts'
import type { State } from '../../scripts/services/state.ts'
import { type FaultProxy, faultProxy } from '../support/fault-proxy.ts'
import { PATIENCE } from '../support/patience.ts'
import { service } from '../support/services.ts'

const endings: (() => unknown)[] = []
afterEach(async () => {
  vi.unstubAllEnvs()
  for (const end of endings.splice(0).reverse()) await end()
})

describe('the fault proxy', () => {
  let asked: string[]
  let proxy: FaultProxy
  beforeEach(async () => {
    asked = []
    const server = createServer((socket) => {
      socket.on('error', () => undefined)
      socket.on('data', (chunk) => {
        asked.push(chunk.toString())
        socket.write(`you said ${chunk}`)
      })
    })
    const port = await listening(server)
    proxy = await faultProxy({ host: '127.0.0.1', port })
    endings.push(
      () => server.close(),
      () => proxy.close(),
    )
  })

  test('passes on what is asked and answered', async () => {
    const client = await open(proxy.port)
    expect(await ask(client, 'one')).toBe('you said one')
    expect(await ask(client, 'two')).toBe('you said two')
  })

  test('gives a URL through itself, with all that the original has', () => {
    const through = (url: string) => proxy.url(url).replace(`${proxy.port}`, 'PORT')
    expect(through('redis://:pw@h:1/2?x=y')).toBe('redis://:pw@127.0.0.1:PORT/2?x=y')
    expect(through('postgres://u@h/db')).toBe('postgres://u@127.0.0.1:PORT/db')
    expect(through('http://h')).toBe('http://127.0.0.1:PORT/')
  })

  test('loses one reply: the server was asked, the client gets a reset and nothing else', async () => {
    const client = await open(proxy.port)
    const bystander = await open(proxy.port)
    expect(await ask(client, 'before')).toBe('you said before')
    const lost = proxy.loseNextReply()
    expect(await ask(client, 'lost')).toBe('ECONNRESET')
    expect(asked).toEqual(['before', 'lost'])
    await lost
    expect(await ask(bystander, 'after')).toBe('you said after')
    expect(await ask(await open(proxy.port), 'again')).toBe('you said again')
  })

  test('loses the reply to the request that matches', async () => {
    const client = await open(proxy.port)
    const lost = proxy.loseNextReply((request) => request.includes('write'))
    expect(await ask(client, 'read')).toBe('you said read')
    expect(await ask(client, 'write')).toBe('ECONNRESET')
    expect(asked).toEqual(['read', 'write'])
    await lost
  })

  test('delays replies and keeps their order', async () => {
    const client = await open(proxy.port)
    proxy.delay(100)
    const startedAt = Date.now()
    const all = collected(client, 'you said oneyou said two'.length)
    client.write('one')
    await vi.waitFor(() => expect(asked).toEqual(['one']), PATIENCE)
    proxy.delay(0)
    client.write('two')
    expect(await all).toBe('you said oneyou said two')
    expect(Date.now() - startedAt).toBeGreaterThanOrEqual(99)
  })

  test('holds everything back, without an error, and lets it go on', async () => {
    const client = await open(proxy.port)
    expect(await ask(client, 'before')).toBe('you said before')
    proxy.blackhole(true)
    const late = await open(proxy.port)
    const answers = [ask(client, 'one'), ask(late, 'two')]
    const first = await Promise.race([...answers, new Promise((go) => setTimeout(go, 100))])
    expect(first).toBeUndefined()
    expect(asked).toEqual(['before'])
    proxy.blackhole(false)
    expect(await Promise.all(answers)).toEqual(['you said one', 'you said two'])
  })

  test('refuses new connections, and takes them again', async () => {
    const client = await open(proxy.port)
    await proxy.refuse(true)
    await proxy.refuse(true)
    await expect(open(proxy.port)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    expect(await ask(client, 'still here')).toBe('you said still here')
    await proxy.refuse(false)
    expect(await ask(await open(proxy.port), 'back')).toBe('you said back')
  })

  test('cuts connections with a reset', async () => {
    const client = await open(proxy.port)
    expect(await ask(client, 'one')).toBe('you said one')
    const answer = ask(client, '')
    proxy.cut()
    expect(await answer).toBe('ECONNRESET')
  })

  test('breaks the connection to a server that is not there', async () => {
    const server = createServer()
    const port = await listening(server)
    await new Promise((resolve) => server.close(resolve))
    const nowhere = await faultProxy({ host: '127.0.0.1', port })
    endings.push(() => nowhere.close())
    expect(await ask(await open(nowhere.port), 'a question')).toBe('ECONNRESET')
  })
})

describe('processes', () => {
  test('are the same only with the same start', async () => {
    const own = identify(process.pid)
    expect(own && isRunning(own)).toBe(true)
    const stranger = { pid: process.pid, startedAt: 'another time' }
    expect(isRunning(stranger)).toBe(false)
    // Would end this very test.
    await end(stranger, 'SIGKILL')
    await kill(stranger)
  })
})

const redis = findProgram('redis-server') !== undefined
const why = 'redis-server is not installed'

describe('a private server', () => {
  beforeEach((ctx) => ctx.skip(!redis, why))

  test('answers, freezes, crashes, restarts on its port and leaves nothing behind', async () => {
    const server = await startRedis()
    endings.push(() => server.stop())
    const port = Number(new URL(server.url).port)
    const [, directory] = (await redisCommand(port, 'CONFIG', 'GET', 'dir')) as [string, string]
    await redisCommand(port, 'SET', 'a', '1')
    if (process.getuid?.() === 0) {
      const status = readFileSync(`/proc/${server.pid}/status`, 'utf8')
      expect(status).toMatch(/^Uid:\s+65534\s/m)
    }
    server.freeze()
    await expect(redisCommand(port, 'GET', 'a')).rejects.toThrow('no answer')
    server.thaw()
    expect(await redisCommand(port, 'GET', 'a')).toBe('1')

    const { pid } = server
    await server.kill()
    await expect(redisCommand(port, 'PING')).rejects.toThrow('ECONNREFUSED')
    await server.restart()
    expect(server.pid).not.toBe(pid)
    expect(await redisCommand(port, 'GET', 'a')).toBeUndefined()
    await server.stop()
    expect(existsSync(directory)).toBe(false)
  })

  test('has let go of its port once it is killed', async () => {
    const server = await startRedis()
    endings.push(() => server.stop())
    const port = Number(new URL(server.url).port)
    for (let round = 0; round < 10; round++) {
      await server.kill()
      await expect(redisCommand(port, 'PING')).rejects.toThrow('ECONNREFUSED')
      await server.restart()
    }
  })

  test('that cannot start is reported with its output', async () => {
    await expect(startRedis({ arguments: ['--no-such-option', '1'] })).rejects.toThrow(
      /ended by itself.*no-such-option/s,
    )
  })
})

describe('npm run services', () => {
  beforeEach((ctx) => ctx.skip(!redis, why))

  test('starts once, reports the state, notices a crash, and ends what it started', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'vial-test-'))
    endings.push(
      () => rm(folder, { recursive: true }),
      () => services(folder, 'down'),
    )
    const state = (): State => JSON.parse(readFileSync(join(folder, 'state.json'), 'utf8'))

    // At the same time: one waits for the other and finds its server.
    const [one, two] = await Promise.all([
      services(folder, 'up', 'redis'),
      services(folder, 'up', 'redis'),
    ])
    const url = state().redis?.url ?? ''
    expect([one.stdout, two.stdout].filter((text) => text.includes('started in'))).toHaveLength(1)
    expect([one.stdout, two.stdout].filter((text) => text.includes('was running'))).toHaveLength(1)
    expect(one.stdout).toContain(`export VIAL_TEST_REDIS_URL='${url}'`)
    expect(await redisCommand(Number(new URL(url).port), 'PING')).toBe('PONG')

    const [first] = state().redis?.processes ?? []
    expect((await services(folder, 'status')).stdout).toContain(`runs as ${first?.pid}`)
    if (first !== undefined) await kill(first)
    expect((await services(folder, 'status')).stdout).toContain('has ended')
    expect((await services(folder, 'up', 'redis')).stdout).toContain('started in')
    const [second] = state().redis?.processes ?? []
    const directory = state().redis?.directory ?? ''

    expect((await services(folder, 'down')).stdout).toContain('Ended redis.')
    expect(second && isRunning(second)).toBe(false)
    expect(existsSync(directory)).toBe(false)
    expect((await services(folder, 'down')).stdout).toContain('Nothing was running.')
  }, 60_000)

  test('uses a server that the environment names', async () => {
    vi.stubEnv('VIAL_TEST_MEMCACHED_URL', 'memcached://cache.example:11211')
    const { stdout, code } = await services(tmpdir(), 'up', 'memcached')
    expect(stdout).toContain('from VIAL_TEST_MEMCACHED_URL')
    expect(stdout).toContain("export VIAL_TEST_MEMCACHED_URL='memcached://cache.example:11211'")
    expect(code).toBe(0)
    expect(service('memcached')).toEqual({ url: 'memcached://cache.example:11211' })
  })

  test.each([[['up', 'oracle']], [['restart']], [[]]])('refuses %j', async (args) => {
    const { stderr, code } = await services(tmpdir(), ...args)
    expect(stderr).toContain('Usage: npm run services -- up [NAME…] | down [NAME…] | status')
    expect(code).toBe(2)
  })
})

interface Ended {
  readonly stdout: string
  readonly stderr: string
  readonly code: number
}

/** Runs the command, with its state in a folder of its own, so that what a developer has running stays. */
function services(folder: string, ...args: readonly string[]): Promise<Ended> {
  const main = fileURLToPath(new URL('../../scripts/services/main.ts', import.meta.url))
  const env = { ...process.env, VIAL_SERVICES_FOLDER: folder, VIAL_SERVICES_PORT: '29000' }
  return new Promise((resolve) => {
    const all = ['--import', import.meta.resolve('tsx'), main, ...args]
    execFile(process.execPath, all, { env }, (error, stdout, stderr) =>
      resolve({ stdout, stderr, code: Number(error?.code ?? 0) }),
    )
  })
}

function listening(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port))
  })
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => resolve(socket))
    socket.on('error', reject)
    endings.push(() => socket.destroy())
  })
}

/** The next chunk, or the code of the error that comes in its place. */
function ask(socket: Socket, text: string): Promise<string> {
  return new Promise((resolve) => {
    socket.once('data', (chunk) => resolve(chunk.toString()))
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''))
    socket.once('end', () => resolve('the end'))
    if (text !== '') socket.write(text)
  })
}

function collected(socket: Socket, length: number): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk.toString()
      if (text.length >= length) resolve(text)
    })
  })
}
