/**
 * The scope of a request that Node's own response answers.
 *
 * @module
 */

import type { IncomingMessage } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import { type LifeCycle, Scope } from '../../core/scope.ts'
import type { Holder } from './hold.ts'
import { holdResponse } from './hold-response.ts'
import type { NodeResponse } from './node-headers.ts'

/** A request of `node:http`, or of the compatibility API of `node:http2`. */
export type NodeRequest = IncomingMessage | Http2ServerRequest

/** Holds the response from the moment that the session is asked for. */
export abstract class NodeScope extends Scope implements Holder {
  protected readonly request: NodeRequest
  protected readonly response: NodeResponse

  constructor(sessions: LifeCycle, request: NodeRequest, response: NodeResponse) {
    super(sessions)
    this.request = request
    this.response = response
  }

  /** Answers in place of a response whose session could not be stored. */
  abstract fail(error: unknown): void

  protected override cookieHeader(): string | undefined {
    return this.request.headers.cookie
  }

  protected override opening(): void {
    holdResponse(this.response, this)
  }

  protected override get headersSent(): boolean {
    return this.response.headersSent
  }
}
