/**
 * The result of a commit for an adapter: the response headers it asks for, and how they meet those of the application.
 *
 * @module
 */

import type {
  CookieLife,
  CookieRemoval,
  CookieWriter,
  ResponseCookie,
} from '../cookies/serialize.ts'

/** What became of a session at the end of its request. */
export type CommitOutcome = 'untouched' | 'touched' | 'saved' | 'deleted' | 'gone'

/** Headers to merge into a response, names in lower case. Merge each with {@link mergeHeader}. */
export type HeaderPatch = readonly (readonly [name: PatchName, value: string])[]
export type PatchName = 'set-cookie' | 'vary' | 'cache-control'

/** The end of a session's request. */
export interface Commit {
  readonly outcome: CommitOutcome
  /** The headers for the response, `Set-Cookie` included. */
  readonly headers: HeaderPatch
  /** The same cookies in parts, for a framework that writes `Set-Cookie` by itself. */
  readonly cookies: readonly ResponseCookie[]
  /**
   * The `Set-Cookie` line of the session's own cookie, also where nothing changed, for a framework that sets one with each
   * response. Present only where the commit was asked for it. Undefined: the browser has no cookie of this session, or
   * which one it keeps is not known; set none.
   */
  readonly current?: string | undefined
}

const VARY = ['vary', 'Cookie'] as const
// A shared cache may keep a response in spite of its Set-Cookie (RFC 9111, section 7.3).
const PRIVATE = ['cache-control', 'private'] as const
const ASKED: HeaderPatch = [VARY]
const NO_COOKIES: readonly ResponseCookie[] = []

/** The session was never asked for, so the response does not depend on it. */
export const NOT_ASKED: Commit = { outcome: 'untouched', headers: [], cookies: NO_COOKIES }

/** A commit that leaves the browser's cookie as it is. */
export function withoutCookie(outcome: CommitOutcome): Commit {
  return { outcome, headers: ASKED, cookies: NO_COOKIES }
}

/** Nothing to store; the session was asked for, so the response depends on the cookie. */
export const UNTOUCHED: Commit = withoutCookie('untouched')

/** Gives a commit with headers that keep shared caches from every response, whatever became of the session. */
export function unshared(commit: Commit): Commit {
  const lines = commit.headers.filter(([name]) => name === 'set-cookie')
  return { ...commit, headers: [...lines, VARY, PRIVATE] }
}

/** Where a session's response goes. */
export interface Sender {
  /** Called when the response is about to set or remove the session's cookie. What it throws ends the commit. */
  sending(cookie: CookieWriter): void
  /** Runs a task when the response has left, as far as the framework says when. Called in development only. */
  afterResponse(task: () => void): void
}

/**
 * A commit that sets the browser's cookie.
 *
 * @param sender Undefined: no adapter loaded the session.
 * @param life Undefined: the browser keeps it until it is closed.
 */
export function withCookie(
  sender: Sender | undefined,
  outcome: CommitOutcome,
  cookie: CookieWriter,
  value: string,
  life: CookieLife | undefined,
): Commit {
  sender?.sending(cookie)
  return {
    outcome,
    headers: [['set-cookie', cookie.set(value, life)], VARY, PRIVATE],
    cookies: [cookie.parts(value, life)],
  }
}

/** A commit that removes the cookie from the browser, from where it once stood as well. */
export function withRemoval(
  sender: Sender | undefined,
  outcome: CommitOutcome,
  cookie: CookieWriter,
): Commit {
  sender?.sending(cookie)
  const headers: HeaderPatch = [['set-cookie', cookie.remove()], VARY, PRIVATE]
  return withRemovals({ outcome, headers, cookies: [cookie.removal] }, cookie.formerly)
}

/**
 * Adds removals to a commit; those that it has are left out. The cookie of the commit itself comes last, as a framework
 * that keeps one cookie of a name keeps the last one.
 */
export function withRemovals(
  { outcome, headers, cookies }: Commit,
  removals: readonly CookieRemoval[],
): Commit {
  const lines = headers.filter(([name]) => name === 'set-cookie')
  const added = removals.filter(({ line }) => lines.every(([, sent]) => sent !== line))
  if (added.length === 0) return { outcome, headers, cookies }
  return {
    outcome,
    headers: [...added.map(({ line }) => ['set-cookie', line] as const), ...lines, VARY, PRIVATE],
    cookies: [...added.map(({ parts }) => parts), ...cookies],
  }
}

/**
 * The value a header gets: `set-cookie` stands beside the others (append it), `vary` is united with what is there,
 * `cache-control` keeps every directive of the application but those that let a shared cache keep the response.
 *
 * @param existing What the response has for this name; several lines joined by `, `. Absent: none.
 */
export function mergeHeader(
  name: Exclude<PatchName, 'set-cookie'>,
  existing: string | undefined,
  value: string,
): string {
  const members = (existing ?? '')
    .split(',')
    .map((member) => member.trim())
    .filter(Boolean)
  const names = members.map((member) => member.toLowerCase())
  const enough = name === 'vary' ? ['*', value.toLowerCase()] : ['no-store', 'private']
  if (existing !== undefined && enough.some((member) => names.includes(member))) return existing
  const kept =
    name === 'vary'
      ? members
      : members.filter((member) => !/^(?:public$|s-maxage\s*=)/i.test(member))
  return [...kept, value].join(', ')
}
