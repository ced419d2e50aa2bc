/**
 * Sessions for Koa 3.
 *
 * @module
 */

import type { Context, Middleware } from 'koa'
import { type Commit, UNTOUCHED } from '../core/commit-headers.ts'
import {
  type AdapterOptions,
  checkSessions,
  type LifeCycle,
  type RequestLocation,
} from '../core/scope.ts'
import { locationOf, mergeHeaders } from './shared/headers.ts'
import { watchBody } from './shared/node-calls.ts'
import { NodeScope, noteError } from './shared/node-scope.ts'

class KoaScope extends NodeScope {
  readonly #context: Context
  #commit: Commit | Promise<Commit> | undefined

  constructor(sessions: LifeCycle, context: Context, options: AdapterOptions | undefined) {
    super(sessions, context.req, context.res, options)
    this.#context = context
  }

  protected override location(): RequestLocation | undefined {
    return locationOf(this.#context.host, this.#context.originalUrl)
  }

  /** Gives the same headers each time: Koa drops those that were set before an error page, and the gate sets them again. */
  override commit(): Commit | Promise<Commit> {
    this.#commit ??= super.commit()
    return this.#commit
  }

  override fail(error: unknown): void {
    this.#context.onerror(error as Error)
  }

  /** Commits while an error still reaches the outer middleware, and before that reads the headers. */
  async settle(): Promise<void> {
    const body = watchBody(this.#context.body)
    try {
      this.#commit = await this.commit()
    } catch (error) {
      this.#commit = UNTOUCHED
      throw error
    }
    if (!this.response.headersSent) mergeHeaders(this.response, this.#commit.headers)
    if (body?.failure !== undefined) throw body.failure.error
  }
}

/**
 * Gives handlers their session: `await sessions.of(ctx)`. The session is stored before the outer middleware continues.
 * When that fails, the error is thrown there. Direct writes to `ctx.res` wait, too.
 */
export function sessionMiddleware(sessions: LifeCycle, options?: AdapterOptions): Middleware {
  checkSessions('sessionMiddleware', sessions)
  return async (context, next) => {
    const scope = new KoaScope(sessions, context, options)
    try {
      await sessions.begin(context.req, scope, next)
    } catch (error) {
      noteError(context.req, error)
      await scope.settle().catch((second: unknown) => {
        context.app.emit('error', error, context)
        throw second
      })
      throw error
    }
    await scope.settle()
  }
}
