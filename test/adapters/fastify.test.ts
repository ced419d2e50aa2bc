import { Readable } from 'node:stream'
import { type FastifyInstance, type FastifyRequest, fastify } from 'fastify'
import { sessionPlugin } from 'vial/adapters/fastify'
import { expect, test } from 'vitest'
import { gate } from '../../src/testing/runner.ts'
import { start } from './fastify-app.ts'
import { memorySessions, runSuite, visiting } from './suite.ts'

runSuite({ name: 'Fastify', start })

async function served(app: FastifyInstance): Promise<{ origin: string; close(): Promise<void> }> {
  return { origin: await app.listen({ port: 0, host: '127.0.0.1' }), close: () => app.close() }
}

/** Keeps what is logged as an error. */
function logging(): { readonly app: FastifyInstance; readonly logged: unknown[] } {
  const logged: unknown[] = []
  const stream = { write: (line: string) => void logged.push(JSON.parse(line)) }
  return {
    app: fastify({ forceCloseConnections: true, logger: { level: 'error', stream } }),
    logged,
  }
}

test('child plugins share the session, and so does the page for what is not found', async () => {
  const { sessions, watch } = memorySessions()
  const { app } = logging()
  await app.register(sessionPlugin(sessions))
  await app.register(
    (child, _options, ready) => {
      child.addHook('onRequest', async (request) => {
        ;(await sessions.of(request)).set('child', true)
      })
      child.get('/', async (request, reply) => [
        ...(await sessions.of(reply)).keys(),
        (await sessions.of(reply)) === (await sessions.of(request)),
      ])
      ready()
    },
    { prefix: '/child' },
  )
  app.setNotFoundHandler(async (request, reply) => {
    reply.code(404)
    return { keys: [...(await sessions.of(request)).keys()] }
  })
  await visiting(await served(app), async (visitor) => {
    const { text, cookies } = await visitor.ask('/child')
    expect([text, cookies.length]).toEqual(['["child",true]', 1])
    expect(watch.calls).toEqual(['create'])
    expect(await visitor.ask('/nowhere')).toMatchObject({
      status: 404,
      text: '{"keys":["child"]}',
      vary: ['cookie'],
    })
  })
})

test('an error handler answers for a session that cannot be stored', async () => {
  const { sessions, watch } = memorySessions()
  watch.fail('writes')
  const { app } = logging()
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('access-control-allow-origin', '*')
  })
  await app.register(sessionPlugin(sessions))
  app.setErrorHandler((error, _request, reply) =>
    reply.send({ code: (error as { code?: unknown }).code }),
  )
  app.get('/', async (request, reply) => {
    ;(await sessions.of(request)).set('name', 'Ada')
    reply.header('set-cookie', 'theme=dark')
    return reply.redirect('/welcome')
  })
  const stream = Readable.from(['one', 'two'])
  app.get('/stream', async (request) => {
    ;(await sessions.of(request)).set('name', 'Ada')
    return stream
  })
  await visiting(await served(app), async (visitor) => {
    const { status, text, cookies, vary, header } = await visitor.ask('/')
    expect([status, text]).toEqual([503, '{"code":"ERR_VIAL_STORE"}'])
    expect([cookies, header('location'), vary]).toEqual([[], '', ['cookie']])
    expect(header('access-control-allow-origin')).toBe('*')
    expect((await visitor.ask('/stream')).status).toBe(503)
    expect(stream.destroyed).toBe(true)
  })
})

test('the first of two answers leaves whole with its cookie, whatever comes during the commit', async () => {
  const { sessions, watch } = memorySessions()
  const { app } = logging()
  const discarded = Readable.from(['second'])
  await app.register(sessionPlugin(sessions))
  app.setErrorHandler((_error, _request, reply) => reply.code(503).type('text/css').send('error'))
  const write = async (request: FastifyRequest) => {
    ;(await sessions.of(request)).set('name', 'Ada')
  }
  app.get('/throw', async (request, reply) => {
    await write(request)
    reply.code(201).header('x-first', '1').send('first')
    throw new Error('after the answer')
  })
  app.get('/return', async (request, reply) => {
    await write(request)
    reply.code(201).header('x-first', '1').send('first')
    return { second: true }
  })
  app.get('/nothing', async (request, reply) => {
    await write(request)
    reply.code(201).header('x-first', '1').send('first')
  })
  app.get('/send', async (request, reply) => {
    await write(request)
    reply.code(201).header('x-first', '1').send('first')
    reply.code(404).header('x-second', '1').removeHeader('x-first').send(discarded)
    return reply
  })
  app.get('/redirect', async (request, reply) => {
    await write(request)
    reply.code(201).header('x-first', '1').send('first')
    reply.redirect('/elsewhere')
    return reply
  })
  app.get('/response', async (request, reply) => {
    await write(request)
    reply.send(new Response('first', { status: 201, headers: { 'x-first': '1' } }))
    throw new Error('after the answer')
  })
  await visiting(await served(app), async (visitor) => {
    for (const path of ['/throw', '/return', '/nothing', '/send', '/redirect', '/response']) {
      visitor.jar.clear()
      const release = watch.hold()
      const begun = watch.writing()
      const answer = visitor.ask(path)
      await begun
      setImmediate(release)
      const { status, text, cookies, header } = await answer
      expect([path, status, text, cookies.length]).toEqual([path, 201, 'first', 1])
      expect(['x-first', 'x-second', 'location'].map(header)).toEqual(['1', '', ''])
    }
  })
  expect(discarded.destroyed).toBe(true)
})

test('a second answer during a commit that fails: the error page leaves, once', async () => {
  const { sessions, watch } = memorySessions()
  watch.fail('writes')
  const { app } = logging()
  await app.register(sessionPlugin(sessions))
  app.get('/', async (request, reply) => {
    ;(await sessions.of(request)).set('name', 'Ada')
    reply.header('x-first', '1').send('first')
    throw new Error('after the answer')
  })
  await visiting(await served(app), async (visitor) => {
    const { status, text, cookies } = await visitor.ask('/')
    expect([status, cookies]).toEqual([503, []])
    expect(JSON.parse(text)).toMatchObject({ code: 'ERR_VIAL_STORE' })
  })
})

test('a second answer while a later hook is busy has the same cookie', async () => {
  const { sessions } = memorySessions()
  const { app } = logging()
  await app.register(sessionPlugin(sessions))
  const first = gate()
  app.addHook('onSend', async (_request, _reply, payload) => {
    if (payload === 'first') await first.opened
    return payload
  })
  app.get('/', async (request, reply) => {
    ;(await sessions.of(request)).set('name', 'Ada')
    reply.send('first')
    reply.send('second')
    setImmediate(() => setImmediate(first.open))
    return reply
  })
  await visiting(await served(app), async (visitor) => {
    expect((await visitor.ask('/')).cookies).toHaveLength(1)
    expect((await visitor.ask('/')).status).toBe(200)
  })
})

test('a Response as payload, raw headers, and raw cookies meet ours', async () => {
  const { sessions } = memorySessions()
  const { app } = logging()
  await app.register(sessionPlugin(sessions))
  app.get('/', async (request, reply) => {
    ;(await sessions.of(request)).set('name', 'Ada')
    reply.raw.setHeader('set-cookie', 'raw=1')
    reply.header('vary', 'Origin')
    const headers = { vary: 'Accept', 'cache-control': 'public', 'set-cookie': 'theme=dark' }
    return new Response('text', { headers })
  })
  app.get('/raw', async (request, reply) => {
    ;(await sessions.of(request)).set('name', 'Ada')
    reply.raw.setHeader('set-cookie', 'raw=1')
    reply.raw.setHeader('vary', 'Accept')
    return 'text'
  })
  await visiting(await served(app), async (visitor) => {
    const { text, cookies, vary, header } = await visitor.ask('/')
    expect([text, vary, header('cache-control')]).toEqual(['text', ['accept', 'cookie'], 'private'])
    expect(cookies.map((line) => line.split('=')[0])).toContain('__Host-session')
    expect(cookies).toContain('theme=dark')
    visitor.jar.clear()
    const raw = await visitor.ask('/raw')
    expect([raw.cookies.length, raw.cookies[0], raw.vary]).toEqual([
      2,
      'raw=1',
      ['accept', 'cookie'],
    ])
  })
})

test('a reply that another hook gives before ours passes', async () => {
  const { sessions } = memorySessions()
  const { app } = logging()
  app.addHook('onRequest', async (_request, reply) => reply.code(401).send('no'))
  await app.register(sessionPlugin(sessions))
  app.get('/', async () => 'yes')
  await visiting(await served(app), async (visitor) => {
    expect(await visitor.ask('/')).toMatchObject({ status: 401, text: 'no', vary: [] })
  })
})

test('after hijack nothing waits: what needs no cookie is stored, a cookie that is lost is reported', async () => {
  const { sessions, watch } = memorySessions()
  const { app, logged } = logging()
  await app.register(sessionPlugin(sessions))
  app.get('/login', async (request) => {
    ;(await sessions.of(request)).set('visits', 1)
    return 'ok'
  })
  app.get('/hijack', async (request, reply) => {
    ;(await sessions.of(request)).increment('visits')
    reply.hijack()
    reply.raw.end('raw')
  })
  app.get('/read', async (request) => (await sessions.of(request)).get('visits', 0))
  await visiting(await served(app), async (visitor) => {
    await visitor.ask('/login')
    const stored = watch.writing()
    expect((await visitor.ask('/hijack')).text).toBe('raw')
    await stored
    await watch.idle()
    expect((await visitor.ask('/read')).text).toBe('2')
    expect(logged).toEqual([])

    visitor.jar.clear()
    const lost = watch.writing()
    expect((await visitor.ask('/hijack')).cookies).toEqual([])
    await lost
    await watch.idle()
    await visitor.ask('/read')
    expect(logged).toMatchObject([{ level: 50, err: { code: 'ERR_VIAL_STATE' } }])
  })
})
