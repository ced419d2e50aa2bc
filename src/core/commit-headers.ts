/**
 * The headers that a commit asks for.
 *
 * @module
 */

import type { CookieLife, CookieWriter } from '../cookies/serialize.ts'
import type { HeaderPatch } from './headers.ts'
import type { Commit, CommitOutcome } from './scope.ts'

const VARY = ['vary', 'Cookie'] as const
// A shared cache may keep a response in spite of its Set-Cookie (RFC 9111, section 7.3).
const PRIVATE = ['cache-control', 'private'] as const
const ASKED: HeaderPatch = [VARY]
/** Nothing to store; the session was asked for, so the response depends on the cookie. */
export const UNTOUCHED: Commit = { outcome: 'untouched', headers: ASKED }

/** A commit that leaves the browser's cookie as it is. */
export function withoutCookie(outcome: CommitOutcome): Commit {
  return outcome === 'untouched' ? UNTOUCHED : { outcome, headers: ASKED }
}

/** A commit that gives the browser a cookie. */
export function withCookie(
  outcome: CommitOutcome,
  cookie: CookieWriter,
  value: string,
  /** Undefined: the browser keeps it until it is closed. */
  life: CookieLife | undefined,
): Commit {
  return { outcome, headers: [['set-cookie', cookie.set(value, life)], VARY, PRIVATE] }
}

/** A commit that takes the cookie away from the browser. */
export function withRemoval(outcome: CommitOutcome, cookie: CookieWriter): Commit {
  return { outcome, headers: [['set-cookie', cookie.remove()], VARY, PRIVATE] }
}
