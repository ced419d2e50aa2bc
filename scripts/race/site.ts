/** The application of the race: a visitor logs in, writes, looks, rotates the session and logs out. */

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import express, {
  type NextFunction,
  type Request,
  type RequestHandler,
  type Response,
  type Router,
} from 'express'
import expressSession, { type Store as ExpressStore } from 'express-session'
import { createSessions, type Store } from 'vial'
import { sessionMiddleware } from 'vial/adapters/express'
import { usersRouter } from './users.ts'

/** What the application does with a session in one request, whichever package keeps it. */
interface Visit {
  readonly loggedIn: boolean
  /** Both give the session a new cookie. */
  logIn(): void | Promise<void>
  regenerate(): void | Promise<void>
  logOut(): void | Promise<void>
  set(key: string, value: number): void
  increment(key: string): void
  entries(): readonly (readonly [string, unknown])[]
}

/** Sessions as an Express application has them. */
export interface Visits {
  readonly middleware: RequestHandler
  /** Sessions of users, which can be ended and are limited. Absent: these are not listed. */
  readonly users?: Router | undefined
  of(request: Request): Visit | Promise<Visit>
  /** How often a commit was tried again so far. */
  retries(): number
}

/** @param timeout The time limit of a commit, in ms. */
export function vialVisits(store: Store, timeout = 1_000): Visits {
  let retries = 0
  const sessions = createSessions({
    store,
    timeout,
    // Records that a run leaves on a server expire.
    lifetime: '1h',
    cookie: { secure: false },
    onEvent: (event) => {
      if (event.type === 'retried') retries += event.attempts - 1
    },
  })
  return {
    middleware: sessionMiddleware(sessions),
    users: usersRouter(store, timeout),
    retries: () => retries,
    async of(request) {
      const session = await sessions.of(request)
      return {
        loggedIn: session.user !== undefined,
        logIn: () => session.login('ann'),
        regenerate: () => session.regenerate(),
        logOut: () => session.destroy(),
        set: (key, value) => session.set(key, value),
        increment: (key) => session.increment(key),
        entries: () => [...session.entries()],
      }
    },
  }
}

/** express-session with the options of its documentation. */
export function expressVisits(store: ExpressStore): Visits {
  return {
    middleware: expressSession({
      store,
      secret: 'the race is run on one machine only',
      resave: false,
      saveUninitialized: false,
      cookie: { maxAge: 3_600_000 },
    }),
    retries: () => 0,
    of: (request) => expressVisit(request),
  }
}

function expressVisit(request: Request): Visit {
  const data = (): Record<string, unknown> => request.session as unknown as Record<string, unknown>
  const call = (name: 'regenerate' | 'destroy'): Promise<void> =>
    new Promise((resolve, reject) => {
      request.session[name]((error?: unknown) => (error ? reject(error) : resolve()))
    })
  // Its documentation asks for a new id at a login, and leaves it to the application to carry the data.
  const regenerate = async (): Promise<void> => {
    const { cookie: _, ...kept } = data()
    await call('regenerate')
    Object.assign(data(), kept)
  }
  return {
    loggedIn: data()['user'] !== undefined,
    async logIn() {
      await regenerate()
      data()['user'] = 'ann'
    },
    regenerate,
    logOut: () => call('destroy'),
    set(key, value) {
      data()[key] = value
    },
    increment(key) {
      data()[key] = Number(data()[key] ?? 0) + 1
    },
    entries: () => Object.entries(data()),
  }
}

/** The control: a store used as most session libraries use theirs. Its `replace` overwrites, and revives what is gone. */
export function naive(store: Store): Store {
  return {
    ...store,
    name: `naive ${store.name}`,
    async replace(id, bytes, expiresAt) {
      for (;;) {
        const current = await store.read(id)
        if (current === undefined) {
          if ((await store.create(id, bytes, expiresAt)).kind === 'created') {
            return { kind: 'replaced' }
          }
        } else {
          const result = await store.replace(id, bytes, expiresAt, current.version)
          if (result.kind === 'replaced') return result
        }
      }
    },
  }
}

/** The store across a network that takes that many ms each way. */
export function distant(store: Store, latency: number): Store {
  const through = async <T>(verb: () => T): Promise<Awaited<T>> => {
    await sleep(latency)
    const result = await verb()
    await sleep(latency)
    return result
  }
  return {
    ...store,
    read: (...args) => through(() => store.read(...args)),
    create: (...args) => through(() => store.create(...args)),
    replace: (...args) => through(() => store.replace(...args)),
    touch: (...args) => through(() => store.touch(...args)),
    delete: (...args) => through(() => store.delete(...args)),
  }
}

/** What a visitor finds. */
export interface Look {
  readonly loggedIn: boolean
  /** Keys of writers. */
  readonly kept: number
  readonly counter: number
}

export interface Site {
  readonly port: number
  close(): Promise<void>
}

/** Serves the application on a port of 127.0.0.1. */
export async function startSite(visits: Visits): Promise<Site> {
  const server = createServer(application(visits))
  // A connection stays open until its next request.
  server.keepAliveTimeout = 0
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

function application(visits: Visits): express.Express {
  const app = express()
  app.get('/retries', (_, res) => void res.json(visits.retries()))
  if (visits.users !== undefined) app.use(visits.users)
  app.use(visits.middleware)

  app.post('/start', async (req, res) => {
    const visit = await visits.of(req)
    await visit.logIn()
    visit.set('counter', 0)
    res.sendStatus(204)
  })

  app.post('/write', async (req, res) => {
    const visit = await visits.of(req)
    await working(req)
    if (!visit.loggedIn) return void res.sendStatus(401)
    visit.set(String(req.query['key']), 1)
    visit.increment('counter')
    res.sendStatus(204)
  })

  app.post('/login', async (req, res) => {
    const visit = await visits.of(req)
    await working(req)
    await visit.logIn()
    res.sendStatus(204)
  })

  app.post('/regenerate', async (req, res) => {
    const visit = await visits.of(req)
    await working(req)
    if (!visit.loggedIn) return void res.sendStatus(401)
    await visit.regenerate()
    res.sendStatus(204)
  })

  app.post('/logout', async (req, res) => {
    const visit = await visits.of(req)
    await working(req)
    res.setHeader('began', Date.now())
    await visit.logOut()
    res.sendStatus(204)
  })

  app.get('/', async (req, res) => {
    const visit = await visits.of(req)
    const values = new Map(visit.entries())
    const kept = [...values.keys()].filter((key) => key.startsWith('writer')).length
    const counter = Number(values.get('counter') ?? 0)
    res.json({ loggedIn: visit.loggedIn, kept, counter } satisfies Look)
  })

  app.use((error: unknown, _req: Request, res: Response, _next: NextFunction) => {
    if (res.headersSent) res.destroy()
    else res.status(500).type('text').send(String(error))
  })
  return app
}

/** The handler's own work between reading the session and writing it, such as a query; `takes` is in ms. */
async function working(req: Request): Promise<void> {
  const takes = Number(req.query['takes'] ?? 0)
  if (takes > 0) await sleep(takes)
}
