/** Cases: which headers a response gets. */

import assert from 'node:assert/strict'
import { application, type Cases, Client } from './adapter-case.ts'
import { gate } from './runner.ts'

const COOKIE = /^__Host-session=[\w.-]{20,}; Secure; HttpOnly; Path=\/; SameSite=Lax$/
const REMOVAL = /^__Host-session=; .*Max-Age=0; Secure; HttpOnly; Path=\//
const EMPTY = '{"name":null}'
const DISCARD = { adapter: { onError: 'discard' } } as const
const ALWAYS = { adapter: { vary: 'always' } } as const
const TWO_KINDS = { cookies: ['__Host-one', '__Host-two'] }
const ADA = '{"name":"Ada"}'

export const headerCases: Cases = {
  'H01 a request that does not ask for its session makes no store call and sets no header': async (
    serve,
  ) => {
    const { client, calls } = await serve(async ({ reply }) => reply.json('welcome'))
    client.jar.set('__Host-session', 'x'.repeat(43))
    await client.expect('/', { status: 200, cookies: 0, vary: '', cacheControl: '' })
    assert.deepEqual(calls, [])
  },
  'H02 a session that is only read sets Vary and no cookie': async (serve) => {
    const { client, calls } = await serve()
    await client.expect('/read', { text: EMPTY, cookies: 0, vary: 'cookie', cacheControl: '' })
    assert.deepEqual(calls, [])
  },
  'H03 the first write sets one cookie with its attributes, and the response is private': async (
    serve,
  ) => {
    const { client, records } = await serve()
    const expected = { status: 200, text: '"welcome"', cookies: 1, vary: 'cookie' }
    const response = await client.expect('/', { ...expected, cacheControl: 'private' })
    assert.match(response.cookies[0] ?? '', COOKIE)
    assert.match(response.header('content-type'), /^application\/json/)
    assert.equal(await records(), 1)
  },
  'H04 a later write sets no cookie again': async (serve) => {
    const { client } = await serve(async ({ session, path, reply }) => {
      const mine = await session()
      const before = mine.get('path') ?? null
      mine.set('path', path)
      return reply.json({ before })
    })
    await client.expect('/one', { cookies: 1 })
    await client.expect('/two', { cookies: 0, text: '{"before":"/one"}' })
    await client.expect('/three', { text: '{"before":"/two"}' })
  },
  'H05 HTML has the cookie': async (serve) => {
    const { client } = await serve()
    const expected = { text: '<p>Ada &amp; co.</p>', cookies: 1 }
    const { header } = await client.expect('/html', expected)
    assert.match(header('content-type'), /^text\/html/)
  },
  'H06 HEAD has the cookie and no body': async (serve) => {
    const { client, records } = await serve()
    const expected = { status: 200, text: '', cookies: 1, vary: 'cookie' }
    await client.expect('/', expected, { method: 'HEAD' })
    assert.equal(await records(), 1)
  },
  'H07 204 and 304 have the cookie and no body': async (serve) => {
    const { origin } = await serve()
    for (const status of [204, 304]) {
      await new Client(origin).expect(`/${status}`, { status, text: '', cookies: 1 })
    }
  },
  "H08 the application's own cookies stay beside the session's": async (serve) => {
    const { client } = await serve(async (exchange) => {
      exchange.reply.header('set-cookie', 'theme=dark; Path=/')
      exchange.reply.header('set-cookie', 'lang=en; Path=/')
      return application(exchange)
    })
    const { cookies } = await client.ask('/')
    const names = cookies.map((line) => line.slice(0, line.indexOf('=')))
    assert.deepEqual(names.sort(), ['__Host-session', 'lang', 'theme'])
  },
  'H09 Vary keeps what the application set': async (serve) => {
    const { client } = await serve(async (exchange) => {
      exchange.reply.header('vary', exchange.path === '/both' ? 'cookie, Accept' : 'Accept')
      return application(exchange)
    })
    await client.expect('/', { vary: 'accept,cookie' })
    await client.expect('/both', { vary: 'cookie,accept' })
  },
  'H10 a response with a cookie is private, and no-store stays': async (serve) => {
    const { origin } = await serve(async (exchange) => {
      const value = exchange.path === '/none' ? 'no-store' : 'public, max-age=10, s-maxage=60'
      exchange.reply.header('cache-control', value)
      return application(exchange)
    })
    await new Client(origin).expect('/', { cacheControl: 'max-age=10, private' })
    await new Client(origin).expect('/none', { cacheControl: 'no-store' })
  },
  'H11 the response to an error that the handler throws has the cookie': async (serve) => {
    const { client, errorsCommit, records } = await serve()
    if (errorsCommit) {
      await client.expect('/fail', { status: 500, cookies: 1, vary: 'cookie' })
      await client.expect('/read', { text: ADA })
    } else {
      await client.expect('/fail', { status: 500, cookies: 0 })
      assert.equal(await records(), 0)
    }
  },
  'H12 one application has two kinds of sessions': async (serve) => {
    const { client } = await serve(async ({ session, path, reply }, one, two) => {
      const [mine, other] = [await session(one), await session(two)]
      if (path === '/read') return reply.json([mine.get('is'), other.get('is')])
      mine.set('is', 'one')
      other.set('is', 'two')
      return reply.json('welcome')
    }, TWO_KINDS)
    await client.expect('/', { cookies: 2, vary: 'cookie' })
    assert.deepEqual([...client.jar.keys()].sort(), ['__Host-one', '__Host-two'])
    await client.expect('/read', { text: '["one","two"]' })
  },
  'H13 destroy removes the cookie, and the old one is unknown': async (serve) => {
    const { client, origin, records } = await serve()
    await client.ask('/login')
    const old = new Client(origin, client.jar)
    await client.expect('/read', { text: ADA })
    const { cookies } = await client.expect('/logout', { cookies: 1, cacheControl: 'private' })
    assert.match(cookies[0] ?? '', REMOVAL)
    assert.deepEqual([client.jar.size, await records()], [0, 0])
    await old.expect('/read', { text: EMPTY })
  },
  'H14 a foreign cookie gives a fresh session, never an error': async (serve) => {
    const { client, records } = await serve()
    for (const value of ['x', 'A'.repeat(43), 'A'.repeat(5000), '%00"', '=;=']) {
      client.jar.set('__Host-session', value)
      await client.expect('/read', { status: 200, text: EMPTY, cookies: 0 })
    }
    assert.equal(await records(), 0)
  },
  'H15 cookies of two users: nobody, and the response removes those at other places of host and path':
    async (serve) => {
      const { client, origin } = await serve(
        async ({ session, path, reply }) => {
          const mine = await session()
          if (path !== '/shop/page') mine.login(path.slice(1))
          return reply.json(mine.user ?? null)
        },
        { cookies: ['sid'] },
      )
      const values: string[] = []
      for (const path of ['/ada', '/eve']) {
        const visitor = new Client(origin)
        await visitor.expect(path, { cookies: 1 })
        values.push(`sid=${visitor.jar.get('sid')}`)
      }
      const headers = { cookie: values.join('; '), host: 'app.example.test' }
      const { cookies } = await client.expect('/shop/page?a=/b', { text: 'null' }, { headers })
      const removed = cookies
        .filter((line) => line.startsWith('sid=;'))
        .map((line) => /Domain=([^;]+)/.exec(line)?.[1] + (/Path=([^;]+)/.exec(line)?.[1] ?? ''))
      assert.deepEqual(removed.sort(), [
        'app.example.test/',
        'app.example.test/shop',
        'example.test/',
        'example.test/shop',
        'undefined/shop',
      ])
      assert.equal(cookies.length, removed.length)
      const one = { headers: { cookie: values[0] ?? '' } }
      await client.expect('/shop/page', { text: '"ada"', cookies: 0 }, one)
    },
  'N01 an adapter that is installed twice for the same sessions makes one session of one request':
    async (serve) => {
      const { client, calls } = await serve(undefined, { twice: true })
      await client.expect('/login', { status: 302, cookies: 1 })
      await client.expect('/read', { text: ADA, cookies: 0 })
      assert.deepEqual(calls, ['create', 'read'])
    },
  'E01 a handler fails: by default its session is stored with the error page': async (serve) => {
    const { client, origin, errorsCommit } = await serve()
    await client.expect('/503', { status: 503, cookies: 1, vary: 'cookie' })
    await client.expect('/read', { text: ADA })
    // An error for which there is no response stores nothing.
    const old = new Client(origin, client.jar)
    await client.expect('/logout-fail', { status: 500, cookies: errorsCommit ? 1 : 0 })
    await old.expect('/read', { text: errorsCommit ? EMPTY : ADA })
  },
  "E02 a handler fails with onError 'discard': nothing is stored, and no cookie is sent": async (
    serve,
  ) => {
    const { client, origin, calls } = await serve(undefined, DISCARD)
    await client.expect('/fail', { status: 500, cookies: 0 })
    await client.expect('/503', { status: 503, cookies: 0, vary: 'cookie' })
    assert.deepEqual(calls, [])
    await client.ask('/login')
    const { jar } = client
    calls.length = 0
    await new Client(origin, jar).expect('/fail', { status: 500, cookies: 0 })
    await new Client(origin, jar).expect('/503', { status: 503, cookies: 0 })
    assert.deepEqual(calls, ['read', 'read'])
    await client.expect('/read', { text: ADA })
  },
  "E03 with onError 'discard', redirects and what is not found are no failures": async (serve) => {
    const { origin } = await serve(undefined, DISCARD)
    for (const path of ['/login', '/404', '/304', '/json']) {
      const visitor = new Client(origin)
      await visitor.expect(path, { cookies: 1 })
      await visitor.expect('/read', { text: ADA })
    }
  },
  "E04 with onError 'discard', a session that the handler ended before it failed stays ended":
    async (serve) => {
      const { origin, errorsCommit, records } = await serve(undefined, DISCARD)
      for (const path of ['/logout-fail', '/logout-503']) {
        const visitor = new Client(origin)
        await visitor.ask('/login')
        const old = new Client(origin, visitor.jar)
        const { status, cookies } = await visitor.ask(path)
        assert(status >= 500, `${path} responded with ${status}`)
        const isSent = errorsCommit || path === '/logout-503'
        assert.equal(cookies.filter((line) => REMOVAL.test(line)).length, isSent ? 1 : 0)
        await old.expect('/read', { text: EMPTY })
      }
      assert.equal(await records(), 0)
    },
  "V01 with vary 'always', a response is private and varies although its session was not asked for":
    async (serve) => {
      const { client, calls } = await serve(async ({ path, reply }) => {
        reply.header('vary', 'Accept')
        reply.header('cache-control', 'public, max-age=60')
        return path === '/stream' ? reply.stream(words()) : reply.json('welcome')
      }, ALWAYS)
      const expected = { cookies: 0, vary: 'accept,cookie', cacheControl: 'max-age=60, private' }
      for (const path of ['/json', '/stream']) await client.expect(path, expected)
      assert.deepEqual(calls, [])
    },
  "V02 with vary 'always', a session first asked for while a page streams can be read, not changed":
    async (serve) => {
      const arrived = gate()
      const { client } = await serve(async (visit) => {
        const { session, path, reply } = visit
        if (path !== '/page') return application(visit)
        async function* page(): AsyncIterable<string> {
          yield 'name: '
          await arrived.opened
          try {
            const mine = await session()
            yield String(mine.get('name'))
            mine.set('name', 'Eve')
          } catch (error) {
            yield ` ${String((error as { code?: unknown }).code)}`
          }
        }
        return reply.stream(page())
      }, ALWAYS)
      await client.ask('/login')
      const expected = { vary: 'cookie', cacheControl: 'private', text: 'name: Ada ERR_VIAL_STATE' }
      await client.expect('/page', expected, { onHeaders: arrived.open })
      await client.expect('/read', { text: ADA })
    },
  "V03 with vary 'always', sessions are stored as without it": async (serve) => {
    const { client, origin } = await serve(undefined, ALWAYS)
    await client.expect('/login', { status: 302, cookies: 1, cacheControl: 'private' })
    await client.expect('/read', { text: ADA, cookies: 0, cacheControl: 'private' })
    const old = new Client(origin, client.jar)
    await client.expect('/logout', { cookies: 1, cacheControl: 'private' })
    await old.expect('/read', { text: EMPTY })
  },
}

/** Cases for frameworks that answer in place of a handler without a reply. */
export const silenceCases: Cases = {
  'S01 a handler gives no reply: the framework answers as without a session, and what is stored has its cookie':
    async (serve) => {
      const { client, silence, records } = await serve(async ({ session, path, reply }) => {
        if (path === '/reply') return reply.json('welcome')
        const mine = await session()
        if (path === '/write') mine.set('name', 'Ada')
        return undefined
      })
      await client.expect('/read', { status: silence, cookies: 0 })
      const { cookies } = await client.expect('/write', { status: silence })
      assert.equal(cookies.length, await records())
      await client.expect('/reply', { status: 200 })
    },
}

/** Cases for frameworks in which an application sends requests to itself. */
export const subRequestCases: Cases = {
  'N02 with ambient, a sub-request shares the session: one record, one cookie, both writes': async (
    serve,
  ) => {
    const { client, calls } = await serve(
      async ({ session, path, reply, inner }) => {
        const mine = await session()
        mine.set(path.slice(1), true)
        if (path === '/outer') await inner?.('/inner')
        return reply.json([...mine.keys()].sort())
      },
      { ambient: true },
    )
    await client.expect('/outer', { text: '["inner","outer"]', cookies: 1 })
    assert.deepEqual(calls, ['create'])
    await client.expect('/later', { text: '["inner","later","outer"]', cookies: 0 })
  },
}

async function* words(): AsyncIterable<string> {
  yield 'wel'
  yield 'come'
}
