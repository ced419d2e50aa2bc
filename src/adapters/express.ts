/**
 * Sessions for Express 5 and 4.
 *
 * @module
 */

import type { NextFunction, Request, RequestHandler, Response } from 'express'
import type { LifeCycle } from '../core/scope.ts'
import { NodeScope } from './shared/node-scope.ts'

class ExpressScope extends NodeScope {
  readonly #next: NextFunction

  constructor(sessions: LifeCycle, request: Request, response: Response, next: NextFunction) {
    super(sessions, request, response)
    this.#next = next
  }

  override fail(error: unknown): void {
    this.#next(error)
  }
}

/**
 * Gives handlers their session: `await sessions.of(req)`. The response leaves once the session is stored; when that
 * fails, the error handlers answer instead. Register it before the routes.
 */
export function sessionMiddleware(sessions: LifeCycle): RequestHandler {
  return (request, response, next) => {
    const scope = new ExpressScope(sessions, request, response, next)
    const begun: unknown = sessions.begin(request, scope, next)
    // Express 4 does not look at what a middleware returns.
    if (begun instanceof Promise) begun.catch(next)
  }
}
