/**
 * Set a value, get it, forget it: a session is a dictionary.
 *
 * @module
 */

import { Hono } from 'hono'
import { code } from '../code.ts'
import { formOf, LONGEST } from '../form.ts'
import { type Html, html } from '../html.ts'
import type { Site } from '../site.ts'

const SOURCE = code(
  import.meta.url,
  "app.get('/value'",
  "app.post('/value'",
  "app.post('/value/forget'",
  "app.post('/clear'",
)

/** The pages at `/value`, and `/clear`. */
export function valuePages({ sessions, page }: Site): Hono {
  const app = new Hono()

  app.get('/value', async (c) => {
    const session = await sessions.of(c)
    const name = session.get('name', 'Guest')
    return page(c, 'Set and get', content(name, session.has('name')))
  })

  app.post('/value', async (c) => {
    const session = await sessions.of(c)
    const name = (await formOf(c))('name')
    if (name === '') session.flash('Type a name first.', 'error')
    else session.set('name', name)
    return c.redirect('/value', 303)
  })

  app.post('/value/forget', async (c) => {
    const session = await sessions.of(c)
    const name = session.pop('name')
    if (name !== undefined) session.flash(`${name} is forgotten.`, 'info')
    return c.redirect('/value', 303)
  })

  app.post('/clear', async (c) => {
    const session = await sessions.of(c)
    session.clear()
    return c.redirect('/value', 303)
  })

  return app
}

function content(name: string, known: boolean): Html {
  return html`
    <p class="lead" id="greeting">Hello, ${name}!</p>
    <p>A session is a dictionary. <code>set</code> stores a value under a key, and <code>get</code> reads it in any later request of the same browser. Where there is none, <code>get</code> gives what you name as the second argument: here, <em>Guest</em>.</p>
    <form class="card" method="post" action="/value">
      <label for="name">Your name</label>
      <div class="row">
        <input id="name" name="name" maxlength="${LONGEST}" autocomplete="off" required>
        <button>Set it</button>
      </div>
    </form>
    ${
      known &&
      html`<div class="row actions">
        <form method="post" action="/value/forget"><button class="plain">Forget the name</button></form>
        <form method="post" action="/clear"><button class="plain">Clear the whole session</button></form>
      </div>`
    }
    <p class="quiet"><code>pop</code> takes one key out. <code>clear</code> takes all: a session that is left empty is deleted, and its cookie with it.</p>
    ${SOURCE}`
}
