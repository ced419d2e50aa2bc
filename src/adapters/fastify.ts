/**
 * Sessions for Fastify 5.
 *
 * @module
 */

import type { FastifyPluginCallback } from 'fastify'
import type { LifeCycle } from '../core/scope.ts'
import { FastifyScope } from './fastify-scope.ts'

/**
 * Gives handlers their session: `await sessions.of(request)`. It is stored before the headers leave; when that fails,
 * the error handler answers instead. Register it before the routes; it holds for the instance it is registered on and
 * all below.
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
      const left = (request as unknown as Scoped)[SCOPE]?.leave(payload)
      if (left instanceof Promise) return left
      next(null, left)
      return undefined
    })
    ready()
  }

  return Object.assign(plugin, {
    [Symbol.for('skip-override')]: true,
    [Symbol.for('fastify.display-name')]: 'vial',
  })
}
