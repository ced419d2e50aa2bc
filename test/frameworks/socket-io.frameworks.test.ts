/** Sessions in Socket.IO, over real connections: to read where nothing can be written. */

import { createServer, type IncomingMessage } from 'node:http'
import { Server } from 'socket.io'
import { io as connect, type Socket } from 'socket.io-client'
import type { Session, Sessions } from 'vial'
import { sessionMiddleware as forExpress } from 'vial/adapters/express'
import { sessionMiddleware as forNode, withSession } from 'vial/adapters/node'
import type { RunningServer } from 'vial/testing'
import { describe, expect, test } from 'vitest'
import { listening, memorySessions, visiting } from '../adapters/suite.ts'

type Middleware = ReturnType<typeof forNode>

const MIDDLEWARE: Readonly<Record<string, (sessions: Sessions) => Middleware>> = {
  'vial/adapters/node': (sessions) => forNode(sessions),
  'vial/adapters/express': (sessions) => forExpress(sessions) as unknown as Middleware,
}

/** What the server finds when a client connects. */
interface Seen {
  readonly user: string | undefined
  readonly refusal: { readonly code?: string; readonly message: string } | undefined
}

/**
 * `/login` of the site logs Ada in, and Socket.IO runs beside it. A socket that connects gets `seen`, and `again` loads the
 * session anew and notes in it what the client sends.
 */
function serve(
  sessions: Sessions,
  middleware: Middleware,
  inEngine?: (session: Session) => void,
): Promise<RunningServer> {
  const server = createServer(
    withSession(sessions, async (request, response) => {
      const session = await sessions.of(request)
      if (request.url === '/login') session.login('ada')
      if (request.url === '/logout') session.destroy()
      response.end(String(session.get('note') ?? session.user ?? 'nobody'))
    }),
  )
  const io = new Server(server)
  io.engine.use(middleware)
  io.engine.use(
    (request: IncomingMessage, _response: unknown, next: (error?: unknown) => void) =>
      void sessions
        .of(request)
        .then((session) => inEngine?.(session))
        .then(() => next(), next),
  )
  io.on('connection', async (socket) => {
    const session = await sessions.of(socket.request)
    let refusal: Seen['refusal']
    try {
      session.set('note', 'too late')
    } catch (error) {
      refusal = error as Error
    }
    const { user } = session
    socket.emit('seen', { user, refusal: refusal && { ...refusal, message: refusal.message } })
    socket.on('again', async (note: string, done: (user?: string) => void) => {
      const fresh = await sessions.load(socket.request.headers.cookie)
      if (fresh.user !== undefined) fresh.set('note', note)
      await sessions.commit(fresh)
      done(fresh.user)
    })
  })
  return listening(server).then(({ origin, close }) => ({
    origin,
    close: async () => {
      await io.close()
      await close()
    },
  }))
}

/** Connects with the cookies of a visitor. */
async function open(
  origin: string,
  transport: string,
  jar: ReadonlyMap<string, string>,
): Promise<{ readonly socket: Socket; readonly seen: Seen }> {
  const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
  const socket = connect(origin, {
    transports: [transport],
    extraHeaders: cookie === '' ? {} : { cookie },
    reconnection: false,
    forceNew: true,
  })
  const seen = await new Promise<Seen>((resolve, reject) => {
    socket.once('seen', resolve).once('connect_error', reject)
  })
  return { socket, seen }
}

describe.each(Object.entries(MIDDLEWARE))('io.engine.use with %s', (_name, middleware) => {
  describe.each(['websocket', 'polling'])('%s', (transport) => {
    test('the session can be read, and the first write names `sessions.load`', async () => {
      const { sessions } = memorySessions()
      const server = await serve(sessions, middleware(sessions))
      await visiting(server, async (visitor, origin) => {
        const anonymous = await open(origin, transport, visitor.jar)
        expect(anonymous.seen.user).toBeUndefined()
        anonymous.socket.disconnect()
        await visitor.ask('/login')
        const { socket, seen } = await open(origin, transport, visitor.jar)
        expect(seen).toMatchObject({ user: 'ada', refusal: { code: 'ERR_VIAL_STATE' } })
        expect(seen.refusal?.message).toContain('`sessions.load`')
        // As the message advises.
        expect(await socket.emitWithAck('again', 'from the socket')).toBe('ada')
        expect((await visitor.ask('/')).text).toBe('from the socket')
        await visitor.ask('/logout')
        expect(await socket.emitWithAck('again', 'after the logout')).toBeNull()
        socket.disconnect()
      })
    })

    test('a store that fails refuses the connection', async () => {
      const { sessions, watch } = memorySessions()
      const server = await serve(sessions, middleware(sessions))
      await visiting(server, async (visitor, origin) => {
        await visitor.ask('/login')
        watch.fail('reads')
        await expect(open(origin, transport, visitor.jar)).rejects.toThrow()
        watch.fail('none')
        const { socket, seen } = await open(origin, transport, visitor.jar)
        expect(seen.user).toBe('ada')
        socket.disconnect()
      })
    })
  })

  test('polling has a response of its own, which carries what the engine writes', async () => {
    const { sessions } = memorySessions()
    const server = await serve(sessions, middleware(sessions), (session) => {
      session.set('note', 'from the engine')
    })
    await visiting(server, async (visitor) => {
      const handshake = await visitor.ask('/socket.io/?EIO=4&transport=polling')
      expect([handshake.status, handshake.cookies.length]).toEqual([200, 1])
      expect((await visitor.ask('/')).text).toBe('from the engine')
    })
  })
})
