/**
 * How long the cookie lives: as long as the browser is open, or as long as the session.
 *
 * @module
 */

import { Hono } from 'hono'
import { code } from '../code.ts'
import { formOf } from '../form.ts'
import { type Html, html } from '../html.ts'
import type { TutorialSession } from '../sessions.ts'
import type { Site } from '../site.ts'

const SOURCE = code(import.meta.url, "app.post('/remember'", 'function isEmpty(')

/** The page at `/remember`. */
export function rememberPages({ sessions, page }: Site): Hono {
  const app = new Hono()

  app.get('/remember', async (c) => {
    const session = await sessions.of(c)
    return page(c, 'Remember me', content(session))
  })

  app.post('/remember', async (c) => {
    const session = await sessions.of(c)
    const field = await formOf(c)
    if (isEmpty(session)) {
      session.flash('There is nothing to remember yet.', 'error')
    } else {
      session.permanent = field('life') === 'permanent'
    }
    return c.redirect('/remember', 303)
  })

  return app
}

function content(session: TutorialSession): Html {
  return html`
    <p class="lead" id="life">${state(session)}</p>
    <p>A cookie without a date is dropped when the browser closes. A permanent session gives the cookie a date: the day on which the record ends on the server, 31 days after it began.</p>
    ${
      isEmpty(session)
        ? html`<p class="card">There is nothing to remember yet. <a href="/value">Set a name</a> or <a href="/login">log in</a> first.</p>`
        : choice(session.permanent)
    }
    ${SOURCE}`
}

function choice(permanent: boolean): Html {
  return html`
    <form class="card" method="post" action="/remember">
      <fieldset>
        <legend>Keep my cookie</legend>
        <label class="check"><input type="radio" name="life" value="browser"${!permanent && html` checked`}> until I close the browser</label>
        <label class="check"><input type="radio" name="life" value="permanent"${permanent && html` checked`}> for 31 days</label>
      </fieldset>
      <button>Save</button>
    </form>`
}

function state(session: TutorialSession): string {
  if (isEmpty(session)) return 'You have no session yet.'
  return session.permanent
    ? 'You are remembered, also when the browser is closed.'
    : 'You are remembered until you close the browser.'
}

function isEmpty(session: TutorialSession): boolean {
  return session.size === 0 && session.user === undefined
}
