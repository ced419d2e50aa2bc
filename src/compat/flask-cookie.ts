/**
 * Flask's own session: the record in a signed cookie, which anyone can read and only the secret can write. A Flask
 * application with the same `SECRET_KEY` reads it, and the other way round.
 *
 * @module
 */

import { assemble, checkOptions } from '../core/assemble.ts'
import { type Deferred, type DeferredOptions, nowOrLater } from '../core/deferred.ts'
import { type Duration, milliseconds } from '../core/duration.ts'
import type { LifeCycle } from '../core/scope.ts'
import type { Secret } from '../core/secrets.ts'
import type { Fields, Session } from '../core/session.ts'
import type { SessionLifeCycle } from '../core/session-life-cycle.ts'
import type { Eager, Sessions } from '../core/sessions.ts'
import { itsdangerous } from '../seals/itsdangerous.ts'
import { exactFloats } from '../serializers/python/values.ts'
import { taggedJson } from '../serializers/tagged-json/index.ts'
import { FLASK_OPTIONS, type FlaskOptions, flaskLifetime, flaskPreset } from './flask/options.ts'

export interface FlaskCookieOptions<Data extends object = Fields> extends FlaskOptions<Data> {
  /**
   * `SECRET_KEY`, then its `SECRET_KEY_FALLBACKS`: the first signs, all open, also what Flask 3.1.0 signed with the last
   * fallback. A weak secret is only a process warning, as the Flask application chooses it.
   */
  readonly secret: Secret | undefined
  /**
   * How far the two clocks may differ. Python rejects a cookie from one second in the future: cookies are backdated by
   * this much, and Flask's may be ahead by as much.
   *
   * @default '1s'
   */
  readonly clockSkew?: Duration | 0
}

/**
 * Makes sessions in Flask's signed cookie.
 *
 * ```ts
 * import { flaskCookie } from 'vial/compat/flask-cookie'
 *
 * export const sessions = flaskCookie({ secret: process.env['SECRET_KEY'] })
 * ```
 *
 * Differences from Flask, on purpose: a request that never asks for its session gets no cookie; of several cookies of
 * the name, the valid one counts and not the first, and of several valid ones of one user the newest; a cookie that
 * browsers would drop is a `TooLargeError`; a damaged payload is a fresh session and not an error; a response that sets the
 * cookie has `Cache-Control: private`.
 *
 * @throws {ConfigError} When the options cannot work, naming the fix.
 */
export function flaskCookie<Data extends object = Fields, Env = NodeJS.ProcessEnv>(
  options: Deferred<FlaskCookieOptions<Data>, Env>,
  beside: DeferredOptions & { readonly eager: true },
): Sessions<Data> & Eager<Session<Data>>
export function flaskCookie<Data extends object = Fields, Env = NodeJS.ProcessEnv>(
  options: Deferred<FlaskCookieOptions<Data>, Env>,
  beside?: DeferredOptions,
): Sessions<Data>
export function flaskCookie<Data extends object = Fields>(
  options: FlaskCookieOptions<Data> & { readonly eager: true },
): Sessions<Data> & Eager<Session<Data>>
export function flaskCookie<Data extends object = Fields>(
  options: FlaskCookieOptions<Data>,
): Sessions<Data>
export function flaskCookie(
  options: FlaskCookieOptions | Deferred<FlaskCookieOptions, unknown>,
  beside?: DeferredOptions,
): LifeCycle {
  return nowOrLater('flaskCookie', options, beside, make)
}

function make(options: FlaskCookieOptions): SessionLifeCycle {
  checkOptions('flaskCookie', options, [...FLASK_OPTIONS, 'secret', 'clockSkew'])
  const { secret, lifetime, clockSkew = '1s' } = options
  const skew = clockSkew === 0 ? 0 : milliseconds(clockSkew, 'clockSkew')
  const maxAge = flaskLifetime(lifetime)
  const seal = itsdangerous({ secret, maxAge, leeway: skew, backdate: skew, weakSecret: 'warn' })
  const preset = flaskPreset(options)
  return assemble({
    ...preset,
    serializer: options.exactFloats ? exactFloats(taggedJson) : taggedJson,
    policy: { ...preset.policy, keepsPermanent: true, refreshes: 'permanent' },
    // To the second, as Flask does.
    place: { seal, agedBySeal: true },
  })
}
