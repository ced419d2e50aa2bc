/**
 * Sessions for Hono 4, on every runtime.
 *
 * @module
 */

import type { Context, MiddlewareHandler } from 'hono'
import { type Commit, UNTOUCHED } from '../core/commit-headers.ts'
import { type AdapterOptions, checkSessions, type LifeCycle } from '../core/scope.ts'
import { discardBody, FetchScope, patchHeaders, patchResponse } from './shared/fetch.ts'
import {
  FAILED,
  isFailure,
  isFault,
  isRepresentationHeader,
  setsCookie,
  tooLate,
} from './shared/headers.ts'

/** The header of `RESPONSE_ALREADY_SENT` of @hono/node-server. */
const ALREADY_SENT = 'x-hono-already-sent'

/**
 * Gives handlers their session: `await sessions.of(c)`. The session is stored before the response is returned. When that
 * fails, `onError` answers instead. Applications under `mount` get another request object; with `ambient`,
 * `sessions.current()` finds the session there.
 */
export function sessionMiddleware(
  sessions: LifeCycle,
  options?: AdapterOptions,
): MiddlewareHandler {
  checkSessions('sessionMiddleware', sessions)
  return async (c, next) => {
    const scope = new FetchScope(sessions, c.req, options, c.env)
    try {
      await sessions.begin(c, scope, next)
    } catch (error) {
      await scope.abandon()
      throw error
    }
    let commit: Commit
    try {
      const ending = scope.commit(hasFailed(c) ? FAILED : undefined)
      commit = ending instanceof Promise ? await ending : ending
    } catch (error) {
      discardBody(c.res)
      // Hono adds these headers to the response of `onError`.
      replace(c, new Response(null, { status: 500, headers: keptHeaders(c.res) }))
      throw error
    }
    if (commit.headers.length === 0) {
      if (c.finalized) scope.patch(c.res, commit)
      return
    }
    if (c.res.headers.has(ALREADY_SENT) && setsCookie(commit.headers)) {
      throw tooLate(', and answer with `c`')
    }
    if (!c.finalized) {
      // No handler has responded. A response would hide that from Hono, whose error page takes these headers over.
      patchHeaders(c.res.headers, commit)
      return
    }
    const patched = scope.patch(c.res, commit)
    if (patched !== c.res) replace(c, patched)
  }
}

/** Without a response, Hono's own error page follows. */
function hasFailed(c: Context): boolean {
  if (!c.finalized || isFailure(c.res.status)) return true
  return c.error !== undefined && isFault(c.error)
}

/** Assigning `c.res` merges the headers of the previous response, so that is cleared first. */
function replace(c: Context, response: Response): void {
  c.res = undefined
  c.res = response
}

function keptHeaders(response: Response): Headers {
  const headers = new Headers(response.headers)
  for (const name of [...headers.keys()]) if (isRepresentationHeader(name)) headers.delete(name)
  return patchResponse(new Response(null, { headers }), UNTOUCHED).headers
}
