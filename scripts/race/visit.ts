/** What the application does with a session in one request, whichever package keeps it. */

import type { Request, RequestHandler } from 'express'

export interface Visit {
  readonly loggedIn: boolean
  logIn(): void
  set(key: string, value: number): void
  increment(key: string): void
  /** Ends the session. */
  logOut(): void | Promise<void>
  entries(): readonly (readonly [string, unknown])[]
}

/** Sessions as an Express application has them. */
export interface Visits {
  readonly middleware: RequestHandler
  of(request: Request): Visit | Promise<Visit>
  /** How often a commit was tried again so far. */
  retries(): number
}
