/** What an opened store does, and its program, when the server is away: at the start, in between, and at the end. */

import { type ChildProcess, spawn } from 'node:child_process'
import { createServer, type Server } from 'node:net'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import { StoreError } from 'vial'
import { openStore } from 'vial/stores/open'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { type FaultProxy, faultProxy } from '../support/fault-proxy.ts'
import { PATIENCE } from '../support/patience.ts'
import { service } from '../support/services.ts'
import { failureOf, loading, schemes, titled, urlsAt } from './open-schemes.ts'

const PASSWORD = 's3cr3t-pass'

/** A server that does this with each connection; resolves to its address. */
async function listening(serve: Parameters<typeof createServer>[1]) {
  const server: Server = createServer(serve)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  return { address: `127.0.0.1:${port}`, close: () => server.close() }
}

/** The address of a free port. */
async function freeAddress(): Promise<string> {
  const { address, close } = await listening(() => undefined)
  close()
  return address
}

let cutting: Awaited<ReturnType<typeof listening>>
let silent: Awaited<ReturnType<typeof listening>>
let free = ''
beforeAll(async () => {
  cutting = await listening((socket) => socket.destroy())
  silent = await listening((socket) => socket.on('error', () => undefined))
  free = await freeAddress()
})
afterAll(() => {
  cutting.close()
  silent.close()
})

describe('a server that does not answer is a StoreError', () => {
  const places = [
    ['no program listens', () => free],
    ['connections are cut', () => cutting.address],
    ['nothing is said', () => silent.address],
  ] as const
  const cases = places.flatMap(([what, address]) =>
    ['redis5', undefined].flatMap((client) =>
      urlsAt('ADDRESS', PASSWORD)
        .filter((url) => client === undefined || url.startsWith('redis:'))
        .map((url) => {
          const by = client === undefined ? '' : ` by ${client}`
          return [`${url.split('//')[0]}${by}, where ${what}`, url, address, client] as const
        }),
    ),
  )

  // Some five seconds each; the clients' own limits, and theirs that have none, are far beyond.
  test.concurrent.for(cases)('%s', async ([, url, address, client], { expect }) => {
    const error = await failureOf(url.replace('ADDRESS', address()), { load: loading(client) })
    expect(error).toBeInstanceOf(StoreError)
    expect(error).toMatchObject({ outcome: 'not-done', retriable: true })
    expect(inspect(error, { depth: 8 })).not.toContain(PASSWORD)
  })

  test.for(['redis', 'redis5'])('and nothing goes on in the background, by %s', async (client) => {
    const reports: unknown[] = []
    for (const address of [free, cutting.address]) {
      await failureOf(`redis://user:${PASSWORD}@${address}`, {
        load: loading(client),
        onError: (error) => reports.push(error),
      })
    }
    const before = reports.length
    expect(before).toBeGreaterThan(0)
    // It would have tried again a few times.
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(reports.length).toBe(before)
  })

  test.for([
    ['redis', 'redis', 'redis', 'refused the credentials. Check the user name and the password'],
    ['redis5', 'redis', 'redis', 'refused the credentials. Check the user name and the password'],
    ['mysql2', 'mariadb', 'mysql', 'refused the credentials'],
  ] as const)('nor is one that refuses the password: %s', async (given, { skip }) => {
    const [client, name, scheme, code] = given
    const found = service(name)
    if ('missing' in found) return skip(found.missing)
    const { host } = new URL(found.url)
    const url = `${scheme}://user:${PASSWORD}@${host}/${scheme === 'mysql' ? 'test' : '0'}`
    const error = await failureOf(url, { load: loading(client) })
    expect(error).toBeInstanceOf(StoreError)
    expect(error?.message).toContain(code)
    expect(error).toMatchObject({ retriable: false })
    expect(inspect(error, { depth: 8 })).not.toContain(PASSWORD)
  })

  test.for([
    ['DENIED Redis is running in protected mode', 'protected mode', false],
    ['ERR max number of clients reached', 'Raise maxclients', true],
    ['LOADING Redis is loading the dataset in memory', 'loading its data', true],
    ['NOAUTH Authentication required.', 'requires a password. Write one in the URL', false],
    ['ERR DB index is out of range', 'ERR DB index is out of range', false],
  ] as const)('nor is a Redis that answers the handshake: %s', async ([reply, text, retriable]) => {
    const refusing = await listening((socket) => {
      socket.on('error', () => undefined)
      socket.on('data', (commands) => {
        const count = commands.toString().match(/^\*\d/gm)?.length ?? 0
        socket.write(`-${reply}\r\n`.repeat(count))
      })
    })
    const error = await failureOf(`redis://:${PASSWORD}@${refusing.address}/7`)
    refusing.close()
    expect(error).toMatchObject({ outcome: 'not-done', retriable })
    expect(error?.message).toContain(text)
  })

  test('a server without TLS is reported as such', async () => {
    const plain = await listening((socket) => {
      socket.on('error', () => undefined)
      socket.on('data', () => socket.end('-ERR unknown command\r\n'))
    })
    const error = await failureOf(`rediss://${plain.address}`)
    plain.close()
    expect(error?.message).toContain('TLS failed (ERR_SSL_')
    expect(error).toMatchObject({ outcome: 'not-done', retriable: false })
  })

  test('a name with several addresses is reported as one that cannot be reached', async () => {
    const error = await failureOf(`redis://localhost:${free.split(':')[1]}`)
    expect(error?.message).toContain('cannot be reached (ECONNREFUSED)')
  })
})

describe('with a proxy before the server', () => {
  const proxies: FaultProxy[] = []
  const children: ChildProcess[] = []

  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL')
    for (const proxy of proxies.splice(0)) await proxy.close()
  })

  async function proxied(url: string): Promise<FaultProxy> {
    const { hostname: host, port } = new URL(url)
    const proxy = await faultProxy({ host, port: Number(port) })
    proxies.push(proxy)
    return proxy
  }

  test.for(titled(schemes))(
    '%s a connection that breaks is a StoreError; served again by another one',
    async ([, { client, server, on }], { skip }) => {
      if ('missing' in server) return skip(server.missing)
      const proxy = await proxied(server.url)
      const store = await openStore(on(proxy.url(server.url)), {
        create: true,
        load: loading(client),
      })
      proxy.blackhole(true)
      const read = async () => store.read('a')
      const reading = read().then(
        () => undefined,
        (error: unknown) => error,
      )
      // Time for it to leave, in part: where it has not, it fails all the same.
      await new Promise(setImmediate)
      proxy.cut()
      // A driver may ask again for itself.
      await new Promise((resolve) => setTimeout(resolve, 50))
      proxy.blackhole(false)
      expect([StoreError, undefined]).toContain((await reading)?.constructor)
      await vi.waitFor(read, { timeout: PATIENCE, interval: 100 })
      await store.close()
    },
  )

  const connected = schemes.filter(({ name }) => !['memcached', 'dynamodb'].includes(name))
  test.for(titled(connected))(
    '%s onError reports an outage once and its end once, whatever the number of attempts',
    async ([, { scheme, client, server, on }], { skip }) => {
      if ('missing' in server) return skip(server.missing)
      const proxy = await proxied(server.url)
      const reports: unknown[] = []
      const store = await openStore(on(proxy.url(server.url)), {
        create: true,
        load: loading(client),
        onError: (error) => reports.push(error),
      })
      let attempts = 0
      const broken = await listening((socket) => {
        attempts++
        socket.destroy()
      })
      const { port } = new URL(`http://${broken.address}`)
      for (const outage of [1, 2]) {
        const before = attempts
        proxy.redirect({ host: '127.0.0.1', port: Number(port) })
        proxy.cut()
        // A pool connects for a call only.
        while (attempts < before + 4 || reports.length < 2 * outage - 1) {
          await Promise.resolve(store.read('a')).catch(() => undefined)
          await new Promise(setImmediate)
        }
        const { hostname: host, port: original } = new URL(server.url)
        proxy.redirect({ host, port: Number(original) })
        const served = async () => {
          await store.read('a')
          expect(reports.length).toBeGreaterThanOrEqual(2 * outage)
        }
        await vi.waitFor(served, { timeout: PATIENCE, interval: 20 })
      }
      expect(reports).toEqual(
        ['disconnect', 'reconnect', 'disconnect', 'reconnect'].map((operation) =>
          expect.objectContaining({ code: 'ERR_VIAL_STORE', operation, outcome: 'not-done' }),
        ),
      )
      expect(String(reports[0])).toMatch(`the connection to the ${scheme}: server was lost: `)
      expect(String(reports[1])).toMatch(/server is back after \d+ s\.$/)
      await store.close()
      expect(reports).toHaveLength(4)
      broken.close()
    },
  )

  /** The child of that URL, what it says, and how it ends. */
  function run(url: string, client = '') {
    const file = fileURLToPath(new URL('./open-child.ts', import.meta.url))
    const child = spawn(process.execPath, ['--no-warnings', '--import', 'tsx', file, url, client], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    children.push(child)
    let said = ''
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString()
    })
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
    return { child, ended, said: () => said }
  }

  test.for(titled(schemes))(
    '%s the program ends by itself once the store is closed, also while the server is silent',
    async ([, { client, server, on }], { skip }) => {
      if ('missing' in server) return skip(server.missing)
      const proxy = await proxied(server.url)
      for (const silent of [false, true]) {
        const { child, ended, said } = run(on(proxy.url(server.url)), client)
        await vi.waitFor(() => expect(said()).toBe('open\n'), { timeout: PATIENCE, interval: 50 })
        proxy.blackhole(silent)
        child.stdin.end()
        expect(await ended).toBe(0)
        expect(said()).toBe('open\nclosed\n')
      }
    },
  )

  test('the program ends by itself when no store could be opened', async () => {
    const runs = urlsAt(silent.address, PASSWORD).map((url) => run(url))
    for (const { ended, said } of runs) {
      expect(await ended).toBe(0)
      expect(said()).toMatch(/^failed StoreError: /)
    }
  })
})
