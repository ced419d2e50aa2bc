/** `node:http`: bare, vial, iron-session, and the floor. */

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { getIronSession } from 'iron-session'
import { vial } from '../../common/vial.ts'
import { type Contenders, each, FLOORS, OURS, SECRET } from '../contender.ts'
import { floor } from '../floor.ts'
import { ourSessions } from '../our-sessions.ts'
import { PATHS, sizeOf, type Visit, visit } from '../page.ts'

type Handler = (request: IncomingMessage, response: ServerResponse) => unknown
type Handlers = Record<'read' | 'write' | 'seed', Handler>

function send(response: ServerResponse, text: string): void {
  response.setHeader('content-type', 'text/plain; charset=utf-8')
  response.setHeader('content-length', text.length)
  response.end(text)
}

function route({ read, write, seed }: Handlers): Handler {
  return (request, response) => {
    const { url = '' } = request
    if (url === PATHS.plain) return send(response, 'plain')
    if (url === PATHS.read) return read(request, response)
    return url === PATHS.write ? write(request, response) : seed(request, response)
  }
}

const BARE = route({
  read: (_request, response) => send(response, '1000'),
  write: (_request, response) => send(response, '1000'),
  seed: (_request, response) => send(response, 'seeded'),
})

async function ours(kind: string): Promise<RequestListener> {
  const sessions = await ourSessions(kind)
  const { withSession } = await vial('adapters/node')
  const handle = route({
    async read(request, response) {
      const session = await sessions.of(request)
      send(response, String(session.get('n')))
    },
    async write(request, response) {
      const session = await sessions.of(request)
      const n = session.get('n') as number
      session.set('n', n + 1)
      send(response, String(n))
    },
    async seed(request, response) {
      const session = await sessions.of(request)
      const entries = Object.entries(visit(sizeOf(request.url ?? '')))
      for (const [key, value] of entries) session.set(key, value)
      send(response, 'seeded')
    },
  })
  return withSession(sessions, handle as (...args: Parameters<Handler>) => void)
}

async function least(kind: string): Promise<RequestListener> {
  const sessions = await floor(kind)
  return route({
    async read(request, response) {
      const data = await sessions.load(request.headers.cookie)
      send(response, String(data?.['n']))
    },
    async write(request, response) {
      const data = (await sessions.load(request.headers.cookie)) as unknown as Visit
      const { n } = data
      const cookie = await sessions.save({ ...data, n: n + 1 }, request.headers.cookie)
      if (cookie !== undefined) response.setHeader('set-cookie', cookie)
      send(response, String(n))
    },
    async seed(request, response) {
      const data = { ...visit(sizeOf(request.url ?? '')) }
      response.setHeader('set-cookie', (await sessions.save(data, undefined)) ?? '')
      send(response, 'seeded')
    },
  })
}

function iron(): RequestListener {
  const of = (request: IncomingMessage, response: ServerResponse) =>
    getIronSession<Visit>(request, response, {
      password: SECRET,
      cookieName: 'session',
      cookieOptions: { secure: false },
    })
  return route({
    async read(request, response) {
      send(response, String((await of(request, response)).n))
    },
    async write(request, response) {
      const data = await of(request, response)
      const { n = 0 } = data
      data.n = n + 1
      await data.save()
      send(response, String(n))
    },
    async seed(request, response) {
      const data = await of(request, response)
      Object.assign(data, visit(sizeOf(request.url ?? '')))
      await data.save()
      send(response, 'seeded')
    },
  })
}

export const CONTENDERS: Contenders = {
  bare: { kind: 'bare', listener: async () => BARE },
  'bare again': { kind: 'bare', listener: async () => BARE },
  'empty middleware': {
    kind: 'bare',
    listener: async () => async (request, response) => {
      await BARE(request, response)
    },
  },
  ...each(OURS, 'vial', ours),
  ...each(Object.fromEntries(FLOORS.map((kind) => [kind, kind])), 'floor', least),
  'iron-session': { kind: 'cookie', listener: async () => iron() },
}
