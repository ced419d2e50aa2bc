import { createServer, type ServerResponse, request as send } from 'node:http'
import { connect, createServer as createServer2 } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { text as textOf } from 'node:stream/consumers'
import type { Commit } from 'vial'
import { StateError } from 'vial'
import { expect, test } from 'vitest'
import { ResponseGate } from '../../src/adapters/shared/response-gate.ts'
import { gate } from '../../src/testing/runner.ts'
import { closing, failed, hold, reach, SAVED } from './gated-response.ts'
import { listening } from './suite.ts'

test('after a failure nothing of the response is left', async () => {
  const dropped: unknown[] = []
  const source = Readable.from(['x'.repeat(50_000), 'y'.repeat(50_000)])
  const { status, headers, body } = await reach((response) => {
    response.setHeader('access-control-allow-origin', '*')
    response.setHeader('cache-control', 'max-age=5')
    ResponseGate.add(response, {
      commit: () => Promise.reject(new Error('The store is down')),
      fail(error) {
        expect(response.headersSent).toBe(false)
        expect([response.statusCode, response.statusMessage]).toEqual([200, ''])
        response.statusCode = 503
        // Long enough for a drain: what was piped before must not wake up and mix with it.
        Readable.from(['e'.repeat(40_000), 'f'.repeat(40_000), String(error)]).pipe(response)
        response.once('finish', () => {
          // The handler does not know yet.
          expect(response.write('late', (late) => dropped.push(late))).toBe(false)
          response.end('later')
        })
      },
    })
    response.setHeader('location', '/')
    response.setHeader('cache-control', 'public')
    response.writeHead(302, 'Elsewhere', { 'set-cookie': 'a=1', 'content-encoding': 'br' })
    response.write('text', (error) => dropped.push(error))
    source.pipe(response)
  })
  expect([status, headers.location, headers['set-cookie']]).toEqual([503, undefined, undefined])
  expect(headers['content-encoding']).toBeUndefined()
  expect(headers).toMatchObject({
    'access-control-allow-origin': '*',
    'cache-control': 'max-age=5',
    vary: 'Cookie',
  })
  expect(body.toString()).toBe(`${'e'.repeat(40_000)}${'f'.repeat(40_000)}Error: The store is down`)
  expect(dropped).toEqual([
    expect.objectContaining({ message: 'The store is down' }),
    expect.objectContaining({ code: 'ERR_STREAM_DESTROYED' }),
  ])
})

test('a commit that throws at once drops the response, too', async () => {
  const { status, body } = await reach((response) => {
    ResponseGate.add(response, {
      commit() {
        throw new Error('too large')
      },
      fail: () => void response.writeHead(500).end('failed'),
    })
    response.end('welcome')
  })
  expect([status, body.toString()]).toEqual([500, 'failed'])
})

test('a client that goes away meanwhile: the commit ends, what waited is dropped', async () => {
  const { opened, open } = gate()
  const events: string[] = []
  const finished = gate()
  const server = await listening(
    createServer((_request, response) => {
      ResponseGate.add(response, {
        commit: () =>
          opened.then(() => {
            events.push('committed')
            return SAVED
          }),
        fail: failed,
      })
      response.once('close', open)
      response.write('x', (error) => {
        events.push(String((error as NodeJS.ErrnoException).code))
        finished.open()
      })
      response.end('y')
      cut.abort()
    }),
  )
  closing.push(server.close)
  const cut = new AbortController()
  const request = send(server.origin, { agent: false, signal: cut.signal })
  await new Promise((resolve) => request.once('error', resolve).end())
  await finished.opened
  expect(events).toEqual(['committed', 'ERR_STREAM_DESTROYED'])
})

test('destroy while held waits for what was sent before, also destroy of the connection', async () => {
  for (const from of ['response', 'connection'] as const) {
    const dropped: unknown[] = []
    const destroy = (response: ServerResponse): void => {
      if (from === 'response') response.destroy()
      else response.socket?.destroy()
    }
    const whole = await reach((response) => {
      hold(response)
      response.end('x')
      destroy(response)
      destroy(response)
    })
    expect([whole.body.toString(), whole.headers['set-cookie']]).toEqual(['x', ['sid=1; Path=/']])
    const part = reach((response) => {
      hold(response)
      response.write('x')
      destroy(response)
      response.write('y', (error) => dropped.push(error))
    })
    await expect(part).rejects.toMatchObject({ code: 'ECONNRESET' })
    expect(dropped).toEqual([expect.objectContaining({ code: 'ERR_STREAM_DESTROYED' })])
  }
})

test('destroy after a failed commit does not take the error page away', async () => {
  const { status, body } = await reach((response) => {
    ResponseGate.add(response, {
      commit: () => Promise.reject(new Error('down')),
      fail: () => void response.writeHead(500).end('failed'),
    })
    response.end('x')
    response.socket?.destroy()
  })
  expect([status, body.toString()]).toEqual([500, 'failed'])
})

test('connections are destroyed as before when nothing is held, and by an error at once', async () => {
  const closed: string[] = []
  const answer = reach((response) => {
    hold(response, new Promise(() => {}))
    response.once('close', () => closed.push('first'))
    response.end('x')
    response.socket?.destroy(new Error('broken'))
  })
  await expect(answer).rejects.toMatchObject({ code: 'ECONNRESET' })
  expect(closed).toEqual(['first'])
})

test('informational responses pass while held, and flushed headers have the cookie', async () => {
  const { opened, open } = gate()
  const seen: number[] = []
  const { headers, body } = await reach(
    (response) => {
      hold(response, opened)
      response.flushHeaders()
      response.writeEarlyHints({ link: '</style.css>; rel=preload' })
      response.writeProcessing()
      response.end('x')
    },
    (status) => {
      seen.push(status)
      if (seen.length === 2) open()
    },
  )
  expect(seen).toEqual([103, 102])
  expect([body.toString(), headers['set-cookie']]).toEqual(['x', ['sid=1; Path=/']])
})

test('a cookie that is due after the headers left by another way is a StateError', async () => {
  const errors: unknown[] = []
  const answer = reach((response) => {
    const writeHead = response.writeHead.bind(response)
    ResponseGate.add(response, {
      commit: async () => SAVED,
      fail(error) {
        errors.push(error)
        response.destroy()
      },
    })
    writeHead(200)
    response.end('welcome')
  })
  await expect(answer).rejects.toMatchObject({ code: 'ECONNRESET' })
  expect(errors).toEqual([expect.any(StateError)])
})

test('two holders share one hold: both are committed, and one failure is enough', async () => {
  const other: Commit = {
    outcome: 'saved',
    cookies: [],
    headers: [
      ['set-cookie', 'other=2'],
      ['vary', 'Cookie'],
    ],
  }
  const both = await reach((response) => {
    hold(response)
    ResponseGate.add(response, { commit: () => other, fail: failed })
    response.end('x')
  })
  expect(both.headers['set-cookie']).toEqual(['sid=1; Path=/', 'other=2'])
  expect(both.headers.vary).toBe('Cookie')
  const one = await reach((response) => {
    hold(response)
    ResponseGate.add(response, {
      commit: () => Promise.reject(new Error('down')),
      fail: () => void response.writeHead(500).end('failed'),
    })
    response.end('x')
  })
  // What was stored keeps its cookie: the record would be an orphan without it.
  expect([one.status, one.headers['set-cookie']]).toEqual([500, ['sid=1; Path=/']])
})

test('an error page may ask for a session of its own', async () => {
  const { status, headers, body } = await reach((response) => {
    ResponseGate.add(response, {
      commit: () => Promise.reject(new Error('down')),
      fail() {
        hold(response)
        response.writeHead(500).end('failed')
      },
    })
    response.end('x')
  })
  expect([status, body.toString(), headers['set-cookie']]).toEqual([
    500,
    'failed',
    ['sid=1; Path=/'],
  ])
})

test('HTTP/2 responses are held through the compatibility API', async () => {
  const long = 'z'.repeat(300_000)
  const server = createServer2((request, response) => {
    ResponseGate.add(response, {
      commit: () =>
        request.url === '/fail' ? Promise.reject(new Error('down')) : Promise.resolve(SAVED),
      fail: () => void response.writeHead(503).end('failed'),
    })
    response.setHeader('vary', 'Accept')
    if (request.url === '/pipe') Readable.from(long.match(/.{1,9999}/g) ?? []).pipe(response)
    else response.writeHead(201, { 'set-cookie': ['a=1'] }).end('made')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  closing.push(async () => {
    client.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  const ask = async (path: string) => {
    const stream = client.request({ ':path': path })
    const headers = await new Promise<Record<string, unknown>>((resolve) =>
      stream.once('response', (received) => resolve(received)),
    )
    return { headers, body: await textOf(stream) }
  }
  const made = await ask('/')
  expect(made).toMatchObject({ body: 'made', headers: { ':status': 201, vary: 'Accept, Cookie' } })
  expect(made.headers['set-cookie']).toEqual(['a=1', 'sid=1; Path=/'])
  const piped = await ask('/pipe')
  expect(piped.body).toBe(long)
  expect(piped.headers['set-cookie']).toEqual(['sid=1; Path=/'])
  const refused = await ask('/fail')
  expect(refused).toMatchObject({ body: 'failed', headers: { ':status': 503, vary: 'Cookie' } })
  expect(refused.headers['set-cookie']).toBeUndefined()
})
