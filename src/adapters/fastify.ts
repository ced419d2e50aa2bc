/**
 * Sessions for Fastify 5.
 *
 * @module
 */

import type { FastifyPluginCallback, FastifyReply, FastifyRequest } from 'fastify'
import { type Commit, UNTOUCHED } from '../core/commit-headers.ts'
import {
  type AdapterOptions,
  checkSessions,
  type LifeCycle,
  type RequestLocation,
  Scope,
} from '../core/scope.ts'
import { isSessionError } from '../errors.ts'
import { discardBody, isResponse, patchResponse } from './shared/fetch.ts'
import {
  FAILED,
  type HeaderTarget,
  type HeaderValue,
  isFailure,
  isFault,
  isPlainHttp,
  isRepresentationHeader,
  locationOf,
  mergeHeaders,
  setsCookie,
  tooLate,
  varies,
} from './shared/headers.ts'
import { watchBody } from './shared/node-calls.ts'

/**
 * Gives handlers their session: `await sessions.of(request)`. The session is stored before the headers leave. When that
 * fails, the error handler answers instead. Register the plugin before the routes; it applies to the instance it is
 * registered on and to all instances below.
 *
 * After `reply.hijack()` the response cannot wait: write the session before, or call `load` and `commit` yourself. A
 * cookie that could not be sent is logged as a `StateError`.
 */
export function sessionPlugin(
  sessions: LifeCycle,
  options?: AdapterOptions,
): FastifyPluginCallback {
  checkSessions('sessionPlugin', sessions)
  const SCOPE = Symbol('vial.scope')
  type Scoped = { [SCOPE]: FastifyScope | null }

  const plugin: FastifyPluginCallback = (app, _options, ready) => {
    app.decorateRequest(SCOPE, null)
    app.addHook('onRequest', (request, reply, next) => {
      const scope = new FastifyScope(sessions, request, reply, options)
      ;(request as unknown as Scoped)[SCOPE] = scope
      const begun: unknown = sessions.begin(request, scope, next)
      if (begun instanceof Promise) begun.catch(next)
    })
    if (options?.onError === 'discard') {
      app.addHook('onError', (request, reply, error, next) => {
        ;(request as unknown as Scoped)[SCOPE]?.note(error, reply.statusCode)
        next()
      })
    }
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
  /** Absent: not committed yet. */
  #commit: Commit | undefined
  #isHeld = false
  #hasDropped = false
  #hasFailed = false

  constructor(
    sessions: LifeCycle,
    request: FastifyRequest,
    reply: FastifyReply,
    options: AdapterOptions | undefined,
  ) {
    super(sessions, options)
    this.#request = request
    this.#reply = reply
  }

  /**
   * Gives the payload once the session is stored; immediately when there is nothing to store. The handler may answer once
   * more meanwhile, such as by throwing: that answer is dropped. A later one, such as an error page, gets the same headers.
   */
  send(payload: unknown): unknown {
    if (this.#isHeld) return this.#drop(payload)
    this.#sent = true
    try {
      const commit = this.#commit ?? this.commit(this.#isFailure(payload) ? FAILED : undefined)
      if (commit instanceof Promise) return this.#hold(commit, payload)
      this.#commit = commit
      return this.#merge(commit, payload)
    } catch (error) {
      return this.#refuse(error, payload)
    }
  }

  /** Notes an error of a handler. One without a status gets that of the reply, where that is an error's. */
  note(error: unknown, status: number): void {
    this.#hasFailed ||= isFault(error, status >= 400 ? status : undefined)
  }

  #isFailure(payload: unknown): boolean {
    const { statusCode } = this.#reply
    return this.#hasFailed || isFailure(isResponse(payload) ? payload.status : statusCode)
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

  protected override isPlainHttp(): boolean {
    const { headers, socket } = this.#request
    return isPlainHttp('encrypted' in Object(socket), (name) => headers[name])
  }

  protected override opening(): void {
    // `close` comes once, and `on` avoids the wrapper that `once` makes.
    this.#reply.raw.on('close', () => void this.#closed())
  }

  protected override get headersSent(): boolean {
    return this.#reply.raw.headersSent
  }

  protected override get responseEnded(): boolean {
    return this.#reply.raw.writableEnded
  }

  protected override get responseVaries(): boolean {
    return varies((name) => this.#reply.getHeader(name))
  }

  override afterResponse(task: () => void): void {
    this.#reply.raw.once('close', task)
  }

  async #hold(commit: Promise<Commit>, payload: unknown): Promise<unknown> {
    const reply = this.#reply
    const { statusCode } = reply
    const headers = reply.getHeaders()
    this.#isHeld = true
    const body = watchBody(payload)
    try {
      this.#commit = await commit
      if (this.#hasDropped) this.#restore(statusCode, headers)
      if (body?.failure !== undefined) throw body.failure.error
      return this.#merge(this.#commit, payload)
    } catch (error) {
      if (this.#hasDropped) this.#restore(statusCode, headers)
      return this.#refuse(error, payload)
    } finally {
      this.#isHeld = false
    }
  }

  /** Never resolves, so that Fastify does not send the payload. */
  #drop(payload: unknown): Promise<never> {
    discardBody(payload)
    this.#hasDropped = true
    // An async handler that does not return the reply answers a second time with nothing.
    if (payload !== undefined) {
      this.#reply.log.warn('A second answer was dropped. The first one waits for its session.')
    }
    return new Promise(() => {})
  }

  /** Takes back what a dropped answer did to status and headers. */
  #restore(status: number, headers: ReturnType<FastifyReply['getHeaders']>): void {
    const reply = this.#reply
    if (this.headersSent) return
    for (const name of Object.keys(reply.getHeaders())) reply.removeHeader(name)
    reply.headers(headers).code(status)
  }

  #merge(commit: Commit, payload: unknown): unknown {
    const { headers } = commit
    if (this.headersSent) {
      if (setsCookie(headers)) throw tooLate('')
      return payload
    }
    // Fastify sets the headers of a Response after this hook, over those of the reply.
    if (isResponse(payload)) return patchResponse(payload, commit)
    mergeHeaders(this, headers)
    return payload
  }

  #refuse(error: unknown, payload: unknown): never {
    discardBody(payload)
    this.#commit ??= UNTOUCHED
    if (!this.headersSent) {
      for (const name of Object.keys(this.#reply.getHeaders())) {
        if (isRepresentationHeader(name)) this.#reply.removeHeader(name)
      }
      this.#reply.code(isSessionError(error) ? error.status : 500)
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
