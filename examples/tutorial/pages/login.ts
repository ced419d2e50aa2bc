/**
 * Log in by form, log out by button.
 *
 * @module
 */

import { Hono } from 'hono'
import { code } from '../code.ts'
import { formOf, LONGEST } from '../form.ts'
import { type Html, html } from '../html.ts'
import type { Site } from '../site.ts'

const SOURCE = code(import.meta.url, "app.post('/login'", "app.post('/logout'")

/** The pages at `/login` and `/logout`. */
export function loginPages({ sessions, page }: Site): Hono {
  const app = new Hono()

  app.get('/login', async (c) => {
    const { user } = await sessions.of(c)
    return page(c, 'Log in', user === undefined ? form() : already(user))
  })

  app.post('/login', async (c) => {
    const session = await sessions.of(c)
    const field = await formOf(c)
    if (field('username') !== 'admin' || field('password') !== 'admin') {
      session.flash('Wrong name or password.', 'error')
      return c.redirect('/login', 303)
    }
    session.login('admin')
    session.permanent = field('remember') === 'yes'
    session.flash('You are logged in.', 'success')
    return c.redirect('/profile', 303)
  })

  app.post('/logout', async (c) => {
    const session = await sessions.of(c)
    session.destroy()
    session.flash('You are logged out. The old cookie is worth nothing now.', 'info')
    return c.redirect('/', 303)
  })

  return app
}

function form(): Html {
  return html`
    <p class="lead">This is a demonstration: the name is <strong>admin</strong>, and so is the password.</p>
    <form class="card" method="post" action="/login">
      <label for="username">Name</label>
      <input id="username" name="username" maxlength="${LONGEST}" autocomplete="username" autocapitalize="none" required>
      <label for="password">Password</label>
      <input id="password" name="password" type="password" maxlength="${LONGEST}" autocomplete="current-password" required>
      <label class="check"><input type="checkbox" name="remember" value="yes"> Remember me for 31 days</label>
      <button>Log in</button>
    </form>
    ${explanation()}`
}

function already(user: string): Html {
  return html`
    <p class="lead">You are logged in as <strong>${user}</strong>.</p>
    <p>See <a href="/profile">your profile</a>, or leave:</p>
    <form method="post" action="/logout"><button>Log out</button></form>
    ${explanation()}`
}

function explanation(): Html {
  return html`
    <p><code>login</code> notes the user and gives the session a new cookie. The old cookie no longer works, so an attacker who planted it gains nothing. Your data in the session, such as a full cart, stays.</p>
    <p><code>destroy</code> ends the session everywhere. A request that was still running cannot bring it back. The message after it goes into a new session, which is gone as soon as you have read it.</p>
    ${SOURCE}`
}
