/**
 * Instants as a reader sees them.
 *
 * @module
 */

import { type Html, html } from './html.ts'

/** Renders an instant, in ms since the epoch, to the minute and in UTC. */
export function when(at: number): Html {
  const iso = new Date(at).toISOString()
  return html`<time datetime="${iso}">${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC</time>`
}
