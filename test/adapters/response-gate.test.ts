import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { ResponseGate } from '../../src/adapters/shared/response-gate.ts'
import { gate } from '../../src/testing/runner.ts'
import { failed, hold, reach, SAVED } from './gated-response.ts'
import { gzipped } from './gzip-wrapper.ts'

test('what takes no time to commit is not held', async () => {
  const { headers, body } = await reach((response) => {
    ResponseGate.add(response, { commit: () => SAVED, fail: failed })
    response.setHeader('vary', 'Accept')
    expect(response.write('a')).toBe(true)
    expect(() => response.setHeader('x-late', '1')).toThrow(/sent/)
    response.end('b')
    expect(Object.hasOwn(response, 'headersSent')).toBe(false)
  })
  expect(body.toString()).toBe('ab')
  expect(headers).toMatchObject({ vary: 'Accept, Cookie', 'cache-control': 'private' })
  expect(headers['set-cookie']).toEqual(['sid=1; Path=/'])
})

test('what is sent while held arrives in order, with its encodings, and calls back', async () => {
  const called: string[] = []
  const { body } = await reach((response) => {
    hold(response)
    response.write('6869', 'hex', () => called.push('write'))
    response.write(' \u00e4', 'latin1')
    response.end(' ende', 'utf8', () => called.push('end'))
  })
  expect(body).toEqual(Buffer.from('hi \u00e4 ende', 'latin1'))
  expect(called).toEqual(['write', 'end'])
})

test('a held response looks sent', async () => {
  const { status, headers, body } = await reach((response) => {
    hold(response)
    expect([response.headersSent, response.writableEnded]).toEqual([false, false])
    expect(response.write('a')).toBe(false)
    expect([response.headersSent, response.writableEnded]).toEqual([true, false])
    expect(response.writableNeedDrain).toBe(true)
    response.end('b')
    expect([response.headersSent, response.writableEnded]).toEqual([true, true])
    const sent = expect.objectContaining({ code: 'ERR_HTTP_HEADERS_SENT' })
    expect(() => response.setHeader('x-late', '1')).toThrow(sent)
    expect(() => response.appendHeader('x-late', '1')).toThrow(sent)
    expect(() => response.removeHeader('vary')).toThrow(sent)
    expect(() => response.writeHead(404, { 'x-late': '1' })).toThrow(sent)
    response.statusCode = 404
  })
  expect([status, body.toString(), headers['x-late']]).toEqual([200, 'ab', undefined])
})

test.each<[string, unknown[]]>([
  ['an object', [201, { 'X-A': '1', 'Set-Cookie': ['a=1', 'b=2'], Vary: 'Accept' }]],
  [
    'a reason and an object',
    [201, 'Made', { 'x-a': 1, 'set-cookie': ['a=1', 'b=2'], vary: 'Accept' }],
  ],
  ['a list', [201, ['X-A', '1', 'Set-Cookie', 'a=1', 'set-cookie', 'b=2', 'Vary', 'Accept']]],
  [
    'pairs',
    [
      201,
      'Made',
      [
        ['X-A', '1'],
        ['Set-Cookie', ['a=1', 'b=2']],
        ['vary', 'Accept'],
      ],
    ],
  ],
])('writeHead with %s meets our headers', async (_form, args) => {
  for (const commit of [() => SAVED, async () => SAVED]) {
    const { status, reason, headers, raw } = await reach((response) => {
      ResponseGate.add(response, { commit, fail: failed })
      const writeHead = response.writeHead as (...args: unknown[]) => ServerResponse
      expect(writeHead.apply(response, args).end('x')).toBe(response)
    })
    expect([status, reason]).toEqual([201, args.includes('Made') ? 'Made' : 'Created'])
    expect(headers).toMatchObject({ 'x-a': '1', vary: 'Accept, Cookie' })
    expect(headers['set-cookie']).toEqual(['a=1', 'b=2', 'sid=1; Path=/'])
    expect(raw.filter((name) => name.toLowerCase() === 'vary')).toHaveLength(1)
  }
})

test('a header that Node refuses is the error of the caller, and the session is still stored', async () => {
  const { status, headers } = await reach((response) => {
    hold(response)
    expect(() => response.writeHead(200, { 'x-bad': 'a\nb' })).toThrow(/Invalid character/)
    response.writeHead(500).end()
  })
  expect([status, headers['set-cookie']]).toEqual([500, ['sid=1; Path=/']])
})

test('a long pipe waits at its source while held', async () => {
  const size = 20 * 1024 * 1024
  const { opened, open } = gate()
  let produced = 0
  let whileHeld = 0
  const source = new Readable({
    read(length) {
      const rest = Math.min(length, size - produced)
      produced += rest
      this.push(rest === 0 ? null : Buffer.alloc(rest, 'x'))
    },
  })
  const { body, headers } = await reach((response) => {
    hold(response, opened)
    source.pipe(response)
    setImmediate(() =>
      setImmediate(() => {
        whileHeld = produced
        open()
      }),
    )
  })
  expect(body.length).toBe(size)
  expect(headers['set-cookie']).toEqual(['sid=1; Path=/'])
  expect(whileHeld).toBeGreaterThan(0)
  expect(whileHeld).toBeLessThan(1024 * 1024)
})

test.each(['outside', 'inside'])('a compressing wrapper %s keeps working', async (side) => {
  const long = 'words and more words\n'.repeat(20_000)
  const random = Array.from({ length: 30_000 }, () => Math.random().toString(36)).join()
  const answers: Record<string, [(response: ServerResponse) => void, string]> = {
    end: [(response) => response.end('short'), 'short'],
    'write and end': [
      (response) => {
        response.write('one ')
        response.end('two')
      },
      'one two',
    ],
    head: [(response) => void response.writeHead(200, { 'x-a': '1' }).end('short'), 'short'],
    pipe: [
      (response) => void Readable.from([long.slice(0, 9), long.slice(9)]).pipe(response),
      long,
    ],
    'pipe of small parts': [
      (response) => void Readable.from(long.match(/[\s\S]{1,999}/g) ?? []).pipe(response),
      long,
    ],
    'pipe of noise': [
      (response) => void Readable.from(random.match(/[\s\S]{1,9999}/g) ?? []).pipe(response),
      random,
    ],
  }
  for (const [answer, expected] of Object.values(answers)) {
    const { headers, body } = await reach((response) => {
      if (side === 'outside') gzipped(response)
      hold(response, new Promise((resolve) => setImmediate(resolve)))
      if (side === 'inside') gzipped(response)
      answer(response)
    })
    expect(gunzipSync(body).toString()).toBe(expected)
    expect(headers['content-encoding']).toBe('gzip')
    expect(headers.vary?.split(', ').sort()).toEqual(['Accept-Encoding', 'Cookie'])
    expect(headers['set-cookie']).toEqual(['sid=1; Path=/'])
  }
})
