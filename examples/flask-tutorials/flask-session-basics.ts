/**
 * "How to use Flask-Session in Python Flask", on Express 5: the data on the server, an id in the
 * cookie.
 *
 *     SECRET_KEY=… npx tsx examples/flask-tutorials/flask-session-basics.ts [directory]
 *
 * @module
 */

import type { AddressInfo } from 'node:net'
import process from 'node:process'
import { pathToFileURL } from 'node:url'
import express, { type Express } from 'express'
import { createSessions, type Secret, type Store } from 'vial'
import { sessionMiddleware } from 'vial/adapters/express'
import { fileStore } from 'vial/stores/file'
import { escapeHtml } from './escape-html.ts'

/**
 * The document's app.
 *
 * @param store `app.config['SESSION_TYPE']`. To change the backend is to change this one argument:
 * `basics(fileStore('flask_session'))`, `basics(memoryStore())`, and any other store likewise. Those
 * for Redis, SQL and MongoDB come later. Nothing below knows which one it is.
 * @param secret `app.config['SECRET_KEY']`. The document's own, 'supersecretkey', is refused.
 */
export function basics(
  store: Store,
  secret: Secret | undefined = process.env['SECRET_KEY'],
): Express {
  const app = express()

  // Session(app)
  const sessions = createSessions<{ username?: string }>({
    store,
    secret,
    eager: true, // loads before each handler, so that `session` needs no `await`
    cookie: { secure: 'development' }, // plain http on localhost; leave it out behind https
  })
  app.use(sessionMiddleware(sessions))

  // from flask import session
  const { session } = sessions

  // @app.route('/set/<username>')
  app.get('/set/:username', (req, res) => {
    const { username } = req.params
    session.set('username', username)
    // The document puts the name into the page as it is. A visitor typed it, so here it is escaped.
    res.send(`Session saved for ${escapeHtml(username)}`)
  })

  // @app.route('/get')
  app.get('/get', (_req, res) => {
    const user = session.get('username', 'Guest')
    res.send(`Hello, ${escapeHtml(user)}!`)
  })

  // @app.route('/logout')
  app.get('/logout', (_req, res) => {
    session.clear()
    res.redirect('/get')
  })

  return app
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const app = basics(fileStore(process.argv[2] ?? '.vial/flask_session'))
  const server = app.listen(Number(process.env['PORT'] ?? 3000), '127.0.0.1', () => {
    console.log(`Running on http://127.0.0.1:${(server.address() as AddressInfo).port}/get`)
  })
}
