/**
 * What the pages need from the site: its sessions, and a way to answer with a page.
 *
 * @module
 */

import type { Context } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { piecesIn } from './catalogue.ts'
import type { Html } from './html.ts'
import { type Link, layout } from './layout.ts'
import { type PanelSource, panel } from './panel.ts'
import type { TutorialSessions } from './sessions.ts'

/** Handed to every page. */
export interface Site {
  readonly sessions: TutorialSessions
  /** Answers with a page: frame, messages, panel. */
  page(c: Context, title: string, body: Html, status?: ContentfulStatusCode): Promise<Response>
}

/**
 * Makes the site around its sessions.
 *
 * @param links More of them, behind those to the pages.
 */
export function siteOf(
  sessions: TutorialSessions,
  source: PanelSource,
  links: readonly Link[] = [],
): Site {
  return {
    sessions,

    async page(c, title, body, status = 200) {
      const session = await sessions.of(c)
      // Browsers ask for files that nobody linked: a 404 must not eat a message that nobody sees there.
      const flashes = status === 200 && c.req.method === 'GET' ? session.flashes() : []
      const frame = {
        title,
        body,
        links,
        flashes,
        path: c.req.path,
        user: session.user,
        pieces: piecesIn(session.get('cart', [])),
        panel: await panel(c, session, source),
      }
      return c.html(layout(frame).toString(), status)
    },
  }
}
