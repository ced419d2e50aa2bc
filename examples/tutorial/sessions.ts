/**
 * The sessions of this site: what they hold, where they are kept, how long they live.
 *
 * @module
 */

import {
  createSessions,
  type SessionEvent,
  type Store,
  type StoredSession,
  type StoredSessions,
} from 'vial'
import { fileStore } from 'vial/stores/file'
import { z } from 'zod'

const line = z.object({ item: z.string(), quantity: z.number().int().positive() })

/** What a visitor's session may hold. A record that does not fit is not loaded. */
export const data = z
  .object({
    name: z.string(),
    visits: z.number().int(),
    cart: z.array(line),
  })
  .partial()

/** An item in the cart. The catalogue knows its price: a session is best kept small. */
export type CartLine = z.infer<typeof line>
export type TutorialData = z.infer<typeof data>
export type TutorialSession = StoredSession<TutorialData>
export type TutorialSessions = StoredSessions<TutorialData>

/** The name of the cookie. */
export const COOKIE = 'session'

/** Keeps sessions as files in `directory`; the cookie holds a signed id. */
export function tutorialSessions(
  directory: string,
  secret: string,
): { readonly sessions: TutorialSessions; readonly store: Store } {
  const store = fileStore(directory)
  const sessions = createSessions({
    store,
    secret,
    data,
    lifetime: '31d',
    // 'development': the tutorial speaks plain http. A real site leaves this out and serves https.
    cookie: { name: COOKIE, secure: 'development' },
    onEvent: tell,
  })
  return { sessions, store }
}

/** Events hold neither ids nor secrets, so they may go to the log as they are. */
function tell(event: SessionEvent): void {
  console.log('session event:', event)
}
