/** Fastify 5: bare, vial, @fastify/session, @fastify/secure-session, and the floor. */

import { randomBytes } from 'node:crypto'
import type { RequestListener } from 'node:http'
import cookie from '@fastify/cookie'
import secureSession from '@fastify/secure-session'
import session, { type SessionStore } from '@fastify/session'
import { RedisStore } from 'connect-redis'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { vial } from '../../common/vial.ts'
import { type Contenders, each, FLOORS, OURS, SECRET } from '../contender.ts'
import { floor } from '../floor.ts'
import { ourSessions } from '../our-sessions.ts'
import { PATHS, sizeOf, type Visit, visit } from '../page.ts'
import { redis } from '../redis.ts'

type Handler = (request: FastifyRequest, reply: FastifyReply) => unknown
type Handlers = Record<'read' | 'write' | 'seed', Handler>

async function site(
  app: FastifyInstance,
  { read, write, seed }: Handlers,
): Promise<RequestListener> {
  app.get(PATHS.plain, (_request, reply) => reply.send('plain'))
  app.get(PATHS.read, read)
  app.get(PATHS.write, write)
  app.get(PATHS.seed, seed)
  await app.ready()
  return (request, response) => app.routing(request, response)
}

const BARE: Handlers = {
  read: (_request, reply) => reply.send('1000'),
  write: (_request, reply) => reply.send('1000'),
  seed: (_request, reply) => reply.send('seeded'),
}

async function fastifySession(store?: SessionStore): Promise<RequestListener> {
  const app = fastify()
  await app.register(cookie)
  await app.register(session, {
    secret: SECRET,
    cookie: { secure: false },
    saveUninitialized: false,
    rolling: false,
    ...(store === undefined ? {} : { store }),
  })
  const of = (request: FastifyRequest) => request.session as unknown as Visit
  return site(app, {
    read: (request, reply) => reply.send(String(of(request).n)),
    write(request, reply) {
      const data = of(request)
      const { n } = data
      data.n = n + 1
      reply.send(String(n))
    },
    seed(request, reply) {
      Object.assign(of(request), visit(sizeOf(request.url)))
      reply.send('seeded')
    },
  })
}

async function secure(): Promise<RequestListener> {
  const app = fastify()
  await app.register(secureSession, {
    key: randomBytes(32),
    cookieName: 'session',
    cookie: { path: '/', httpOnly: true },
  })
  type Bag = { get(key: string): unknown; set(key: string, value: unknown): void }
  const of = (request: FastifyRequest) => request.session as unknown as Bag
  return site(app, {
    read: (request, reply) => reply.send(String(of(request).get('n'))),
    write(request, reply) {
      const data = of(request)
      const n = data.get('n') as number
      data.set('n', n + 1)
      reply.send(String(n))
    },
    seed(request, reply) {
      const entries = Object.entries(visit(sizeOf(request.url)))
      for (const [key, value] of entries) of(request).set(key, value)
      reply.send('seeded')
    },
  })
}

async function ours(kind: string): Promise<RequestListener> {
  const sessions = await ourSessions(kind)
  const { sessionPlugin } = await vial('adapters/fastify')
  const app = fastify()
  await app.register(sessionPlugin(sessions))
  return site(app, {
    async read(request) {
      const session = await sessions.of(request)
      return String(session.get('n'))
    },
    async write(request) {
      const session = await sessions.of(request)
      const n = session.get('n') as number
      session.set('n', n + 1)
      return String(n)
    },
    async seed(request) {
      const session = await sessions.of(request)
      for (const [key, value] of Object.entries(visit(sizeOf(request.url)))) session.set(key, value)
      return 'seeded'
    },
  })
}

async function least(kind: string): Promise<RequestListener> {
  const sessions = await floor(kind)
  return site(fastify(), {
    async read(request) {
      const data = await sessions.load(request.headers.cookie)
      return String(data?.['n'])
    },
    async write(request, reply) {
      const data = (await sessions.load(request.headers.cookie)) as unknown as Visit
      const { n } = data
      const set = await sessions.save({ ...data, n: n + 1 }, request.headers.cookie)
      if (set !== undefined) reply.header('set-cookie', set)
      return String(n)
    },
    async seed(request, reply) {
      const data = { ...visit(sizeOf(request.url)) }
      reply.header('set-cookie', await sessions.save(data, undefined))
      return 'seeded'
    },
  })
}

function empty(): FastifyInstance {
  const app = fastify()
  app.addHook('onRequest', (_request, _reply, next) => next())
  return app
}

export const CONTENDERS: Contenders = {
  bare: { kind: 'bare', listener: () => site(fastify(), BARE) },
  'bare again': { kind: 'bare', listener: () => site(fastify(), BARE) },
  'empty middleware': { kind: 'bare', listener: () => site(empty(), BARE) },
  ...each(OURS, 'vial', ours),
  ...each(Object.fromEntries(FLOORS.map((kind) => [kind, kind])), 'floor', least),
  '@fastify/session memory': { kind: 'memory', listener: () => fastifySession() },
  '@fastify/session + connect-redis': {
    kind: 'redis',
    listener: async () =>
      fastifySession(new RedisStore({ client: await redis() }) as unknown as SessionStore),
  },
  '@fastify/secure-session': { kind: 'cookie', listener: secure },
}
