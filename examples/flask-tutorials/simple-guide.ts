/**
 * "How to Use Session in Flask: Simple Guide with Examples", on Koa: the syntax, the example and the
 * common pitfalls.
 *
 *     SECRET_KEY=… npx tsx examples/flask-tutorials/simple-guide.ts
 *
 * @module
 */

import type { AddressInfo } from 'node:net'
import process from 'node:process'
import { pathToFileURL } from 'node:url'
import Koa from 'koa'
import { createSessions, type LifeCycle, type Secret } from 'vial'
import { sessionMiddleware } from 'vial/adapters/koa'

const cookie = { secure: 'development' } as const

/** The document's "Syntax". Its secret, 'your_secret_key_here', is refused. */
export function syntax(secret: Secret | undefined = process.env['SECRET_KEY']): Koa {
  const sessions = createSessions<{ username?: string }>({ secret, eager: true, cookie })
  const { session } = sessions
  return appOf(sessions, {
    '/set'() {
      session.set('username', 'Alice')
      return 'Session data set!'
    },
    '/get'() {
      const user = session.get('username', 'Not logged in')
      return `Hello, ${user}!`
    },
    '/clear'() {
      session.pop('username')
      return 'Session cleared!'
    },
  })
}

/** The document's "Example". Its secret, 'supersecretkey123', is refused. */
export function example(secret: Secret | undefined = process.env['SECRET_KEY']): Koa {
  const sessions = createSessions<{ user?: string }>({ secret, eager: true, cookie })
  const { session } = sessions
  return appOf(sessions, {
    '/login'() {
      session.set('user', 'Bob')
      return 'User logged in and session set.'
    },
    '/profile'() {
      const user = session.get('user')
      if (user) {
        return `Welcome back, ${user}!`
      } else {
        return 'You are not logged in.'
      }
    },
    '/logout'() {
      session.pop('user')
      return 'User logged out and session cleared.'
    },
  })
}

/** The first pitfall: no secret. A ConfigError when the program starts; no visitor ever meets it. */
export function withoutSecret(): Koa {
  const sessions = createSessions({ eager: true, cookie })
  return appOf(sessions, {
    '/set'() {
      sessions.session.set('data', 'value')
      return 'Set session data'
    },
  })
}

/** The correct way, and the other pitfalls. The document's 'a_secure_random_key' is refused, too. */
export function pitfalls(secret: Secret | undefined = process.env['SECRET_KEY']): Koa {
  interface Data {
    data?: string
    cart?: string[]
  }
  const sessions = createSessions<Data>({ secret, eager: true, cookie })
  const { session } = sessions
  return appOf(sessions, {
    '/set_correct'() {
      session.set('data', 'value')
      return 'Session data set correctly'
    },
    // A missing key is no error: there is only `get`, and without a fallback it gives undefined.
    '/missing': () => `${session.get('data', 'a fallback')}, ${session.get('data')}`,
    // "Forgetting to assign": Flask does not see a change inside a value. Here it is saved.
    '/add'() {
      session.setDefault('cart', []).push('apple')
      return 'Added'
    },
    '/add_another'() {
      session.get('cart')?.push('pear')
      return 'Added'
    },
    '/cart': () => session.get('cart', []).join(', '),
    // Too large for a cookie: a TooLargeError and status 413, where browsers drop it without a word.
    '/large'() {
      session.set('data', 'x'.repeat(5000))
      return 'This line is never sent'
    },
  })
}

function appOf(sessions: LifeCycle, routes: Readonly<Record<string, () => string>>): Koa {
  const app = new Koa()
  app.use(sessionMiddleware(sessions))
  app.use((ctx) => {
    const route = routes[ctx.path]
    if (route !== undefined) ctx.body = route()
  })
  return app
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const server = example().listen(Number(process.env['PORT'] ?? 3000), '127.0.0.1', () => {
    console.log(`Running on http://127.0.0.1:${(server.address() as AddressInfo).port}/profile`)
  })
}
