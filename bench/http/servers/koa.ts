/** Koa 3: bare, vial, koa-session, and the floor. */

import type { RequestListener } from 'node:http'
import Koa, { type Context } from 'koa'
import session from 'koa-session'
import { vial } from '../../common/vial.ts'
import { type Contenders, each, FLOORS, OURS, SECRET } from '../contender.ts'
import { floor } from '../floor.ts'
import { ourSessions } from '../our-sessions.ts'
import { PATHS, sizeOf, type Visit, visit } from '../page.ts'
import { redis } from '../redis.ts'

type Handler = (context: Context) => unknown
type Handlers = Record<'read' | 'write' | 'seed', Handler>

function site(app: Koa, { read, write, seed }: Handlers): RequestListener {
  app.use((context) => {
    switch (context.path) {
      case PATHS.plain:
        context.body = 'plain'
        return undefined
      case PATHS.read:
        return read(context)
      case PATHS.write:
        return write(context)
      default:
        return seed(context)
    }
  })
  return app.callback() as RequestListener
}

const answer =
  (text: string): Handler =>
  (context) => {
    context.body = text
  }
const BARE: Handlers = { read: answer('1000'), write: answer('1000'), seed: answer('seeded') }

async function koaSession(stored: boolean): Promise<RequestListener> {
  const app = new Koa()
  app.keys = [SECRET]
  const options = { key: 'session', maxAge: 86_400_000 }
  if (stored) {
    const client = await redis()
    const store = {
      async get(id: string) {
        const text = await client.get(`koa:${id}`)
        return text === null ? undefined : JSON.parse(text)
      },
      set: (id: string, value: unknown, ms: number) =>
        client.set(`koa:${id}`, JSON.stringify(value), {
          expiration: { type: 'PX', value: ms },
        }),
      destroy: (id: string) => client.del(`koa:${id}`),
    }
    app.use(session({ ...options, store } as never, app as never) as never)
  } else app.use(session(options as never, app as never) as never)
  const of = (context: Context) => (context as unknown as { session: Visit }).session
  return site(app, {
    read(context) {
      context.body = String(of(context).n)
    },
    write(context) {
      const data = of(context)
      const { n } = data
      data.n = n + 1
      context.body = String(n)
    },
    seed(context) {
      Object.assign(of(context), visit(sizeOf(context.url)))
      context.body = 'seeded'
    },
  })
}

async function ours(kind: string): Promise<RequestListener> {
  const sessions = await ourSessions(kind)
  const { sessionMiddleware } = await vial('adapters/koa')
  const app = new Koa()
  app.use(sessionMiddleware(sessions))
  return site(app, {
    async read(context) {
      const data = await sessions.of(context)
      context.body = String(data.get('n'))
    },
    async write(context) {
      const data = await sessions.of(context)
      const n = data.get('n') as number
      data.set('n', n + 1)
      context.body = String(n)
    },
    async seed(context) {
      const data = await sessions.of(context)
      for (const [key, value] of Object.entries(visit(sizeOf(context.url)))) data.set(key, value)
      context.body = 'seeded'
    },
  })
}

async function least(kind: string): Promise<RequestListener> {
  const sessions = await floor(kind)
  return site(new Koa(), {
    async read(context) {
      const data = await sessions.load(context.req.headers.cookie)
      context.body = String(data?.['n'])
    },
    async write(context) {
      const { cookie } = context.req.headers
      const data = (await sessions.load(cookie)) as unknown as Visit
      const { n } = data
      const set = await sessions.save({ ...data, n: n + 1 }, cookie)
      if (set !== undefined) context.set('set-cookie', set)
      context.body = String(n)
    },
    async seed(context) {
      const set = await sessions.save({ ...visit(sizeOf(context.url)) }, undefined)
      context.set('set-cookie', set ?? '')
      context.body = 'seeded'
    },
  })
}

function empty(): Koa {
  const app = new Koa()
  app.use((_context, next) => next())
  return app
}

export const CONTENDERS: Contenders = {
  bare: { kind: 'bare', listener: async () => site(new Koa(), BARE) },
  'bare again': { kind: 'bare', listener: async () => site(new Koa(), BARE) },
  'empty middleware': { kind: 'bare', listener: async () => site(empty(), BARE) },
  ...each(OURS, 'vial', ours),
  ...each(Object.fromEntries(FLOORS.map((kind) => [kind, kind])), 'floor', least),
  'koa-session cookie': { kind: 'cookie', listener: () => koaSession(false) },
  'koa-session + redis': { kind: 'redis', listener: () => koaSession(true) },
}
