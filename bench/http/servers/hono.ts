/** Hono 4 on Node: bare, vial, @hono/session. */

import type { RequestListener } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { type SessionEnv, useSession } from '@hono/session'
import { type Context, Hono } from 'hono'
import type { Sessions } from 'vial'
import { vial } from '../../common/vial.ts'
import { bareAndOurs, type Contenders, SECRET } from '../contender.ts'
import { PATHS, sizeOf, type Visit, visit } from '../page.ts'

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

/** Its README asks for a secret of 32 bytes. */
function honoSession(): RequestListener {
  const app = new Hono<SessionEnv<Visit>>()
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

async function ours(sessions: Sessions): Promise<RequestListener> {
  const { sessionMiddleware } = await vial('vial/adapters/hono')
  const app = new Hono()
  app.use(sessionMiddleware(sessions))
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

export const CONTENDERS: Contenders = {
  ...bareAndOurs(async () => site(new Hono(), BARE), ours),
  '@hono/session cookie': { listener: async () => honoSession() },
}
