/**
 * Flashed messages: a sentence for the next page, shown once.
 *
 * @module
 */

import { Hono } from 'hono'
import { code } from '../code.ts'
import { formOf, LONGEST } from '../form.ts'
import { type Html, html } from '../html.ts'
import type { Site } from '../site.ts'

const SOURCE = code(import.meta.url, "app.post('/messages'")
const CATEGORIES = ['info', 'success', 'error'] as const

/** The page at `/messages`. */
export function messagePages({ sessions, page }: Site): Hono {
  const app = new Hono()

  app.get('/messages', (c) => page(c, 'Messages', content()))

  app.post('/messages', async (c) => {
    const session = await sessions.of(c)
    const field = await formOf(c)
    const category = CATEGORIES.find((known) => known === field('category')) ?? 'info'
    if (field('text') === '') session.flash('Type a message first.', 'error')
    else session.flash(field('text'), category)
    return c.redirect('/messages', 303)
  })

  return app
}

function content(): Html {
  return html`
    <p class="lead">A form answers with a redirect, and a redirect shows nothing. So what it has to say waits in the session.</p>
    <form class="card" method="post" action="/messages">
      <label for="text">Message</label>
      <input id="text" name="text" maxlength="${LONGEST}" autocomplete="off" required>
      <label for="category">Category</label>
      <select id="category" name="category">
        ${CATEGORIES.map((category) => html`<option>${category}</option>`)}
      </select>
      <button>Flash it</button>
    </form>
    <p><code>flash</code> keeps the message. <code>flashes</code> takes what it shows, and only that: one that arrives meanwhile waits for the next page. Reload this page, and the message is gone.</p>
    ${SOURCE}`
}
