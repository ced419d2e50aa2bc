/**
 * The first page: what there is to try.
 *
 * @module
 */

import { Hono } from 'hono'
import { type Html, html } from '../html.ts'
import type { Site } from '../site.ts'

const STEPS = [
  ['/value', 'Set and get', 'Store your name, and read it on the next page.'],
  [
    '/login',
    'Log in',
    'A form with a name and a password. You get a new cookie, and the old one no longer works.',
  ],
  ['/profile', 'Profile', 'A page for those who are logged in. Others are sent to the form.'],
  ['/remember', 'Remember me', 'A session for as long as the browser is open, or for 31 days.'],
  [
    '/cart',
    'Shopping cart',
    'A list of objects. Fill it from two tabs at once, and nothing is lost.',
  ],
  ['/visits', 'Visits', 'A counter that counts right, even when ten requests arrive together.'],
  ['/messages', 'Messages', 'A sentence for the next page. It is shown once.'],
  [
    '/login',
    'Log out',
    'The record is deleted, and the cookie is worth nothing from that moment on.',
  ],
] as const

/** The page at `/`. */
export function homePages({ sessions, page }: Site): Hono {
  const app = new Hono()

  app.get('/', async (c) => {
    const session = await sessions.of(c)
    return page(c, `Hello, ${session.get('name', 'stranger')}`, overview(session.isNew))
  })

  return app
}

function overview(isNew: boolean): Html {
  return html`
    <p class="lead">A web server forgets you after every answer. A session is how it remembers: your browser keeps a small cookie, and the server keeps the rest.</p>
    <p>Walk through the steps in any order. The panel <span class="wide">on the right</span><span class="narrow">at the end of each page</span> shows the cookie, the session, and the file behind it.${isNew && ' So far there is none of them, since you did nothing yet.'}</p>
    <ol class="steps">
      ${STEPS.map(
        ([href, name, text]) =>
          html`<li><a href="${href}"><strong>${name}</strong> <span>${text}</span></a></li>`,
      )}
    </ol>`
}
