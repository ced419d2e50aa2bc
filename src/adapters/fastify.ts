/**
 * Sessions for Fastify 5.
 *
 * @module
 */

import type { FastifyPluginCallback, FastifyReply, FastifyRequest } from 'fastify'
import { type Commit, UNTOUCHED } from '../core/commit-headers.ts'
import { type LifeCycle, type RequestLocation, Scope } from '../core/scope.ts'
import { discardBody, isResponse, patchResponse } from './shared/fetch.ts'
import {
  type HeaderTarget,
  type HeaderValue,
  isRepresentationHeader,
  mergeHeaders,
  setsCookie,
  tooLate,
} from './shared/headers.ts'
import { locationOf } from './shared/location.ts'

/**
 * Gives handlers their session: `await sessions.of(request)`. The session is stored before the headers leave. When that
 * fails, the error handler answers instead. Register the plugin before the routes; it applies to the instance it is
 * registered on and to all instances below.
 *
 * After `reply.hijack()` the response cannot wait: write the session before, or call `load` and `commit` yourself. A
 * cookie that could not be sent is logged as a `StateError`.
 */
export function sessionPlugin(sessions: LifeCycle): FastifyPluginCallback {
  const SCOPE = Symbol('vial.scope')
  type Scoped = { [SCOPE]: FastifyScope | null }

  const plugin: FastifyPluginCallback = (app, _options, ready) => {
    app.decorateRequest(SCOPE, null)
    app.addHook('onRequest', (request, reply, next) => {
      const scope = new FastifyScope(sessions, request, reply)
      ;(request as unknown as Scoped)[SCOPE] = scope
      const begun: unknown = sessions.begin(request, scope, next)
      if (begun instanceof Promise) begun.catch(next)
    })
    app.addHook('onSend', (request, _reply, payload, next) => {
      const sent = (request as unknown as Scoped)[SCOPE]?.send(payload)
      if (sent instanceof Promise) return sent
      next(null, sent)
      return undefined
    })
    ready()
  }

  return Object.assign(plugin, {
    [Symbol.for('skip-override')]: true,
    [Symbol.for('fastify.display-name')]: 'vial',
  })
}

/** Commits in `onSend`, where Fastify can still answer with an error. */
class FastifyScope extends Scope implements HeaderTarget {
  readonly #request: FastifyRequest
  readonly #reply: FastifyReply
  #sent = false

  constructor(sessions: LifeCycle, request: FastifyRequest, reply: FastifyReply) {
    super(sessions)
    this.#request = request
    this.#reply = reply
  }

  /** Gives the payload once the session is stored; immediately when there is nothing to store. */
  send(payload: unknown): unknown {
    this.#sent = true
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

  protected override location(): RequestLocation | undefined {
    return locationOf(this.#request.host, this.#request.originalUrl)
  }

  protected override opening(): void {
    // `close` comes once, and `on` avoids the wrapper that `once` makes.
    this.#reply.raw.on('close', () => void this.#closed())
  }

  protected override get headersSent(): boolean {
    return this.#reply.raw.headersSent
  }

  #merge({ headers }: Commit, payload: unknown): unknown {
    if (this.headersSent) {
      if (setsCookie(headers)) throw tooLate('')
      return payload
    }
    // Fastify sets the headers of a Response after this hook, over those of the reply.
    if (isResponse(payload)) return patchResponse(payload, headers)
    mergeHeaders(this, headers)
    return payload
  }

  #refuse(error: unknown, payload: unknown): never {
    discardBody(payload)
    if (!this.headersSent) {
      for (const name of Object.keys(this.#reply.getHeaders())) {
        if (isRepresentationHeader(name)) this.#reply.removeHeader(name)
      }
      this.#reply.code(500)
      mergeHeaders(this, UNTOUCHED.headers)
    }
    throw error
  }

  /** Commits after a response that bypassed `onSend`, as after `reply.hijack()`. Such a response cannot be held. */
  async #closed(): Promise<void> {
    if (this.#sent || !this.#reply.sent) return
    try {
      await this.send(undefined)
    } catch (error) {
      this.#reply.log.error(error)
    }
  }
}
