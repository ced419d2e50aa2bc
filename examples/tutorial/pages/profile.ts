/**
 * A page for those who are logged in.
 *
 * @module
 */

import { Hono } from 'hono'
import { piecesIn } from '../catalogue.ts'
import { code } from '../code.ts'
import { type Html, html } from '../html.ts'
import type { TutorialSession } from '../sessions.ts'
import type { Site } from '../site.ts'
import { when } from '../when.ts'

const SOURCE = code(import.meta.url, "app.get('/profile'")

/** The page at `/profile`. */
export function profilePages({ sessions, page }: Site): Hono {
  const app = new Hono()

  app.get('/profile', async (c) => {
    const session = await sessions.of(c)
    if (session.user === undefined) {
      session.flash('Log in to see your profile.', 'info')
      return c.redirect('/login', 303)
    }
    return page(c, 'Profile', content(session, session.user))
  })

  return app
}

function content(session: TutorialSession, user: string): Html {
  return html`
    <p class="lead">Welcome back, <strong>${user}</strong>.</p>
    <dl class="card">
      <div><dt>Logged in since</dt><dd>${session.createdAt !== undefined && when(session.createdAt)}</dd></div>
      <div><dt>Called</dt><dd>${session.get('name', 'Guest')}</dd></div>
      <div><dt>Pieces in the cart</dt><dd>${piecesIn(session.get('cart', []))}</dd></div>
      <div><dt>Visits counted</dt><dd>${session.get('visits', 0)}</dd></div>
    </dl>
    <p><code>session.user</code> is whom <code>login</code> named, and <code>undefined</code> for everybody else. Stop the server, or kill it, and start it again: you are still logged in, because the record is in a file.</p>
    <form method="post" action="/logout"><button class="plain">Log out</button></form>
    ${SOURCE}`
}
