/**
 * The panel beside every page: the cookie that came, the session made of it, and the record behind it. It only looks.
 *
 * @module
 */

import type { Context } from 'hono'
import { getCookie } from 'hono/cookie'
import { type Html, html, type Piece } from './html.ts'
import { COOKIE, type TutorialSession } from './sessions.ts'
import type { StoredRecordView } from './stored-record.ts'
import { when } from './when.ts'

/** Looks at records without their sessions: reads, never writes. */
export interface PanelSource {
  /** What the cookie holds. */
  readonly cookie: string
  /** The format of a record. */
  readonly format: string
  /** The record behind a cookie that was honoured. Undefined: it ended this moment. */
  look(cookie: string): Promise<StoredRecordView | undefined>
}

/** Renders the panel for the session of this request. */
export async function panel(
  c: Context,
  session: TutorialSession,
  source: PanelSource,
): Promise<Html> {
  const cookie = getCookie(c, COOKIE)
  // Only an honoured cookie has a record to look at.
  const record = session.isNew || cookie === undefined ? undefined : await source.look(cookie)
  return html`
    <aside class="panel" aria-labelledby="panel">
      <h2 id="panel">Behind this page</h2>
      <p class="quiet">What your browser sent, and what the server keeps for it. The panel only looks: it writes nothing.</p>
      <h3>The cookie that came</h3>
      ${cookiePart(cookie, session.isNew, source)}
      <h3>The session made of it</h3>
      ${sessionPart(session, record)}
      <h3>The record on the server</h3>
      ${
        session.modified &&
        html`<p class="note">This page changes the session, and the change is stored just before the page leaves the server. What you see here is from before: reload to see the new record.</p>`
      }
      ${recordPart(record, source)}
    </aside>`
}

function cookiePart(cookie: string | undefined, isNew: boolean, source: PanelSource): Html {
  if (cookie === undefined) {
    return html`<p>None. You get one as soon as there is something to remember, and not before.</p>`
  }
  return html`
    <p><code data-panel="cookie">${COOKIE}=${shortened(cookie)}</code></p>
    ${
      isNew
        ? html`<p class="note">It was not honoured: it is not signed by this server, or its session has ended. You start with a fresh one.</p>`
        : html`<p class="quiet">${source.cookie} It is shortened here, since whoever has all of it is you.</p>`
    }`
}

function sessionPart(session: TutorialSession, record: StoredRecordView | undefined): Html {
  return facts([
    ['Fingerprint', html`<code>${session.fingerprint}</code>`],
    ['New', session.isNew ? 'yes, nothing is stored yet' : 'no'],
    [
      'Began',
      session.createdAt === undefined
        ? session.isNew
          ? 'not yet'
          : 'not known'
        : when(session.createdAt),
    ],
    ['Logged in', session.user ?? 'nobody'],
    ['Permanent', session.permanent ? 'yes' : 'no'],
    [
      'Cookie lives',
      session.isNew
        ? 'there is none'
        : session.permanent && record?.endsAt !== undefined
          ? html`until ${when(record.endsAt)}`
          : 'until the browser closes',
    ],
  ])
}

function recordPart(record: StoredRecordView | undefined, { format }: PanelSource): Html {
  if (record === undefined)
    return html`<p>None. A visitor who leaves nothing behind costs nothing.</p>`
  return html`
    <pre tabindex="0" role="region" aria-label="The record as JSON" data-panel="record"><code>${record.json}</code></pre>
    <p class="quiet">${format} Names that begin with an underscore are the session’s own.</p>
    ${facts([
      ...record.places,
      ['Size', `${record.size} bytes`],
      ['Ends', record.endsAt === undefined ? 'not known' : when(record.endsAt)],
    ])}`
}

function facts(pairs: readonly (readonly [name: string, value: Piece])[]): Html {
  return html`<dl>${pairs.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`
}

function shortened(text: string): string {
  return text.length <= 24 ? text : `${text.slice(0, 10)}…${text.slice(-10)}`
}
