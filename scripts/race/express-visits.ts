/** Sessions of express-session in the race, with the options that its documentation recommends. */

import type { Request } from 'express'
import expressSession, { type Store } from 'express-session'
import type { Visit, Visits } from './visit.ts'

export function expressVisits(store: Store): Visits {
  return {
    middleware: expressSession({
      store,
      secret: 'the race is run on this machine only',
      resave: false,
      saveUninitialized: false,
      // What is left behind on a server ends by itself.
      cookie: { maxAge: 3_600_000 },
    }),
    retries: () => 0,
    of: visit,
  }
}

function visit({ session }: Request): Visit {
  const data = session as unknown as Record<string, unknown>
  return {
    loggedIn: data['user'] !== undefined,
    logIn() {
      data['user'] = 'ann'
    },
    set(key, value) {
      data[key] = value
    },
    increment(key) {
      data[key] = Number(data[key] ?? 0) + 1
    },
    logOut: () =>
      new Promise((resolve, reject) => {
        session.destroy((error?: unknown) => {
          if (error) reject(error)
          else resolve()
        })
      }),
    entries: () => Object.entries(data),
  }
}
