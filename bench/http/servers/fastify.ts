/** Fastify 5: bare, vial, @fastify/session, @fastify/secure-session. */

import { randomBytes } from 'node:crypto'
import type { RequestListener } from 'node:http'
import cookie from '@fastify/cookie'
import secureSession from '@fastify/secure-session'
import session, { type SessionStore } from '@fastify/session'
import { RedisStore } from 'connect-redis'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { Sessions } from 'vial'
import { vial } from '../../common/vial.ts'
import { bareAndOurs, type Contenders, redis, SECRET } from '../contender.ts'
import { PATHS, sizeOf, type Visit, visit } from '../page.ts'

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

async function fastifySession(store: SessionStore): Promise<RequestListener> {
  const app = fastify()
  await app.register(cookie)
  await app.register(session, {
    secret: SECRET,
    cookie: { secure: false },
    saveUninitialized: false,
    rolling: false,
    store,
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

async function ours(sessions: Sessions): Promise<RequestListener> {
  const { sessionPlugin } = await vial('vial/adapters/fastify')
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

export const CONTENDERS: Contenders = {
  ...bareAndOurs(() => site(fastify(), BARE), ours),
  '@fastify/session + connect-redis': {
    listener: async () =>
      fastifySession(new RedisStore({ client: await redis() }) as unknown as SessionStore),
  },
  '@fastify/secure-session': { listener: secure },
}
