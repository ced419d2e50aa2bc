/**
 * The frame around every page.
 *
 * @module
 */

import type { Flash } from 'vial'
import { type Html, html } from './html.ts'

/** Where a link leads, and what it says. */
export type Link = readonly [href: string, name: string]

const LINKS: readonly Link[] = [
  ['/', 'Start'],
  ['/value', 'Set and get'],
  ['/login', 'Log in'],
  ['/profile', 'Profile'],
  ['/remember', 'Remember me'],
  ['/cart', 'Cart'],
  ['/visits', 'Visits'],
  ['/messages', 'Messages'],
]

/** What goes into the frame. */
export interface Frame {
  readonly title: string
  readonly body: Html
  /** More of them, behind those to the pages. */
  readonly links?: readonly Link[]
  /** Marks the link to this page. */
  readonly path?: string
  readonly user?: string | undefined
  /** Pieces in the cart. */
  readonly pieces?: number
  readonly flashes?: readonly Flash[]
  readonly panel?: Html
}

/** Renders a whole document. */
export function layout(frame: Frame): Html {
  const { title, body, links = [], path, user, pieces = 0, flashes = [], panel } = frame
  return html`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>${title} · vial tutorial</title>
    <link rel="stylesheet" href="/style.css">
    <link rel="icon" href="/icon.svg" type="image/svg+xml">
  </head>
  <body>
    <a class="skip" href="#main">To the content</a>
    <header class="top">
      <a class="brand" href="/"><img src="/icon.svg" alt="" width="28" height="28"> vial <span>tutorial</span></a>
      ${whoIsThere(user)}
    </header>
    <nav aria-label="Pages">
      <ul>
        ${[...LINKS, ...links].map(
          ([href, name]) =>
            html`<li><a href="${href}"${isHere(href, path) && html` aria-current="page"`}>${name}${
              href === '/cart' &&
              pieces > 0 &&
              html` <span class="count">${pieces}<span class="sr"> in it</span></span>`
            }</a></li>`,
        )}
      </ul>
    </nav>
    <div class="columns">
      <main id="main">
        ${flashes.map(
          ({ category, message }) =>
            html`<p class="flash ${flashClass(category)}" role="status">${message}</p>`,
        )}
        <h1>${title}</h1>
        ${body}
      </main>
      ${panel}
    </div>
  </body>
</html>
`
}

function isHere(href: string, path = ''): boolean {
  return href === path || (href !== '/' && path.startsWith(`${href}/`))
}

function whoIsThere(user: string | undefined): Html {
  if (user === undefined) return html`<p class="who">Not logged in</p>`
  return html`
    <form class="who" method="post" action="/logout">
      <span>Logged in as <strong>${user}</strong></span>
      <button class="plain">Log out</button>
    </form>`
}

/** A category comes out of the session: only those that the style sheet knows become a class. */
function flashClass(category: string): string {
  return category === 'success' || category === 'error' ? category : 'info'
}
