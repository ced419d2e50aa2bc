/**
 * Looks at the records that both halves share.
 *
 * @module
 */

import type { Store } from 'vial'
import { html } from '../tutorial/html.ts'
import type { PanelSource } from '../tutorial/panel.ts'
import { recordAsJson } from '../tutorial/stored-record.ts'

/** The record under Flask-Session's key: its prefix and the id. */
export function sharedRecords(store: Store, place: string): PanelSource {
  return {
    cookie: 'A random id, as Flask-Session makes them.',
    format: `Both halves keep it in ${place} as MessagePack, and this is the same as JSON.`,
    async look(cookie) {
      const record = await store.read(`session:${cookie}`, { expiry: true })
      if (record === undefined) return undefined
      return {
        places: [
          ['Key', html`<code data-panel="key">session:${cookie.slice(0, 6)}…</code>`],
          ['Store', html`${place}`],
        ],
        size: record.bytes.length,
        endsAt: record.expiresAt,
        json: recordAsJson(record.bytes),
      }
    },
  }
}
