import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import {
  type MemcachedTransport,
  type MemcachedTransportOptions,
  memcachedTransport,
  tokenOf,
} from 'vial/stores/memcached-transport'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { findProgram } from '../../scripts/services/programs.ts'
import type { RunningServer } from '../../scripts/services/servers/running-server.ts'
import { bytes } from '../support/bytes.ts'
import { failureOf } from '../support/failure-of.ts'
import { PATIENCE } from '../support/patience.ts'
import {
  foreign,
  missing,
  PATIENT,
  portOf,
  start,
  startGuarded,
  stats,
} from './memcached-server.ts'

const skipped = missing === undefined ? '' : ` (skipped: ${missing})`
const ended: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end()
})

function transport(options: MemcachedTransportOptions): MemcachedTransport {
  const made = memcachedTransport({ ...PATIENT, ...options })
  ended.push(() => made.close())
  return made
}

const read = { verb: 'mg', key: 'a', flags: 'v c' } as const
const write = { verb: 'ms', key: 'a', flags: 'c', value: bytes('x') } as const

describe.skipIf(missing !== undefined)(`a server${skipped}`, () => {
  let server: RunningServer
  beforeAll(async () => {
    server = await start()
  })
  afterAll(() => server.stop())

  test('answers each of many commands with its own answer, over one connection', async () => {
    const client = transport({ servers: server.url })
    await client.send({ ...write, key: 'warm' })
    const before = await stats(server.url)
    const answers = await Promise.all(
      Array.from({ length: 2_000 }, async (_, n) => {
        const key = `k${n}`
        const value = new Uint8Array(n % 97).fill(n)
        await client.send({ verb: 'ms', key, flags: 'T60', value })
        const reply = await client.send({ verb: 'mg', key, flags: 'v k' })
        expect(tokenOf(reply, 'k')).toBe(key)
        expect(Buffer.compare(reply.value as Uint8Array, value)).toBe(0)
        return client.send({ verb: 'md', key, flags: '' })
      }),
    )
    expect(answers.every(({ code }) => code === 'HD')).toBe(true)
    expect((await stats(server.url))['total_connections']).toBe(
      // The one of this question.
      (before['total_connections'] ?? 0) + 1,
    )
  })

  test('that closes an idle connection is connected again by the next command', async () => {
    const own = await startGuarded('-o', 'idle_timeout=1')
    ended.push(() => own.stop())
    const client = transport({ servers: own.url })
    await client.send(write)
    await vi.waitFor(async () => expect((await stats(own.url))['idle_kicks']).toBeGreaterThan(0), {
      timeout: PATIENCE,
      interval: 200,
    })
    expect((await client.send(read)).code).toBe('VA')
  })

  test('counts with ma, and what it cannot count is its answer, not a failure', async () => {
    const client = transport({ servers: server.url })
    await client.send({ verb: 'ms', key: 'n', flags: 'T60', value: bytes('41') })
    const sum = await client.send({ verb: 'ma', key: 'n', flags: 'v' })
    expect(new TextDecoder().decode(sum.value)).toBe('42')
    await client.send({ verb: 'ms', key: 'n', flags: 'T60', value: bytes('x') })
    expect((await client.send({ verb: 'ma', key: 'n', flags: 'v' })).code).toBe('CLIENT_ERROR')
    expect((await client.send({ verb: 'md', key: 'n', flags: '' })).code).toBe('HD')
  })

  test.each([
    ['a key with a space', { ...read, key: 'a b' }],
    ['a key with a line end', { ...read, key: 'a\r\nmd b' }],
    ['an empty key', { ...read, key: '' }],
    ['a key of 251 bytes', { ...read, key: 'x'.repeat(251) }],
    ['flags with a line end', { ...read, flags: 'v\r\nmd b' }],
    ['flags of the transport', { ...read, flags: 'v O1' }],
    ['quiet flags', { ...read, flags: 'q' }],
    ['a value where none belongs', { ...read, value: bytes('x') }],
    ['no value where one belongs', { verb: 'ms', key: 'a', flags: '' } as const],
  ])('is not sent %s', async (_, command) => {
    const error = await failureOf(transport({ servers: server.url }).send(command))
    expect(error).toMatchObject({ outcome: 'not-done', retriable: false })
  })

  test('close waits for what is due, and nothing is taken after it', async () => {
    const client = memcachedTransport({ servers: server.url, ...PATIENT })
    await client.send(write)
    const due = [client.send(read), client.send(write), client.send(read)]
    await client.close()
    expect((await Promise.all(due)).map(({ code }) => code)).toEqual(['VA', 'HD', 'VA'])
    const error = await failureOf(client.send(write))
    expect(error).toMatchObject({ outcome: 'not-done', retriable: false, operation: 'ms' })
    await client.close()
  })

  test('close ends an attempt to connect', async () => {
    const client = memcachedTransport({ servers: server.url, ...PATIENT })
    const failing = failureOf(client.send(write))
    await client.close()
    expect((await failing).outcome).toBe('not-done')
  })

  test('an aborted command is not sent', async () => {
    const client = transport({ servers: server.url })
    await client.send({ verb: 'md', key: 'aborted', flags: '' })
    const fresh = transport({ servers: server.url })
    const controller = new AbortController()
    const { signal } = controller
    const command = { ...write, key: 'aborted' }
    const failing = failureOf(fresh.send(command, { signal, operation: 'create' }))
    controller.abort()
    expect(await failing).toMatchObject({ outcome: 'not-done', operation: 'create' })
    expect((await failureOf(fresh.send(command, { signal }))).outcome).toBe('not-done')
    await fresh.send(read)
    expect((await client.send({ ...read, key: 'aborted' })).code).toBe('EN')
  })

  test('an idle connection does not keep a program alive', () => {
    const program = `
      import { memcachedTransport } from ${JSON.stringify(new URL('../../src/stores/memcached/transport.ts', import.meta.url).href)}
      const client = memcachedTransport({ servers: ${JSON.stringify(server.url)} })
      const { code } = await client.send({ verb: 'mg', key: 'none', flags: '' })
      process.stdout.write(code)`
    const output = execFileSync(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '-e', program],
      { encoding: 'utf8', timeout: 20_000 },
    )
    expect(output).toBe('EN')
  })
})

describe.skipIf(missing !== undefined)(`a server with a password${skipped}`, () => {
  let directory = ''
  let server: RunningServer
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'vial-memcached-'))
    chmodSync(directory, 0o755)
    writeFileSync(join(directory, 'users'), 'ann:right\n', { mode: 0o644 })
    server = await startGuarded('-Y', join(directory, 'users'))
  })
  afterAll(async () => {
    await server.stop()
    rmSync(directory, { recursive: true })
  })

  test('accepts a client that has it, and the errors of others differ', async () => {
    const { url: servers } = server
    const right = transport({ servers, username: 'ann', password: 'right' })
    expect((await right.send(write)).code).toBe('HD')
    expect((await right.send(read)).value).toEqual(bytes('x'))
    const wrong = await failureOf(
      transport({ servers, username: 'ann', password: 'wrong' }).send(write),
    )
    expect(wrong).toMatchObject({ outcome: 'not-done', retriable: false })
    expect(wrong.message).toContain('refused the credentials')
    expect(wrong.message).not.toContain('wrong.')
    const none = await failureOf(transport({ servers }).send(write))
    expect(none.message).toContain('requires a password')
  })

  test('a server without one does not get it', async () => {
    const open = await start()
    ended.push(() => open.stop())
    const client = transport({ servers: open.url, username: 'ann', password: 'right' })
    expect((await client.send(write)).code).toBe('HD')
    expect(await foreign(open.url, 'get auth\r\n')).toBe('END\r\n')
  })
})

const noTls =
  missing ??
  (findProgram('openssl') === undefined ? 'openssl is not installed' : undefined) ??
  (knowsTls() ? undefined : 'this memcached has no TLS')

function knowsTls(): boolean {
  return execFileSync(findProgram('memcached') as string, ['-h'], { encoding: 'utf8' }).includes(
    '--enable-ssl',
  )
}

describe.skipIf(noTls !== undefined)(`TLS${noTls ? ` (skipped: ${noTls})` : ''}`, () => {
  let directory = ''
  let server: RunningServer
  let ca = ''
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'vial-memcached-'))
    chmodSync(directory, 0o755)
    const [key, certificate] = [join(directory, 'key.pem'), join(directory, 'certificate.pem')]
    execFileSync(
      'openssl',
      // biome-ignore format: one line of a shell
      ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', key, '-out', certificate],
      { stdio: 'ignore' },
    )
    chmodSync(key, 0o644)
    ca = readFileSync(certificate, 'utf8')
    server = await startGuarded('-Z', '-o', `ssl_chain_cert=${certificate},ssl_key=${key}`)
  })
  afterAll(async () => {
    await server.stop()
    rmSync(directory, { recursive: true })
  })

  test.each(['127.0.0.1', 'localhost'])(
    'to %s, with a certificate that is trusted',
    async (host) => {
      const client = transport({ servers: `${host}:${portOf(server.url)}`, tls: { ca } })
      const value = new Uint8Array(1_000_000).fill(3)
      expect((await client.send({ ...write, value })).code).toBe('HD')
      expect(Buffer.compare((await client.send(read)).value as Uint8Array, value)).toBe(0)
    },
  )

  test('with a certificate that is not trusted: nothing is sent', async () => {
    const error = await failureOf(transport({ servers: server.url, tls: true }).send(write))
    expect(error).toMatchObject({ outcome: 'not-done', retriable: false })
    expect(error.message).toContain('DEPTH_ZERO_SELF_SIGNED_CERT')
  })

  test('without TLS to a server that wants it: nothing is done', async () => {
    const client = transport({ servers: server.url, connectTimeout: 300 })
    expect((await failureOf(client.send(write))).outcome).toBe('not-done')
  })
})
