/** h3 2: bare, vial around its `fetch`, its own useSession, and the floor. */

import type { RequestListener } from 'node:http'
import { H3, type H3Event, toNodeHandler, useSession } from 'h3'
import { vial } from '../../common/vial.ts'
import { type Contenders, each, FLOORS, OURS, SECRET } from '../contender.ts'
import { floor } from '../floor.ts'
import { ourSessions } from '../our-sessions.ts'
import { PATHS, sizeOf, type Visit, visit } from '../page.ts'

type Handler = (event: H3Event) => unknown
type Handlers = Record<'read' | 'write' | 'seed', Handler>

function routed({ read, write, seed }: Handlers): H3 {
  return new H3()
    .get(PATHS.plain, () => 'plain')
    .get(PATHS.read, read as never)
    .get(PATHS.write, write as never)
    .get(PATHS.seed, seed as never)
}

function site(app: { fetch: H3['fetch'] }): RequestListener {
  return toNodeHandler(app as H3) as unknown as RequestListener
}

const BARE: Handlers = { read: () => '1000', write: () => '1000', seed: () => 'seeded' }

function own(): RequestListener {
  const of = (event: H3Event) =>
    useSession<Visit>(event, {
      password: SECRET,
      name: 'session',
      cookie: { secure: false },
    })
  return site(
    routed({
      read: async (event) => String((await of(event)).data.n),
      async write(event) {
        const session = await of(event)
        const n = session.data.n ?? 0
        await session.update({ n: n + 1 })
        return String(n)
      },
      async seed(event) {
        const session = await of(event)
        await session.update(visit(sizeOf(event.req.url)))
        return 'seeded'
      },
    }),
  )
}

async function ours(kind: string): Promise<RequestListener> {
  const sessions = await ourSessions(kind)
  const { withSession } = await vial('adapters/fetch')
  const app = routed({
    async read(event) {
      const session = await sessions.of(event.req)
      return String(session.get('n'))
    },
    async write(event) {
      const session = await sessions.of(event.req)
      const n = session.get('n') as number
      session.set('n', n + 1)
      return String(n)
    },
    async seed(event) {
      const session = await sessions.of(event.req)
      const entries = Object.entries(visit(sizeOf(event.req.url)))
      for (const [key, value] of entries) session.set(key, value)
      return 'seeded'
    },
  })
  const fetch = withSession(sessions, (request: Request) => app.fetch(request))
  return site({ fetch: fetch as H3['fetch'] })
}

async function least(kind: string): Promise<RequestListener> {
  const sessions = await floor(kind)
  const cookieOf = (event: H3Event) => event.req.headers.get('cookie') ?? undefined
  return site(
    routed({
      async read(event) {
        const data = await sessions.load(cookieOf(event))
        return String(data?.['n'])
      },
      async write(event) {
        const data = (await sessions.load(cookieOf(event))) as unknown as Visit
        const { n } = data
        const set = await sessions.save({ ...data, n: n + 1 }, cookieOf(event))
        if (set !== undefined) event.res.headers.set('set-cookie', set)
        return String(n)
      },
      async seed(event) {
        const set = await sessions.save({ ...visit(sizeOf(event.req.url)) }, undefined)
        event.res.headers.set('set-cookie', set ?? '')
        return 'seeded'
      },
    }),
  )
}

export const CONTENDERS: Contenders = {
  bare: { kind: 'bare', listener: async () => site(routed(BARE)) },
  'bare again': { kind: 'bare', listener: async () => site(routed(BARE)) },
  'empty middleware': {
    kind: 'bare',
    async listener() {
      const app = routed(BARE)
      return site({ fetch: (request) => app.fetch(request) })
    },
  },
  ...each(OURS, 'vial', ours),
  ...each(Object.fromEntries(FLOORS.map((kind) => [kind, kind])), 'floor', least),
  useSession: { kind: 'cookie', listener: async () => own() },
}
