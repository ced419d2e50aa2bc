/**
 * Sessions for handlers of the Fetch standard: Bun, Deno, Workers, and any function from a `Request` to a `Response`.
 *
 * @module
 */

import { type AdapterOptions, checkSessions, type LifeCycle } from '../core/scope.ts'
import { FetchScope } from './shared/fetch.ts'

/**
 * Gives a handler its session: `await sessions.of(request)`. The session is stored before the response is returned.
 *
 * When the handler throws, there is no response to carry a cookie: the changes are discarded and the promise rejects with
 * the same error. With `onError: 'discard'` a session that the handler destroyed ends even then. When the session cannot be stored, it rejects with that error.
 */
export function withSession<Rest extends readonly unknown[]>(
  sessions: LifeCycle,
  handler: (request: Request, ...rest: Rest) => Response | Promise<Response>,
  options?: AdapterOptions,
): (request: Request, ...rest: Rest) => Promise<Response> {
  checkSessions('withSession', sessions)
  return async (request, ...rest) => {
    const scope = new FetchScope(sessions, request, options, rest[0])
    let response: Response
    try {
      response = await sessions.begin(request, scope, () => handler(request, ...rest))
    } catch (error) {
      await scope.abandon()
      throw error
    }
    return scope.settle(response)
  }
}
