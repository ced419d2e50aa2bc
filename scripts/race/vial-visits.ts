/** Sessions of this package in the race. */

import { createSessions, type Store } from 'vial'
import { sessionMiddleware } from 'vial/adapters/express'
import type { Visits } from './visit.ts'

export function vialVisits(store: Store): Visits {
  let retries = 0
  const sessions = createSessions({
    store,
    // A race of eight on a small machine takes longer than a server should.
    timeout: '30s',
    // What is left behind on a server ends by itself.
    lifetime: '1h',
    cookie: { secure: false },
    onEvent: (event) => {
      if (event.type === 'retried') retries += event.attempts - 1
    },
  })
  return {
    middleware: sessionMiddleware(sessions),
    retries: () => retries,
    async of(request) {
      const session = await sessions.of(request)
      return {
        loggedIn: session.has('user'),
        logIn: () => session.set('user', 'ann'),
        set: (key, value) => session.set(key, value),
        increment: (key) => session.increment(key),
        logOut: () => session.destroy(),
        entries: () => [...session.entries()],
      }
    },
  }
}
