/**
 * Sessions for Hono 4, on every runtime.
 *
 * @module
 */

import type { Context, MiddlewareHandler } from 'hono'
import { UNTOUCHED } from '../core/commit-headers.ts'
import { type Commit, type LifeCycle, Scope } from '../core/scope.ts'
import { StateError } from '../errors.ts'
import { discardBody, patchResponse } from './shared/patch-response.ts'
import { isDropped } from './shared/representation-headers.ts'

/** `RESPONSE_ALREADY_SENT` of @hono/node-server says so with this header. */
const ALREADY_SENT = 'x-hono-already-sent'
class HonoScope extends Scope {
  readonly #context: Context

  constructor(sessions: LifeCycle, context: Context) {
    super(sessions)
    this.#context = context
  }

  protected override cookieHeader(): string | undefined {
    return this.#context.req.header('cookie')
  }
}

/**
 * Gives handlers their session: `await sessions.of(c)`. It is stored before the response is handed on; when that fails,
 * `onError` answers instead. Apps under `mount` get another request: there, `ambient` finds the session.
 */
export function sessionMiddleware(sessions: LifeCycle): MiddlewareHandler {
  return async (c, next) => {
    const scope = new HonoScope(sessions, c)
    await sessions.begin(c, scope, next)
    let commit: Commit
    try {
      const done = scope.commit()
      commit = done instanceof Promise ? await done : done
    } catch (error) {
      discardBody(c.res)
      // Hono puts these headers on what onError answers.
      replace(c, new Response(null, { status: 500, headers: keptHeaders(c.res) }))
      throw error
    }
    if (commit.headers.length === 0) return
    if (c.res.headers.has(ALREADY_SENT) && commit.headers.some(([name]) => name === 'set-cookie')) {
      throw new StateError(
        'The session needs a cookie, and the response has left already. Write the session before the response, and answer with `c`.',
      )
    }
    const patched = patchResponse(c.res, commit.headers)
    if (patched !== c.res) replace(c, patched)
  }
}

/** Hono puts the headers of the response before over those of the new one, unless there is none. */
function replace(c: Context, response: Response): void {
  c.res = undefined
  c.res = response
}

function keptHeaders(response: Response): Headers {
  const headers = new Headers(response.headers)
  for (const name of [...headers.keys()]) if (isDropped(name)) headers.delete(name)
  return patchResponse(new Response(null, { headers }), UNTOUCHED.headers).headers
}
