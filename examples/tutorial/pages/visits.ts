/**
 * A counter that no request can make miscount.
 *
 * @module
 */

import { Hono } from 'hono'
import { code } from '../code.ts'
import { type Html, html } from '../html.ts'
import type { Site } from '../site.ts'

const SOURCE = code(import.meta.url, "app.get('/visits',", "app.get('/visits/one.svg'")
const TICK = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><circle cx="12" cy="12" r="11" fill="#0b6e69"/><path d="m7 12.5 3.5 3.5L17 9" fill="none" stroke="#fff" stroke-width="2.2"/></svg>`
const TEN = Array.from({ length: 10 }, (_, index) => index + 1)

/** The pages at `/visits`. */
export function visitPages({ sessions, page }: Site): Hono {
  const app = new Hono()

  app.get('/visits', async (c) => {
    const session = await sessions.of(c)
    session.increment('visits')
    return page(c, 'Visits', content(session.get('visits', 0)))
  })

  app.get('/visits/ten', async (c) => {
    const session = await sessions.of(c)
    // Ten requests without a cookie would be ten visitors.
    if (!session.has('visits')) return c.redirect('/visits', 303)
    return page(c, 'Ten at once', ten(session.get('visits', 0)))
  })

  app.get('/visits/one.svg', async (c) => {
    const session = await sessions.of(c)
    if (session.has('visits')) session.increment('visits')
    return c.body(TICK, 200, { 'content-type': 'image/svg+xml' })
  })

  return app
}

function content(visits: number): Html {
  return html`
    <p class="lead" id="visits">You have been here <strong>${visits}</strong> ${visits === 1 ? 'time' : 'times'}.</p>
    <p><code>increment</code> says what to do, not what the result is. So requests that run at the same time cannot undo each other’s work, in one process or in many.</p>
    <p class="card">See for yourself: <a href="/visits/ten">send ten requests at once</a>. The number grows by ten.</p>
    ${SOURCE}`
}

function ten(visits: number): Html {
  return html`
    <p class="lead">The counter stood at <strong>${visits}</strong>. Each of these pictures is a request that counts one:</p>
    <p class="ticks">${TEN.map((n) => html`<img src="/visits/one.svg?n=${n}" alt="request ${n}" width="32" height="32">`)}</p>
    <p>The browser asks for all of them together. <a href="/visits">Go back</a>, and you find ${visits} and ten, and one for going back: <strong>${visits + 11}</strong>.</p>
    ${SOURCE}`
}
