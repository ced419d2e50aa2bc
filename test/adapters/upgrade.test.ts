import { createServer, type IncomingMessage, ServerResponse, request as send } from 'node:http'
import type { Session } from 'vial'
import { sessionMiddleware as expressMiddleware } from 'vial/adapters/express'
import { sessionMiddleware, withSession } from 'vial/adapters/node'
import { expect, test } from 'vitest'
import type { Middleware } from './connect-app.ts'
import { listening, memorySessions } from './suite.ts'

/** The responses that WebSocket libraries give to middleware on an upgrade. */
const STAND_INS: Record<string, (request: IncomingMessage) => object> = {
  'an empty object': () => ({}),
  'that of engine.io': () => ({
    headers: {},
    setHeader() {},
    getHeader() {},
    removeHeader() {},
    write() {},
    writeHead() {},
    end() {},
  }),
  'a response without a connection': (request) => new ServerResponse(request),
}

test.each(Object.entries(STAND_INS))(
  'on an upgrade, with %s, a session can be read',
  async (_name, standIn) => {
    const { sessions, watch } = memorySessions()
    const forms: Record<string, Middleware> = {
      node: (request, response, next) =>
        void withSession(sessions, () => next())(request, response),
      connect: sessionMiddleware(sessions),
      express: expressMiddleware(sessions) as unknown as Middleware,
    }
    const known = await sessions.load(undefined)
    known.set('name', 'Ada')
    const cookie = (await sessions.commit(known)).headers[0]?.[1].split(';')[0] ?? ''
    watch.calls.length = 0
    for (const middleware of Object.values(forms)) {
      const server = createServer()
      const { origin, close } = await listening(server)
      const seen = new Promise<Session>((resolve, reject) => {
        server.once('upgrade', (request: IncomingMessage, socket) => {
          socket.end('HTTP/1.1 401 Unauthorized\r\n\r\n')
          middleware(request, standIn(request) as ServerResponse, () => {
            sessions.of(request).then(resolve, reject)
          })
        })
      })
      try {
        const headers = { connection: 'upgrade', upgrade: 'websocket', cookie }
        send(origin, { agent: false, headers })
          .on('error', () => {})
          .end()
        const session = await seen
        expect(session.get('name')).toBe('Ada')
        expect(() => session.set('name', 'Eve')).toThrow(
          expect.objectContaining({
            code: 'ERR_VIAL_STATE',
            message: expect.stringContaining('`sessions.load`'),
          }),
        )
      } finally {
        await close()
      }
    }
    expect(watch.calls).toEqual(['read', 'read', 'read'])
  },
)
