/**
 * Sessions for `node:http`, and for `node:http2` through its compatibility API.
 *
 * @module
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { LifeCycle } from '../core/scope.ts'
import type { NodeResponse } from './shared/headers.ts'
import { answerError, type NodeRequest, NodeScope } from './shared/node-scope.ts'

/** Answers a request whose handler threw, or whose session could not be stored. */
export type ErrorListener<Request = NodeRequest, Response = NodeResponse> = (
  error: unknown,
  request: Request,
  response: Response,
) => void

class ListenerScope extends NodeScope {
  readonly #onError: ErrorListener

  constructor(
    sessions: LifeCycle,
    request: NodeRequest,
    response: NodeResponse,
    onError: ErrorListener,
  ) {
    super(sessions, request, response)
    this.#onError = onError
  }

  override fail(error: unknown): void {
    this.#onError(error, this.request, this.response)
  }
}

/**
 * Gives handlers their session: `await sessions.of(request)`. The response leaves once the session is stored.
 *
 * @param options.onError Default: a process warning with the error, and a response with the status of the error, 503 where
 * the store failed, else 500. Where headers were already sent, the connection ends.
 */
export function withSession<
  Request extends NodeRequest = IncomingMessage,
  Response extends NodeResponse = ServerResponse,
>(
  sessions: LifeCycle,
  handler: (request: Request, response: Response) => void | Promise<void>,
  options: { readonly onError?: ErrorListener<Request, Response> } = {},
): (request: Request, response: Response) => Promise<void> {
  const onError = (options.onError ?? answerError) as ErrorListener
  return async (request, response) => {
    const scope = new ListenerScope(sessions, request, response, onError)
    try {
      await sessions.begin(request, scope, () => handler(request, response))
    } catch (error) {
      scope.fail(error)
    }
  }
}

/**
 * The same as middleware of Connect's form, `(request, response, next)`, for every framework that takes it: h3 1 and Nuxt
 * by `fromNodeMiddleware`, AdonisJS, Connect, Polka. A session that cannot be stored is answered by `onError`, because
 * `next` cannot be called a second time there; what the handlers themselves throw stays with the framework.
 */
export function sessionMiddleware<
  Request extends NodeRequest = IncomingMessage,
  Response extends NodeResponse = ServerResponse,
>(
  sessions: LifeCycle,
  options: { readonly onError?: ErrorListener<Request, Response> } = {},
): (request: Request, response: Response, next: (error?: Error) => void) => void {
  const onError = (options.onError ?? answerError) as ErrorListener
  return (request, response, next) => {
    const scope = new ListenerScope(sessions, request, response, onError)
    const begun: unknown = sessions.begin(request, scope, () => next())
    if (begun instanceof Promise) begun.catch((error) => next(error as Error))
  }
}
