/**
 * Flask's own session: the record in a signed cookie that anybody can read and only who has the secret can make. A
 * Flask application with the same `SECRET_KEY` reads what is written here, and the other way round.
 *
 * @module
 */

import { assemble } from '../core/assemble.ts'
import { type Duration, milliseconds } from '../core/duration.ts'
import { DEFAULT_POLICY } from '../core/policy.ts'
import type { Seal } from '../core/seal.ts'
import type { Secret } from '../core/secrets.ts'
import type { Fields, Session } from '../core/session.ts'
import type { Eager, Sessions } from '../core/sessions.ts'
import { itsdangerous } from '../seals/itsdangerous.ts'
import { exactFloats as withExactFloats } from '../serializers/python/values.ts'
import { taggedJson } from '../serializers/tagged-json/index.ts'
import {
  checkOptions,
  FLASK_OPTIONS,
  type FlaskOptions,
  flaskCookieWriter,
  flaskExpiry,
  flaskLifetime,
} from './flask/options.ts'

export interface FlaskCookieOptions<Data extends object = Fields> extends FlaskOptions<Data> {
  /**
   * `SECRET_KEY`, then its `SECRET_KEY_FALLBACKS`: the first signs, all open. That also opens what Flask 3.1.0 signed
   * with the last fallback. One that can be guessed is a process warning: Flask's side dictates it.
   */
  readonly secret: Secret | undefined
  /**
   * How far the clocks of the two may be apart. Python turns a cookie away that is one second from the future, so ours
   * are dated back by this, and theirs may be ahead by this.
   *
   * @default '1s'
   */
  readonly clockSkew?: Duration | 0
}

const NAMES: readonly (keyof FlaskCookieOptions)[] = [...FLASK_OPTIONS, 'secret', 'clockSkew']

/**
 * Makes sessions in Flask's signed cookie.
 *
 * ```ts
 * import { flaskCookie } from 'vial/compat/flask-cookie'
 *
 * export const sessions = flaskCookie({ secret: process.env['SECRET_KEY'] })
 * ```
 *
 * What differs from Flask, on purpose: a request that never asks for its session gets no cookie; of several cookies of
 * the name, the one that is honoured counts and not the first; a cookie that browsers would drop is a `TooLargeError`;
 * a damaged payload is a fresh session and not an error; a response that sets the cookie says `Cache-Control: private`.
 *
 * @throws {ConfigError} When the options cannot work, naming the fix.
 */
export function flaskCookie<Data extends object = Fields>(
  options: FlaskCookieOptions<Data> & { readonly eager: true },
): Sessions<Data> & Eager<Session<Data>>
export function flaskCookie<Data extends object = Fields>(
  options: FlaskCookieOptions<Data>,
): Sessions<Data>
export function flaskCookie(options: FlaskCookieOptions): unknown {
  checkOptions('flaskCookie', options, NAMES)
  const { exactFloats = options.data === undefined } = options
  const lifetime = flaskLifetime(options.lifetime)
  return assemble({
    options,
    cookie: flaskCookieWriter(options.cookie),
    serializer: exactFloats ? withExactFloats(taggedJson) : taggedJson,
    policy: {
      ...DEFAULT_POLICY,
      metadata: false,
      keepsPermanent: true,
      refreshes: 'permanent',
      cookieOnSave: true,
      keepsFloats: exactFloats,
    },
    expiry: flaskExpiry(lifetime, options.refreshEachRequest),
    place: { seal: sealOf(options, lifetime) },
  })
}

function sealOf({ secret, clockSkew = '1s' }: FlaskCookieOptions, lifetime: number): Seal {
  const skew = clockSkew === 0 ? 0 : milliseconds(clockSkew, 'clockSkew')
  const seal = itsdangerous({
    secret,
    maxAge: lifetime,
    leeway: skew,
    backdate: skew,
    weakSecret: 'warn',
  })
  return {
    ...seal,
    open(text, now, cookie) {
      const opened = seal.open(text, now, cookie)
      // The seal alone judges the age, to the second, as Flask does.
      return opened.ok ? { ok: true, bytes: opened.bytes } : opened
    },
  }
}
