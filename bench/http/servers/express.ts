/** Express 5: bare, vial, express-session, cookie-session, iron-session, and the floor. */

import { RedisStore } from 'connect-redis'
import cookieSession from 'cookie-session'
import express, { type Express, type Request, type Response } from 'express'
import session, { type Store } from 'express-session'
import { getIronSession } from 'iron-session'
import { vial } from '../../common/vial.ts'
import { type Contenders, each, FLOORS, OURS, SECRET } from '../contender.ts'
import { floor } from '../floor.ts'
import { ourSessions } from '../our-sessions.ts'
import { PATHS, sizeOf, type Visit, visit } from '../page.ts'
import { redis } from '../redis.ts'

type Handler = (request: Request, response: Response) => unknown
type Handlers = Record<'read' | 'write' | 'seed', Handler>

function site(app: Express, { read, write, seed }: Handlers): Express {
  app.get(PATHS.plain, (_request, response) => response.send('plain'))
  app.get(PATHS.read, read)
  app.get(PATHS.write, write)
  app.get(PATHS.seed, seed)
  return app
}

const BARE: Handlers = {
  read: (_request, response) => response.send('1000'),
  write: (_request, response) => response.send('1000'),
  seed: (_request, response) => response.send('seeded'),
}

/** For sessions that are an object on the request. */
function onRequest(app: Express): Express {
  const of = (request: Request) => (request as unknown as { session: Visit }).session
  return site(app, {
    read: (request, response) => response.send(String(of(request).n)),
    write(request, response) {
      const data = of(request)
      const { n } = data
      data.n = n + 1
      response.send(String(n))
    },
    seed(request, response) {
      Object.assign(of(request), visit(sizeOf(request.url)))
      response.send('seeded')
    },
  })
}

const README = { secret: SECRET, resave: false, saveUninitialized: false } as const

function expressSession(store?: Store): Express {
  const app = express()
  app.use(session(store === undefined ? README : { ...README, store }))
  return onRequest(app)
}

async function ours(kind: string): Promise<Express> {
  const sessions = await ourSessions(kind)
  const { sessionMiddleware } = await vial('adapters/express')
  const app = express()
  app.use(sessionMiddleware(sessions))
  return site(app, {
    async read(request, response) {
      const session = await sessions.of(request)
      response.send(String(session.get('n')))
    },
    async write(request, response) {
      const session = await sessions.of(request)
      const n = session.get('n') as number
      session.set('n', n + 1)
      response.send(String(n))
    },
    async seed(request, response) {
      const session = await sessions.of(request)
      for (const [key, value] of Object.entries(visit(sizeOf(request.url)))) session.set(key, value)
      response.send('seeded')
    },
  })
}

async function least(kind: string): Promise<Express> {
  const sessions = await floor(kind)
  return site(express(), {
    async read(request, response) {
      const data = await sessions.load(request.headers.cookie)
      response.send(String(data?.['n']))
    },
    async write(request, response) {
      const data = (await sessions.load(request.headers.cookie)) as unknown as Visit
      const { n } = data
      const cookie = await sessions.save({ ...data, n: n + 1 }, request.headers.cookie)
      if (cookie !== undefined) response.setHeader('set-cookie', cookie)
      response.send(String(n))
    },
    async seed(request, response) {
      const data = { ...visit(sizeOf(request.url)) }
      response.setHeader('set-cookie', (await sessions.save(data, undefined)) ?? '')
      response.send('seeded')
    },
  })
}

function iron(): Express {
  const of = (request: Request, response: Response) =>
    getIronSession<Visit>(request, response, {
      password: SECRET,
      cookieName: 'session',
      cookieOptions: { secure: false },
    })
  return site(express(), {
    async read(request, response) {
      response.send(String((await of(request, response)).n))
    },
    async write(request, response) {
      const data = await of(request, response)
      const { n = 0 } = data
      data.n = n + 1
      await data.save()
      response.send(String(n))
    },
    async seed(request, response) {
      const data = await of(request, response)
      Object.assign(data, visit(sizeOf(request.url)))
      await data.save()
      response.send('seeded')
    },
  })
}

function empty(): Express {
  const app = express()
  app.use((_request, _response, next) => next())
  return site(app, BARE)
}

export const CONTENDERS: Contenders = {
  bare: { kind: 'bare', listener: async () => site(express(), BARE) },
  'bare again': { kind: 'bare', listener: async () => site(express(), BARE) },
  'empty middleware': { kind: 'bare', listener: async () => empty() },
  ...each(OURS, 'vial', ours),
  ...each(Object.fromEntries(FLOORS.map((kind) => [kind, kind])), 'floor', least),
  'express-session memory': { kind: 'memory', listener: async () => expressSession() },
  'express-session + connect-redis': {
    kind: 'redis',
    listener: async () => expressSession(new RedisStore({ client: await redis() })),
  },
  'cookie-session': {
    kind: 'cookie',
    async listener() {
      const app = express()
      app.use(cookieSession({ name: 'session', keys: [SECRET] }))
      return onRequest(app)
    },
  },
  'iron-session': { kind: 'cookie', listener: async () => iron() },
}
