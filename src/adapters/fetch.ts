/**
 * Sessions for handlers of the Fetch standard: Bun, Deno, workers, and whatever takes a `Request` and gives a
 * `Response`.
 *
 * @module
 */

import { type Commit, type LifeCycle, Scope } from '../core/scope.ts'
import { discardBody, patchResponse } from './shared/patch-response.ts'

class FetchScope extends Scope {
  readonly #request: Request

  constructor(sessions: LifeCycle, request: Request) {
    super(sessions)
    this.#request = request
  }

  protected override cookieHeader(): string | null {
    return this.#request.headers.get('cookie')
  }
}

/**
 * Gives a handler its session: `await sessions.of(request)`. It is stored before the response is handed on.
 *
 * When the handler throws, there is no response to carry a cookie: what it wrote is discarded and the error thrown on.
 * When the session cannot be stored, that error is thrown in place of the response.
 */
export function withSession<Rest extends readonly unknown[]>(
  sessions: LifeCycle,
  handler: (request: Request, ...rest: Rest) => Response | Promise<Response>,
): (request: Request, ...rest: Rest) => Promise<Response> {
  return async (request, ...rest) => {
    const scope = new FetchScope(sessions, request)
    const response = await sessions.begin(request, scope, () => handler(request, ...rest))
    let commit: Commit
    try {
      const done = scope.commit()
      commit = done instanceof Promise ? await done : done
    } catch (error) {
      discardBody(response)
      throw error
    }
    return patchResponse(response, commit.headers)
  }
}
