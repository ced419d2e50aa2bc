/**
 * Sessions for Koa 3.
 *
 * @module
 */

import type { Context, Middleware } from 'koa'
import { UNTOUCHED } from '../core/commit-headers.ts'
import type { Commit, LifeCycle } from '../core/scope.ts'
import { mergeHeaders } from './shared/node-headers.ts'
import { NodeScope } from './shared/node-scope.ts'

class KoaScope extends NodeScope {
  readonly #context: Context
  #commit: Commit | Promise<Commit> | undefined

  constructor(sessions: LifeCycle, context: Context) {
    super(sessions, context.req, context.res)
    this.#context = context
  }

  /** The same headers each time: Koa drops those that are set before an error page, and the hold puts them back. */
  override commit(): Commit | Promise<Commit> {
    this.#commit ??= super.commit()
    return this.#commit
  }

  override fail(error: unknown): void {
    this.#context.onerror(error as Error)
  }

  /** Commits while errors still reach the middleware outside, and before it looks at the headers. */
  async settle(): Promise<void> {
    try {
      this.#commit = await this.commit()
    } catch (error) {
      this.#commit = UNTOUCHED
      throw error
    }
    if (!this.response.headersSent) mergeHeaders(this.response, this.#commit.headers)
  }
}

/**
 * Gives handlers their session: `await sessions.of(ctx)`. It is stored before the middleware outside goes on; when that
 * fails, the error is thrown there. What writes to `ctx.res` directly waits, too.
 */
export function sessionMiddleware(sessions: LifeCycle): Middleware {
  return async (context, next) => {
    const scope = new KoaScope(sessions, context)
    try {
      await sessions.begin(context.req, scope, next)
    } catch (error) {
      await scope.settle().catch((second: unknown) => {
        context.app.emit('error', error, context)
        throw second
      })
      throw error
    }
    await scope.settle()
  }
}
