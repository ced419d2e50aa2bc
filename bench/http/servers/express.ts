/** Express 5: bare, vial, express-session, cookie-session, iron-session. */

import { RedisStore } from 'connect-redis'
import cookieSession from 'cookie-session'
import express, { type Express, type Request, type Response } from 'express'
import session, { type Store } from 'express-session'
import { getIronSession } from 'iron-session'
import type { Sessions } from 'vial'
import { vial } from '../../common/vial.ts'
import { bareAndOurs, type Contenders, redis, SECRET } from '../contender.ts'
import { PATHS, sizeOf, type Visit, visit } from '../page.ts'

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

/** With the options of its README. */
function expressSession(store: Store): Express {
  const app = express()
  app.use(session({ secret: SECRET, resave: false, saveUninitialized: false, store }))
  return onRequest(app)
}

async function ours(sessions: Sessions): Promise<Express> {
  const { sessionMiddleware } = await vial('vial/adapters/express')
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

export const CONTENDERS: Contenders = {
  ...bareAndOurs(async () => site(express(), BARE), ours),
  'express-session + connect-redis': {
    listener: async () => expressSession(new RedisStore({ client: await redis() })),
  },
  'cookie-session': {
    async listener() {
      const app = express()
      app.use(cookieSession({ name: 'session', keys: [SECRET] }))
      return onRequest(app)
    },
  },
  'iron-session': { listener: async () => iron() },
}
