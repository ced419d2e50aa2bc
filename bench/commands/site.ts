/** A site that takes one request after the other, of each kind. */

/** What the route does. `plain` does not ask for the session. */
export type Act = 'plain' | 'read' | 'write' | 'login' | 'regenerate' | 'logout'

export interface Site {
  /**
   * @param cookie The `Cookie` header; empty: none.
   * @returns The `Cookie` header that a browser would send next.
   */
  visit(act: Act, cookie: string): Promise<string>
  /** Moves the clock of the sessions forward, in ms. Absent: their expiry moves with each visit. */
  readonly wait?: (ms: number) => void
  close(): Promise<void>
}

export const SECRET = 'the counts are made on one machine only'
export const DAY = 86_400_000

/** The `Cookie` header that a browser sends after a response. */
export function next(cookie: string, set: string | null | undefined): string {
  const pair = set?.split(';')[0]
  return pair === undefined || pair === '' ? cookie : pair
}

/** @throws {Error} When the session was not there. */
export function found(value: unknown): void {
  if (typeof value !== 'number') throw new Error('the session was not found')
}
