/**
 * Sessions for `node:http`, and for `node:http2` through its compatibility API.
 *
 * @module
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { type AdapterOptions, checkSessions, type LifeCycle } from '../core/scope.ts'
import type { NodeResponse } from './shared/headers.ts'
import { answerError, type NodeRequest, NodeScope, noteError } from './shared/node-scope.ts'

/** Answers a request whose handler threw, or whose session could not be stored. */
export type FailureListener<Request = NodeRequest, Response = NodeResponse> = (
  error: unknown,
  request: Request,
  response: Response,
) => void

/** The options of {@link withSession} and {@link sessionMiddleware}. */
export interface NodeOptions<Request = NodeRequest, Response = NodeResponse>
  extends AdapterOptions {
  /**
   * Default: a process warning with the error, and a response with the status of the error, 503 where the store failed, else
   * 500. Where headers were already sent, the connection ends.
   */
  readonly onFailure?: FailureListener<Request, Response>
}

class ListenerScope extends NodeScope {
  readonly #onFailure: FailureListener

  constructor(
    sessions: LifeCycle,
    request: NodeRequest,
    response: NodeResponse,
    options: NodeOptions,
  ) {
    super(sessions, request, response, options)
    this.#onFailure = options.onFailure ?? answerError
  }

  override fail(error: unknown): void {
    this.#onFailure(error, this.request, this.response)
  }
}

/** Gives handlers their session: `await sessions.of(request)`. The response leaves once the session is stored. */
export function withSession<
  Request extends NodeRequest = IncomingMessage,
  Response extends NodeResponse = ServerResponse,
>(
  sessions: LifeCycle,
  handler: (request: Request, response: Response) => void | Promise<void>,
  options: NodeOptions<Request, Response> = {},
): (request: Request, response: Response) => Promise<void> {
  checkSessions('withSession', sessions)
  return async (request, response) => {
    const scope = new ListenerScope(sessions, request, response, options as NodeOptions)
    try {
      await sessions.begin(request, scope, () => handler(request, response))
    } catch (error) {
      noteError(request, error)
      scope.fail(error)
    }
  }
}

/**
 * The same as middleware of Connect's form, `(request, response, next)`, for every framework that takes it: h3 1 and Nuxt
 * by `fromNodeMiddleware`, AdonisJS, Connect, Polka. A session that cannot be stored is answered by `onFailure`, because
 * `next` cannot be called a second time there; what the handlers themselves throw stays with the framework.
 * With `onError: 'discard'`, `noteError` of `vial/adapters` makes it known.
 */
export function sessionMiddleware<
  Request extends NodeRequest = IncomingMessage,
  Response extends NodeResponse = ServerResponse,
>(
  sessions: LifeCycle,
  options: NodeOptions<Request, Response> = {},
): (request: Request, response: Response, next: (error?: Error) => void) => void {
  checkSessions('sessionMiddleware', sessions)
  return (request, response, next) => {
    const scope = new ListenerScope(sessions, request, response, options as NodeOptions)
    const begun: unknown = sessions.begin(request, scope, () => next())
    if (begun instanceof Promise) begun.catch((error) => next(error as Error))
  }
}
