/**
 * Sessions for Express 5 and 4.
 *
 * @module
 */

import type { ErrorRequestHandler, NextFunction, Request, RequestHandler, Response } from 'express'
import { isDevelopment } from '../core/runtime.ts'
import {
  type AdapterOptions,
  checkSessions,
  type LifeCycle,
  type RequestLocation,
} from '../core/scope.ts'
import { warnOnce } from '../core/warnings.ts'
import { locationOf } from './shared/headers.ts'
import { answerError, NodeScope, noteError } from './shared/node-scope.ts'

class ExpressScope extends NodeScope {
  readonly #request: Request
  readonly #next: NextFunction

  constructor(
    sessions: LifeCycle,
    request: Request,
    response: Response,
    next: NextFunction,
    options: AdapterOptions | undefined,
  ) {
    super(sessions, request, response, options)
    this.#request = request
    this.#next = next
  }

  protected override location(): RequestLocation | undefined {
    // `url` loses what a router is mounted on, and `hostname` follows the setting `trust proxy`.
    return locationOf(this.#request.hostname, this.#request.originalUrl)
  }

  override fail(error: unknown): void {
    // Express takes `next` as often as it is called. Other frameworks that run this middleware may take it once.
    if ('app' in this.#request) this.#next(error)
    else answerError(error, this.#request, this.response)
  }
}

/**
 * Gives handlers their session: `await sessions.of(req)`. The response leaves once the session is stored. When that
 * fails, the error handlers answer instead. Register the middleware before the routes. For other frameworks that take
 * such middleware there is `sessionMiddleware` of `vial/adapters/node`.
 */
export function sessionMiddleware(sessions: LifeCycle, options?: AdapterOptions): RequestHandler {
  checkSessions('sessionMiddleware', sessions)
  const isWatched = isDevelopment()
  return (request, response, next) => {
    if (isWatched) watchForSession(request)
    const scope = new ExpressScope(sessions, request, response, next, options)
    const begun: unknown = sessions.begin(request, scope, next)
    // Express 4 ignores the result of a middleware.
    if (begun instanceof Promise) begun.catch(next)
  }
}

/**
 * Lets `onError: 'discard'` see the errors that an error handler answers with a status below 500. Register it after the routes
 * and before the error handlers. Errors that have such a status themselves stay answers, such as "not found".
 */
export function sessionErrors(): ErrorRequestHandler {
  return (error, request, _response, next) => {
    noteError(request, error)
    next(error)
  }
}

/** Warns of code that expects `req.session`, as express-session has it. Other middleware may still define it. */
function watchForSession(request: Request): void {
  if ('session' in request) return
  Object.defineProperty(request, 'session', {
    configurable: true,
    get() {
      warnOnce(
        'VIAL_REQ_SESSION',
        '`req.session` was read, and there is none: the session is `await sessions.of(req)`.',
      )
      return undefined
    },
    set(value: unknown) {
      Object.defineProperty(request, 'session', {
        value,
        configurable: true,
        enumerable: true,
        writable: true,
      })
    },
  })
}
