/**
 * The scope of a Fastify request.
 *
 * @module
 */

import type { FastifyReply, FastifyRequest } from 'fastify'
import { UNTOUCHED } from '../core/commit-headers.ts'
import { type Commit, type LifeCycle, Scope } from '../core/scope.ts'
import { StateError } from '../errors.ts'
import { type HeaderTarget, type HeaderValue, mergeHeaders } from './shared/node-headers.ts'
import { discardBody, isResponse, patchResponse } from './shared/patch-response.ts'
import { isDropped } from './shared/representation-headers.ts'

/** Commits in `onSend`, where Fastify can still answer with an error. */
export class FastifyScope extends Scope implements HeaderTarget {
  readonly #request: FastifyRequest
  readonly #reply: FastifyReply
  #left = false

  constructor(sessions: LifeCycle, request: FastifyRequest, reply: FastifyReply) {
    super(sessions)
    this.#request = request
    this.#reply = reply
  }

  /** Gives the payload once the session is stored; at once, when nothing is to be stored. */
  leave(payload: unknown): unknown {
    this.#left = true
    try {
      const commit = this.commit()
      if (!(commit instanceof Promise)) return this.#merge(commit, payload)
      return commit
        .then((done) => this.#merge(done, payload))
        .catch((error: unknown) => this.#refuse(error, payload))
    } catch (error) {
      return this.#refuse(error, payload)
    }
  }

  getHeader(name: string): HeaderValue {
    return this.#reply.getHeader(name)
  }

  setHeader(name: string, value: string | readonly string[]): void {
    this.#reply.removeHeader(name).header(name, value)
  }

  protected override cookieHeader(): string | undefined {
    return this.#request.headers.cookie
  }

  protected override opening(): void {
    // It comes once; `once` would make more than it saves.
    this.#reply.raw.on('close', () => void this.#closed())
  }

  protected override get headersSent(): boolean {
    return this.#reply.raw.headersSent
  }

  #merge({ headers }: Commit, payload: unknown): unknown {
    if (this.headersSent) {
      if (headers.some(([name]) => name === 'set-cookie')) throw tooLate()
      return payload
    }
    // Fastify sets the headers of a Response after this, and over ours.
    if (isResponse(payload)) return patchResponse(payload, headers)
    mergeHeaders(this, headers)
    return payload
  }

  #refuse(error: unknown, payload: unknown): never {
    discardBody(payload)
    if (!this.headersSent) {
      for (const name of Object.keys(this.#reply.getHeaders())) {
        if (isDropped(name)) this.#reply.removeHeader(name)
      }
      this.#reply.code(500)
      mergeHeaders(this, UNTOUCHED.headers)
    }
    throw error
  }

  /** A response that went around `onSend`, as after `reply.hijack()`, cannot be held. What can be stored, is. */
  async #closed(): Promise<void> {
    if (this.#left || !this.#reply.sent) return
    try {
      await this.leave(undefined)
    } catch (error) {
      this.#reply.log.error(error)
    }
  }
}

function tooLate(): StateError {
  return new StateError(
    'The session needs a cookie, and the response headers have left already. Write the session before answering.',
  )
}
