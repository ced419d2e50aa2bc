/**
 * Sessions for handlers of the Fetch standard: Bun, Deno, Workers, and any function from a `Request` to a `Response`.
 *
 * @module
 */

import type { Commit } from '../core/commit-headers.ts'
import { type LifeCycle, type RequestLocation, Scope } from '../core/scope.ts'
import { locationOfUrl } from './shared/location.ts'
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

  protected override location(): RequestLocation | undefined {
    return locationOfUrl(this.#request.url)
  }
}

/**
 * Gives a handler its session: `await sessions.of(request)`. The session is stored before the response is returned.
 *
 * When the handler throws, there is no response to carry a cookie: the changes are discarded and the promise rejects with
 * the same error. When the session cannot be stored, it rejects with that error.
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
