/**
 * The quickstart of the Flask-Session page, on Fastify: login, a page that knows who it is, logout.
 *
 *     SECRET_KEY=… npx tsx examples/flask-tutorials/flask-session-quickstart.ts
 *
 * @module
 */

import process from 'node:process'
import { pathToFileURL } from 'node:url'
import { type FastifyInstance, fastify } from 'fastify'
import { createSessions, type OnEvent, type Secret, type Store, type StoredSessions } from 'vial'
import { sessionPlugin } from 'vial/adapters/fastify'
import { memoryStore } from 'vial/stores/memory'
import { escapeHtml } from './escape-html.ts'

/** The document's `app.config`. */
export interface Config {
  /** `SESSION_TYPE` and `SESSION_REDIS`: to change the backend is to change this one value. */
  readonly store: Store
  /** `SECRET_KEY`: signs the id in the cookie. The document has a default, which everybody knows. */
  readonly secret: Secret | undefined
  /** `SESSION_PERMANENT`. @default false */
  readonly permanent?: boolean
  /** What was turned away, such as a cookie with a made-up id. */
  readonly onEvent?: OnEvent
  /** The clock, for tests. */
  readonly now?: () => number
}

/** The document's app, and `sessions`, which is what `Session` is there: it holds nobody's data. */
export function quickstart(config: Config): {
  readonly app: FastifyInstance
  readonly sessions: StoredSessions<{ username?: string }>
} {
  const { permanent = false, ...rest } = config
  const app = fastify()

  // Session(app)
  const sessions = createSessions<{ username?: string }>({
    ...rest,
    // PERMANENT_SESSION_LIFETIME: the end of the record on the server, permanent or not.
    lifetime: '30m',
    eager: true,
    cookie: { secure: 'development' },
  })
  app.register(sessionPlugin(sessions))

  // from flask import session
  const { session } = sessions

  // @app.route('/')
  app.get('/', (_request, reply) => {
    reply.type('text/html; charset=utf-8')
    if (session.has('username')) {
      const username = session.get('username', '')
      return `Hello, ${escapeHtml(username)}! <a href="/logout">Logout</a>`
    }
    return 'You are not logged in. <a href="/login">Login</a>'
  })

  // @app.route('/login')
  app.get('/login', (_request, reply) => {
    session.set('username', 'testuser')
    session.permanent = permanent
    // Not in the document: a new id at login. One that somebody planted before is worth nothing.
    session.regenerate()
    return reply.redirect('/')
  })

  // @app.route('/logout')
  app.get('/logout', (_request, reply) => {
    session.pop('username')
    return reply.redirect('/')
  })

  return { app, sessions }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { app } = quickstart({ store: memoryStore(), secret: process.env['SECRET_KEY'] })
  const port = Number(process.env['PORT'] ?? 3000)
  console.log(`Running on ${await app.listen({ port, host: '127.0.0.1' })}/`)
}
