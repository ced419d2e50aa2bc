/**
 * "Session: Web Templating in Flask", on handlers of the Fetch standard: the syntax, and the example
 * with a login form.
 *
 *     SECRET_KEY=… npx tsx examples/flask-tutorials/web-templating.ts
 *
 * @module
 */

import process from 'node:process'
import { pathToFileURL } from 'node:url'
import { serve } from '@hono/node-server'
import { createSessions, type Secret } from 'vial'
import { withSession } from 'vial/adapters/fetch'
import { escapeHtml } from './escape-html.ts'

/** What a server for the Fetch standard runs. */
export type Handler = (request: Request) => Promise<Response>

const cookie = { secure: 'development' } as const

/**
 * The document's "Syntax": `/login` and `/home`. With `eager`, `session` needs no `await`.
 *
 * @param secret `app.secret_key`. The document's own, "your_secret_key", is refused.
 */
export function syntax(secret: Secret | undefined = process.env['SECRET_KEY']): Handler {
  const sessions = createSessions<{ username?: string }>({ secret, eager: true, cookie })
  const { session } = sessions

  return withSession(sessions, (request) => {
    switch (new URL(request.url).pathname) {
      case '/login':
        session.set('username', 'user_name')
        return redirect('/home')
      case '/home':
        if (session.has('username')) {
          return html(`Welcome ${escapeHtml(session.get('username', ''))}!`)
        } else {
          return redirect('/login')
        }
      default:
        return new Response('Not Found', { status: 404 })
    }
  })
}

/**
 * The document's "Example": a page, a form and a logout, in the usual style. The session loads at
 * `await sessions.of(request)`, so the form, which never asks for it, costs nothing.
 *
 * @param secret `app.secret_key`. The document's own, "my_secret_key", is refused.
 */
export function example(secret: Secret | undefined = process.env['SECRET_KEY']): Handler {
  const sessions = createSessions<{ username?: string }>({ secret, cookie })

  const routes: Record<string, (request: Request) => Response | Promise<Response>> = {
    async 'GET /'(request) {
      const session = await sessions.of(request)
      const username = session.get('username')
      if (username !== undefined) {
        return html(`Hello, ${escapeHtml(username)}!<br><a href ='/logout'>Logout</a>`)
      }
      return html("You are not logged in!<br><a href = '/login'>Login</a>")
    },

    'GET /login': () => html(FORM),

    async 'POST /login'(request) {
      const form = await request.formData().catch(() => undefined)
      if (form === undefined) return new Response('Bad Request', { status: 400 })
      const username = form.get('username')
      const password = form.get('password')
      if (username === 'admin' && password === 'admin') {
        const session = await sessions.of(request)
        session.set('username', username)
        return redirect('/')
      }
      return html(FORM)
    },

    async 'GET /logout'(request) {
      const session = await sessions.of(request)
      session.pop('username')
      return redirect('/')
    },
  }

  return withSession(sessions, (request) => {
    const route = routes[`${request.method} ${new URL(request.url).pathname}`]
    return route?.(request) ?? new Response('Not Found', { status: 404 })
  })
}

const FORM = `
        <form method = "post">
            <p><input type = text       name = username></p>
            <p><input type = password   name = password></p>
            <p><input type = submit     value = "Login"></p>
        </form>
    `

function html(body: string): Response {
  return new Response(body, { headers: { 'content-type': 'text/html; charset=utf-8' } })
}

function redirect(location: string): Response {
  return new Response(null, { status: 302, headers: { location } })
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const port = Number(process.env['PORT'] ?? 3000)
  serve({ fetch: example(), port, hostname: '127.0.0.1' }, (address) => {
    console.log(`Running on http://127.0.0.1:${address.port}/`)
  })
}
