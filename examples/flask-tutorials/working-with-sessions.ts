/**
 * "Working with Sessions in Flask", on Hono: without a store the data travels in the cookie,
 * encrypted.
 *
 *     SECRET_KEY=… npx tsx examples/flask-tutorials/working-with-sessions.ts
 *
 * @module
 */

import process from 'node:process'
import { pathToFileURL } from 'node:url'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { createSessions, type Secret } from 'vial'
import { sessionMiddleware } from 'vial/adapters/hono'

/**
 * The document's app.
 *
 * @param secret `app.secret_key`. The document says not to copy its 16 bytes; here they are refused.
 * @param now The clock, for tests.
 */
export function workingWithSessions(
  secret: Secret | undefined = process.env['SECRET_KEY'],
  now: () => number = Date.now,
): Hono {
  // app = Flask(__name__)
  const app = new Hono()
  const sessions = createSessions<{ username?: string }>({
    secret,
    // app.permanent_session_lifetime = timedelta(minutes=30): counted from the last request.
    // To count from the first one, whatever the visitor does, say `lifetime: '30m'`.
    idle: '30m',
    eager: true,
    cookie: { secure: 'development' },
    now,
  })
  app.use(sessionMiddleware(sessions))

  // from flask import session
  const { session } = sessions

  // @app.route('/login/<username>')
  app.get('/login/:username', (c) => {
    const username = c.req.param('username')
    session.set('username', username)
    // As plain text: Flask would answer with HTML, where a name must be escaped.
    return c.text(`Logged in as ${username}`)
  })

  // The same with the document's last line: a session that outlives the browser.
  app.get('/remember/:username', (c) => {
    const username = c.req.param('username')
    session.set('username', username)
    session.permanent = true
    return c.text(`Logged in as ${username}`)
  })

  // @app.route('/profile')
  app.get('/profile', (c) => {
    const username = session.get('username')
    if (username !== undefined) {
      return c.text(`User: ${username}`)
    }
    return c.text('Not logged in')
  })

  // @app.route('/logout')
  app.get('/logout', (c) => {
    session.pop('username')
    return c.text('Logged out')
  })

  return app
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { fetch } = workingWithSessions()
  const port = Number(process.env['PORT'] ?? 3000)
  serve({ fetch, port, hostname: '127.0.0.1' }, (address) => {
    console.log(`Running on http://127.0.0.1:${address.port}/profile`)
  })
}
