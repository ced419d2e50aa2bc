/**
 * The site: its middleware, its pages, and its answers when something goes wrong.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import { type Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { HTTPException } from 'hono/http-exception'
import { secureHeaders } from 'hono/secure-headers'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { ConflictError, StoreError } from 'vial'
import { sessionMiddleware } from 'vial/adapters/hono'
import { html } from './html.ts'
import { layout } from './layout.ts'
import { cartPages } from './pages/cart.ts'
import { homePages } from './pages/home.ts'
import { loginPages } from './pages/login.ts'
import { messagePages } from './pages/messages.ts'
import { profilePages } from './pages/profile.ts'
import { rememberPages } from './pages/remember.ts'
import { valuePages } from './pages/value.ts'
import { visitPages } from './pages/visits.ts'
import { sameOrigin } from './same-origin.ts'
import type { Site } from './site.ts'

const PAGES = [
  homePages,
  valuePages,
  loginPages,
  profilePages,
  rememberPages,
  cartPages,
  visitPages,
  messagePages,
]

const HEADERS = secureHeaders({
  contentSecurityPolicy: {
    defaultSrc: ["'self'"],
    formAction: ["'self'"],
    baseUri: ["'none'"],
    frameAncestors: ["'none'"],
  },
  // With 'no-referrer' browsers would send `Origin: null` with our own forms.
  referrerPolicy: 'same-origin',
  // Says nothing over plain http.
  strictTransportSecurity: false,
})

/** Makes the application. */
export function createApp(site: Site): Hono {
  const app = new Hono()
  app.use(HEADERS)
  app.get('/style.css', asset('style.css', 'text/css; charset=utf-8'))
  app.get('/icon.svg', asset('icon.svg', 'image/svg+xml'))
  app.use(async (c, next) => {
    // A page of somebody who logged out must not come back out of the browser's cache.
    c.header('cache-control', 'no-store')
    await next()
  })
  app.use(sameOrigin)
  app.use(bodyLimit({ maxSize: 16_384 }))
  app.use(sessionMiddleware(site.sessions))
  for (const pages of PAGES) app.route('/', pages(site))

  app.notFound((c) =>
    site.page(
      c,
      'Nothing here',
      html`<p class="lead">There is no such page.</p><p><a href="/">Back to the start</a></p>`,
      404,
    ),
  )
  app.onError(explain)
  return app
}

/** Says what went wrong as far as it is the visitor's business. It asks for no session: that may be what failed. */
function explain(error: Error, c: Context): Response {
  const status = statusOf(error)
  if (status >= 500) console.error(error)
  const [title, text] = status < 500 ? ['That did not work', error.message] : FAILURES
  const body = html`<p class="lead">${text || 'The request could not be understood.'}</p><p><a href="/">Back to the start</a></p>`
  return c.html(layout({ title: title ?? '', body }).toString(), status)
}

const FAILURES = [
  'Something went wrong',
  'The fault is on this side. Please try again in a moment.',
]

function statusOf(error: Error): ContentfulStatusCode {
  if (error instanceof HTTPException) return error.status as ContentfulStatusCode
  // Two requests changed the same thing in ways that do not go together.
  if (error instanceof ConflictError) return 409
  if (error instanceof StoreError) return 503
  return 500
}

function asset(name: string, type: string): (c: Context) => Response {
  const content = readFileSync(new URL(name, import.meta.url), 'utf8')
  return (c) => c.body(content, 200, { 'content-type': type, 'cache-control': 'no-cache' })
}
