const FAULT: unique symbol = Symbol('vial.fault')

/**
 * Notes that a request ended in an error, for sessions with `onError: 'discard'`. Call it before the error page is sent.
 * Errors whose status is below 500 are ignored.
 */
export function noteError(request: object, error: unknown): void {
  if (isFault(error)) (request as { [FAULT]?: true })[FAULT] = true
}

/**
 * The scope of a request that a Node response answers.
 *
 * @module
 */

import { type IncomingMessage, STATUS_CODES } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import type { Commit } from '../../core/commit-headers.ts'
import {
  type AdapterOptions,
  type CommitOptions,
  type LifeCycle,
  type RequestLocation,
  Scope,
} from '../../core/scope.ts'
import type { MaybePromise } from '../../core/store.ts'
import { isSessionError } from '../../errors.ts'
import {
  isFailure,
  isFault,
  isPlainHttp,
  locationOf,
  type NodeResponse,
  varies,
} from './headers.ts'
import { type Committer, ResponseGate } from './response-gate.ts'

/** A request of `node:http`, or of the compatibility API of `node:http2`. */
export type NodeRequest = IncomingMessage | Http2ServerRequest

/**
 * The scope of a request that a Node response answers. Holds the response from the first use of the session: the first call
 * that would send something commits, and what is sent waits until the session is stored. On an upgrade, where no response
 * can carry a cookie, the session can be read only.
 */
export abstract class NodeScope extends Scope implements Committer {
  protected readonly request: NodeRequest
  protected readonly response: NodeResponse

  constructor(
    sessions: LifeCycle,
    request: NodeRequest,
    response: NodeResponse,
    options?: AdapterOptions,
  ) {
    super(sessions, options)
    this.request = request
    this.response = response
  }

  /**
   * Answers in place of a response whose session could not be stored. Its headers are those from before the session was
   * first asked for. Where headers have left already, it can only end the connection.
   */
  abstract fail(error: unknown): void

  override commit(options?: CommitOptions): MaybePromise<Commit> {
    const failed = isFailure(this.response.statusCode) || FAULT in this.request
    return super.commit(failed ? { ...options, failed } : options)
  }

  protected override cookieHeader(): string | undefined {
    return this.request.headers.cookie
  }

  protected override location(): RequestLocation | undefined {
    const { headers, url } = this.request
    const authority = headers[':authority']
    return locationOf(headers.host ?? (authority as string | undefined), url)
  }

  protected override isPlainHttp(): boolean {
    const { headers, socket } = this.request
    return isPlainHttp('encrypted' in Object(socket), (name) => headers[name])
  }

  protected override opening(): void {
    ResponseGate.add(this.response, this)
  }

  protected override get headersSent(): boolean {
    return this.response.headersSent || this.#isStandIn
  }

  protected override get responseEnded(): boolean {
    return this.#isStandIn || this.response.writableEnded
  }

  protected override get responseVaries(): boolean {
    return varies((name) => this.response.getHeader(name))
  }

  /**
   * True where no response can carry a cookie: WebSocket libraries run middleware on an upgrade with an object of their own
   * as the response, or with a response that has no connection.
   */
  get #isStandIn(): boolean {
    const { response } = this
    if (typeof response.getHeaders !== 'function') return true
    return 'upgrade' in this.request && this.request.upgrade === true && response.socket === null
  }

  override afterResponse(task: () => void): void {
    this.response.once('close', task)
  }
}

/** Responds to a request that failed with the status of its error, else 500, and gives a process warning with the error. */
export function answerError(error: unknown, _request: NodeRequest, response: NodeResponse): void {
  process.emitWarning(`A request failed: ${String(error)}`, {
    code: 'VIAL_REQUEST',
    ...(error instanceof Error && error.stack !== undefined && { detail: error.stack }),
  })
  if (response.writableEnded) return
  if (response.headersSent) {
    response.destroy()
    return
  }
  for (const name of response.getHeaderNames()) {
    if (name.startsWith('content-')) response.removeHeader(name)
  }
  response.statusCode = isSessionError(error) ? error.status : 500
  response.setHeader('content-type', 'text/plain; charset=utf-8')
  response.end(STATUS_CODES[response.statusCode] ?? '')
}
