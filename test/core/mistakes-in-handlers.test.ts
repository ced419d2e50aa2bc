/** Typical mistakes of a newcomer in middleware and handlers, each with the message that it gets. */

import { inspect } from 'node:util'
import express from 'express'
import {
  createSessions,
  type LifeCycle,
  type Sessions,
  type StoredSession,
  type StoredSessions,
} from 'vial'
import * as expressAdapter from 'vial/adapters/express'
import * as fastify from 'vial/adapters/fastify'
import { withSession } from 'vial/adapters/fetch'
import * as hono from 'vial/adapters/hono'
import * as koa from 'vial/adapters/koa'
import * as node from 'vial/adapters/node'
import { flaskCookie } from 'vial/compat/flask-cookie'
import { json } from 'vial/serializers/json'
import { memoryStore } from 'vial/stores/memory'
import { expect, test, vi } from 'vitest'
import { z } from 'zod'
import { messageOf } from '../support/message-of.ts'
import { SECRET } from './requests.ts'

const store = memoryStore()
/** As JavaScript calls it. */
const create = createSessions as (options?: unknown) => ReturnType<typeof createSessions>

async function committed() {
  const sessions = createSessions({ store })
  const session = await sessions.load(undefined)
  session.set('a', 1)
  await sessions.commit(session)
  return { sessions, session }
}

/** What a handler gets, whatever it is. */
function handled(
  sessions: Pick<Sessions, 'of'> & LifeCycle,
  handler: (session: Promise<StoredSession>) => unknown,
): Promise<Response> {
  const handle = withSession(sessions, async (request) => {
    await handler(sessions.of(request) as Promise<StoredSession>)
    return new Response('x')
  })
  return handle(new Request('https://a.example/'))
}

/** As JavaScript sees the promise of a session. */
type Unawaited = Promise<StoredSession> & StoredSession
const unawaited = (use: (session: Unawaited) => unknown) => () =>
  handled(createSessions({ store }), (session) => use(session as Unawaited))

const inCookie = async () =>
  (await createSessions({ secret: SECRET }).load(undefined)) as StoredSession
const optionsAsSessions = { secret: SECRET } as never

const MISTAKES: Readonly<Record<string, () => unknown>> = {
  'no middleware': () => createSessions({ store }).of({}),
  'middleware after the route': () => {
    const sessions = createSessions({ store })
    const app = express()
    const tried = new Promise((resolve, reject) => {
      app.get('/', async (request, response) => {
        await sessions.of(request).then(resolve, reject)
        response.end()
      })
    })
    app.use(expressAdapter.sessionMiddleware(sessions))
    const server = app.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      void fetch(`http://127.0.0.1:${port}/`).finally(() => server.close())
    })
    return tried
  },
  'options in place of sessions': () => expressAdapter.sessionMiddleware(optionsAsSessions),
  'options in place of sessions, Hono': () => hono.sessionMiddleware(optionsAsSessions),
  'options in place of sessions, Koa': () => koa.sessionMiddleware(optionsAsSessions),
  'options in place of sessions, Fastify': () => fastify.sessionPlugin(optionsAsSessions),
  'options in place of sessions, Node': () => node.sessionMiddleware(optionsAsSessions),
  'options in place of sessions, node:http': () => node.withSession(optionsAsSessions, () => {}),
  'options in place of sessions, Fetch': () =>
    withSession(optionsAsSessions, () => Response.error()),
  'no sessions': () => expressAdapter.sessionMiddleware(undefined as never),
  'sessions that were not awaited': () =>
    expressAdapter.sessionMiddleware(Promise.resolve(createSessions({ store })) as never),
  'middleware of other sessions, under another cookie name': () => {
    const others = createSessions({ store, cookie: { name: 'other' } })
    return withSession(createSessions({ store }), async (request) => {
      await others.of(request)
      return new Response('x')
    })(new Request('https://a.example/'))
  },
  'a forgotten await: set': unawaited((session) => session.set('a', 1)),
  'a forgotten await: user': unawaited((session) => session.user),
  'a forgotten await: an assignment': unawaited((session) => {
    session.permanent = true
  }),
  'a forgotten await: load': () =>
    (createSessions({ store }).load(undefined) as Unawaited).get('a'),
  'a forgotten await: current': () => {
    const sessions = createSessions({ store, ambient: true })
    return handled(sessions, () => (sessions.current() as Unawaited).isNew)
  },
  'a forgotten await: options that are a function': () => {
    const sessions = createSessions(() => ({ store }))
    return handled(sessions, (session) => (session as Unawaited).user)
  },
  'a write after the response': async () => {
    let late: StoredSession | undefined
    await handled(createSessions({ store }), async (session) => {
      late = await session
    })
    late?.set('a', 1)
  },
  'a property of a session': async () => {
    Object.assign(await createSessions({ store }).load(undefined), { views: 1 })
  },
  'increment without a store': async () => (await inCookie()).increment('a'),
  'append without a store': async () => (await inCookie()).append('a', 1),
  'update without a store': async () => (await inCookie()).update('a', () => 1),
  'increment in a Flask cookie': async () =>
    ((await flaskCookie({ secret: SECRET }).load(undefined)) as StoredSession).increment('a'),
  'increment of an eager session without a store': () => {
    const sessions = createSessions({ secret: SECRET, eager: true })
    const handle = withSession(sessions, () => {
      ;(sessions.session as StoredSession).increment('a')
      return new Response('x')
    })
    return handle(new Request('https://a.example/'))
  },
  'claim without a store': async () => {
    const sessions = createSessions({ secret: SECRET })
    await (sessions as unknown as StoredSessions).claim(await inCookie(), 'a')
  },
  'middleware of other sessions': () => {
    const [mine, others] = [createSessions({ store }), createSessions({ store })]
    return withSession(mine, async (request) => {
      await others.of(request)
      return new Response('x')
    })(new Request('https://a.example/'))
  },
  'a write after the commit': async () => (await committed()).session.set('b', 2),
  'a second commit': async () => {
    const { sessions, session } = await committed()
    await sessions.commit(session)
  },
  'a class as value': async () => {
    class User {}
    ;(await createSessions({ store }).load(undefined)).set('user', { a: [new User()] })
  },
  'a function as value': async () =>
    (await createSessions({ store }).load(undefined)).set('a', () => 1),
  'an error as value': async () =>
    (await createSessions({ store }).load(undefined)).set('a', new Error('x')),
  'a Set in JSON': async () =>
    (await createSessions({ store, serializer: json }).load(undefined)).set('a', { b: new Set() }),
  'a date in JSON': async () =>
    (await createSessions({ store, serializer: json }).load(undefined)).set('a', [new Date(0)]),
  'a class that is pushed into a list': async () => {
    class User {}
    const sessions = createSessions({ store })
    const session = await sessions.load(undefined)
    session.setDefault('list', [] as unknown[])
    ;(session.get('list') as unknown[]).push(new User())
    await sessions.commit(session)
  },
  'a value that the schema does not allow': async () => {
    const data = z.object({ views: z.number() }).partial()
    const session = await createSessions({ store, data }).load(undefined)
    session.set('views', '1' as never)
  },
  'two kinds of session with one cookie name': () => {
    const [one, two] = [createSessions({ store }), createSessions({ store })]
    const inner = withSession(two, async (request) => {
      ;(await one.of(request)).set('a', 1)
      ;(await two.of(request)).set('a', 1)
      return new Response('x')
    })
    return withSession(one, inner)(new Request('https://a.example/'))
  },
  'a circle as value': async () => {
    const circle: unknown[] = []
    circle.push(circle)
    ;(await createSessions({ store }).load(undefined)).set('circle', circle)
  },
  'five kilobytes in a cookie': async () => {
    const sessions = createSessions({ secret: SECRET })
    const session = await sessions.load(undefined)
    session.set('a', 'x'.repeat(5_000))
    await sessions.commit(session)
  },
  'current() without ambient': () => createSessions({ store }).current(),
  'session without eager': () => (create({ store }) as unknown as { session: unknown }).session,
  'an asynchronous update': async () => {
    const session = await createSessions({ store }).load(undefined)
    session.update('a', async () => 1)
  },
}

test.each(Object.entries(MISTAKES))('%s', async (name, run) => {
  expect(await messageOf(run)).toBe(MESSAGES[name])
})

test('in production a promise of a session is as it is', async () => {
  vi.stubEnv('NODE_ENV', 'production')
  const sessions = createSessions({ secret: SECRET })
  vi.unstubAllEnvs()
  expect((sessions.load(undefined) as Unawaited).user).toBeUndefined()
})

test('a promise of a session is a promise to everything else', async () => {
  const promise = createSessions({ secret: SECRET }).load(undefined)
  expect(promise).toBeInstanceOf(Promise)
  expect(JSON.stringify({ promise })).toBe('{"promise":{}}')
  expect(inspect(promise, { showHidden: true })).toMatch(/^Promise \{/)
  expect(Object.keys(promise)).toEqual([])
  expect(await promise.then((session) => session.isNew).finally(() => {})).toBe(true)
  expect((await Promise.all([promise, promise])).length).toBe(2)
})

const MESSAGES: Readonly<Record<string, string>> = {
  'no middleware':
    'StateError: This request has not been through the session middleware. Register it before the routes, and pass of() what the framework hands to the handler.',
  'middleware after the route':
    'StateError: This request has not been through the session middleware. Register it before the routes, and pass of() what the framework hands to the handler.',
  'options in place of sessions':
    'ConfigError: sessionMiddleware takes what createSessions returns. Give sessionMiddleware(createSessions({ … })).',
  'options in place of sessions, Hono':
    'ConfigError: sessionMiddleware takes what createSessions returns. Give sessionMiddleware(createSessions({ … })).',
  'options in place of sessions, Koa':
    'ConfigError: sessionMiddleware takes what createSessions returns. Give sessionMiddleware(createSessions({ … })).',
  'options in place of sessions, Fastify':
    'ConfigError: sessionPlugin takes what createSessions returns. Give sessionPlugin(createSessions({ … })).',
  'options in place of sessions, Node':
    'ConfigError: sessionMiddleware takes what createSessions returns. Give sessionMiddleware(createSessions({ … })).',
  'options in place of sessions, node:http':
    'ConfigError: withSession takes what createSessions returns. Give withSession(createSessions({ … })).',
  'options in place of sessions, Fetch':
    'ConfigError: withSession takes what createSessions returns. Give withSession(createSessions({ … })).',
  'no sessions':
    'ConfigError: sessionMiddleware takes what createSessions returns. Give sessionMiddleware(createSessions({ … })).',
  'sessions that were not awaited':
    'ConfigError: sessionMiddleware got a promise. Await the sessions first.',
  'middleware of other sessions, under another cookie name':
    'StateError: The middleware of other sessions has seen this request, and not that of these. Use one `sessions` for both, or register the middleware of these too.',
  'a forgotten await: set':
    'StateError: The session is a promise, which has no `set`. Await it: `const session = await sessions.of(request)`.',
  'a forgotten await: user':
    'StateError: The session is a promise, which has no `user`. Await it: `const session = await sessions.of(request)`.',
  'a forgotten await: an assignment':
    'StateError: The session is a promise, which has no `permanent`. Await it: `const session = await sessions.of(request)`.',
  'a forgotten await: load':
    'StateError: The session is a promise, which has no `get`. Await it: `const session = await sessions.of(request)`.',
  'a forgotten await: current':
    'StateError: The session is a promise, which has no `isNew`. Await it: `const session = await sessions.of(request)`.',
  'a forgotten await: options that are a function':
    'StateError: The session is a promise, which has no `user`. Await it: `const session = await sessions.of(request)`.',
  'a write after the response':
    'StateError: This session was committed already, and the response headers have left where there is a response. Change it before; in a job or a WebSocket, load it again with `sessions.load`.',
  'a property of a session': 'TypeError: Cannot add property views, object is not extensible',
  'increment without a store':
    'StateError: increment() needs a store: of two responses at once a browser keeps one cookie, and the change in the other would be lost. Give createSessions a `store`, or use get() and set().',
  'append without a store':
    'StateError: append() needs a store: of two responses at once a browser keeps one cookie, and the change in the other would be lost. Give createSessions a `store`, or use get() and set().',
  'update without a store':
    'StateError: update() needs a store: of two responses at once a browser keeps one cookie, and the change in the other would be lost. Give createSessions a `store`, or use get() and set().',
  'increment in a Flask cookie':
    'StateError: increment() needs a store: of two responses at once a browser keeps one cookie, and the change in the other would be lost. Give createSessions a `store`, or use get() and set().',
  'increment of an eager session without a store':
    'StateError: increment() needs a store: of two responses at once a browser keeps one cookie, and the change in the other would be lost. Give createSessions a `store`, or use get() and set().',
  'claim without a store':
    'StateError: claim() needs a store: a cookie cannot decide which request came first. Give createSessions a `store`.',
  'middleware of other sessions':
    'StateError: The middleware of other sessions has seen this request, and not that of these. Use one `sessions` for both, or register the middleware of these too.',
  'a write after the commit':
    'StateError: This session was committed already, and the response headers have left where there is a response. Change it before; in a job or a WebSocket, load it again with `sessions.load`.',
  'a second commit': 'StateError: This session has been committed already. Load it again.',
  'a class as value':
    "SerializationError: Session key 'user': The value at a[0] is an instance of User, which MessagePack cannot hold: store a plain object with its data, or its text.",
  'a function as value':
    "SerializationError: Session key 'a': The value is a function, which MessagePack cannot hold: store data only.",
  'an error as value':
    "SerializationError: Session key 'a': The value is an instance of Error, which MessagePack cannot hold: store a plain object with its data, or its text.",
  'a Set in JSON':
    "SerializationError: Session key 'a': The value at b is a Set, which JSON cannot hold: store an array, such as [...set].",
  'a date in JSON':
    "SerializationError: Session key 'a': The value at [0] is a Date, which JSON cannot hold: store date.toISOString() or date.getTime().",
  'a class that is pushed into a list':
    "SerializationError: Session key 'list': The value at [0] is an instance of User, which MessagePack cannot hold: store a plain object with its data, or its text.",
  'a value that the schema does not allow':
    "SerializationError: Session key 'views' is not what `data` describes: Invalid input: expected number, received string",
  'two kinds of session with one cookie name':
    "ConfigError: Two kinds of session send a cookie named '__Host-session' in one response, so each ends the sessions of the other. Give each its own `cookie.name`.",
  'a circle as value':
    "SerializationError: Session key 'circle': The value at [0][0][0][0][0][0][0][0]… nests deeper than 128 levels or holds itself: flatten it.",
  'five kilobytes in a cookie':
    'TooLargeError: The session takes 6830 bytes as a cookie, and browsers keep 4096. A `store` keeps the record elsewhere and only an id in the cookie.',
  'current() without ambient': 'StateError: current() needs `ambient: true` in createSessions.',
  'session without eager':
    'StateError: `session` needs `eager: true`. Without it, use `await sessions.of(request)`.',
  'an asynchronous update':
    "StateError: update('a') takes a synchronous function: await first, then update.",
}
