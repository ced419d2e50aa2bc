/** Hono 4 on Node: bare, vial, @hono/session, hono-sessions, and the floor. */

import type { RequestListener } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { type SessionEnv, useSession, useSessionStorage } from '@hono/session'
import { type Context, Hono } from 'hono'
import { CookieStore, MemoryStore, type Session, sessionMiddleware } from 'hono-sessions'
import { vial } from '../../common/vial.ts'
import { type Contenders, each, FLOORS, OURS, SECRET } from '../contender.ts'
import { floor } from '../floor.ts'
import { ourSessions } from '../our-sessions.ts'
import { PATHS, sizeOf, type Visit, visit } from '../page.ts'
import { redis } from '../redis.ts'

// biome-ignore lint/complexity/noBannedTypes: what Hono itself has there
type Env = {}
type Handler = (c: Context) => Response | Promise<Response>
type Handlers = Record<'read' | 'write' | 'seed', Handler>

function site(app: Hono<Env>, { read, write, seed }: Handlers): RequestListener {
  app.get(PATHS.plain, (c) => c.text('plain'))
  app.get(PATHS.read, read)
  app.get(PATHS.write, write)
  app.get(PATHS.seed, seed)
  return getRequestListener(app.fetch) as unknown as RequestListener
}

const BARE: Handlers = {
  read: (c) => c.text('1000'),
  write: (c) => c.text('1000'),
  seed: (c) => c.text('seeded'),
}

/** Their README asks for a 32 byte key. */
async function honoSession(stored: boolean): Promise<RequestListener> {
  const app = new Hono<SessionEnv<Visit>>()
  if (stored) {
    const client = await redis()
    app.use(
      useSessionStorage({
        delete: (id) => void client.del(`hono:${id}`),
        async get(id) {
          const text = await client.get(`hono:${id}`)
          return text === null ? null : JSON.parse(text)
        },
        set: async (id, value) => void (await client.set(`hono:${id}`, JSON.stringify(value))),
      }),
    )
  }
  app.use(useSession<Visit>({ secret: SECRET }))
  const of = (c: Context) => (c as Context<SessionEnv<Visit>>).var.session
  return site(app as unknown as Hono<Env>, {
    read: async (c) => c.text(String((await of(c).get())?.n)),
    async write(c) {
      const data = await of(c).get()
      const n = data?.n ?? 0
      await of(c).update((before) => ({ ...(before as Visit), n: n + 1 }))
      return c.text(String(n))
    },
    async seed(c) {
      await of(c).update(visit(sizeOf(c.req.url)))
      return c.text('seeded')
    },
  })
}

function honoSessions(store: MemoryStore | CookieStore): RequestListener {
  const app = new Hono()
  app.use(
    '*',
    sessionMiddleware({
      store,
      // What they ask of their cookie store only; with it, an id costs as much as a sealed record.
      ...(store instanceof CookieStore && { encryptionKey: SECRET }),
      expireAfterSeconds: 86_400,
      cookieOptions: { sameSite: 'Lax', path: '/', httpOnly: true },
    }) as never,
  )
  const of = (c: Context) => c.get('session' as never) as Session<Record<string, unknown>>
  return site(app, {
    read: (c) => c.text(String(of(c).get('n'))),
    write(c) {
      const n = of(c).get('n') as number
      of(c).set('n', n + 1)
      return c.text(String(n))
    },
    seed(c) {
      for (const [key, value] of Object.entries(visit(sizeOf(c.req.url)))) of(c).set(key, value)
      return c.text('seeded')
    },
  })
}

async function ours(kind: string): Promise<RequestListener> {
  const sessions = await ourSessions(kind)
  const { sessionMiddleware: ourMiddleware } = await vial('adapters/hono')
  const app = new Hono()
  app.use(ourMiddleware(sessions))
  return site(app, {
    async read(c) {
      const session = await sessions.of(c)
      return c.text(String(session.get('n')))
    },
    async write(c) {
      const session = await sessions.of(c)
      const n = session.get('n') as number
      session.set('n', n + 1)
      return c.text(String(n))
    },
    async seed(c) {
      const session = await sessions.of(c)
      for (const [key, value] of Object.entries(visit(sizeOf(c.req.url)))) session.set(key, value)
      return c.text('seeded')
    },
  })
}

async function least(kind: string): Promise<RequestListener> {
  const sessions = await floor(kind)
  return site(new Hono(), {
    async read(c) {
      const data = await sessions.load(c.req.header('cookie'))
      return c.text(String(data?.['n']))
    },
    async write(c) {
      const cookie = c.req.header('cookie')
      const data = (await sessions.load(cookie)) as unknown as Visit
      const { n } = data
      const set = await sessions.save({ ...data, n: n + 1 }, cookie)
      if (set !== undefined) c.header('set-cookie', set)
      return c.text(String(n))
    },
    async seed(c) {
      c.header('set-cookie', await sessions.save({ ...visit(sizeOf(c.req.url)) }, undefined))
      return c.text('seeded')
    },
  })
}

function empty(): Hono {
  const app = new Hono()
  app.use((_c, next) => next())
  return app
}

export const CONTENDERS: Contenders = {
  bare: { kind: 'bare', listener: async () => site(new Hono(), BARE) },
  'bare again': { kind: 'bare', listener: async () => site(new Hono(), BARE) },
  'empty middleware': { kind: 'bare', listener: async () => site(empty(), BARE) },
  ...each(OURS, 'vial', ours),
  ...each(Object.fromEntries(FLOORS.map((kind) => [kind, kind])), 'floor', least),
  '@hono/session cookie': { kind: 'cookie', listener: () => honoSession(false) },
  '@hono/session + redis': { kind: 'redis', listener: () => honoSession(true) },
  'hono-sessions memory': {
    kind: 'memory',
    listener: async () => honoSessions(new MemoryStore()),
  },
  'hono-sessions cookie': {
    kind: 'cookie',
    // Its sealed form of 2 KB does not fit a cookie.
    without: ['read-m', 'write-m'],
    listener: async () => honoSessions(new CookieStore()),
  },
}
