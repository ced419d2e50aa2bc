/**
 * The options that Flask's profiles share: the cookie's attributes with Flask's defaults, and the life of a session.
 *
 * @module
 */

import { domainToASCII } from 'node:url'
import { type CookieOptions, type CookieWriter, cookieWriter } from '../../cookies/serialize.ts'
import { type Duration, milliseconds } from '../../core/duration.ts'
import type { OnEvent } from '../../core/events.ts'
import { Expiry } from '../../core/expiry.ts'
import type { Schema } from '../../core/schema.ts'
import type { Fields } from '../../core/session.ts'
import { ConfigError } from '../../errors.ts'

/** The attributes of Flask's cookie, with Flask's defaults. */
export interface FlaskCookieAttributes {
  /** `SESSION_COOKIE_NAME`. @default 'session' */
  readonly name?: string
  /** `SESSION_COOKIE_DOMAIN`. A port and leading dots are cut off. @default only the host that set it */
  readonly domain?: string
  /** `SESSION_COOKIE_PATH`. @default '/' */
  readonly path?: string
  /** `SESSION_COOKIE_HTTPONLY`. @default true */
  readonly httpOnly?: boolean
  /** `SESSION_COOKIE_SECURE`. @default false */
  readonly secure?: boolean
  /** `SESSION_COOKIE_SAMESITE`. @default no such attribute */
  readonly sameSite?: CookieOptions['sameSite']
  /** `SESSION_COOKIE_PARTITIONED`; it makes the cookie `secure`. @default false */
  readonly partitioned?: boolean
}

/** What every Flask profile takes. */
export interface FlaskOptions<Data extends object = Fields> {
  readonly cookie?: FlaskCookieAttributes
  /** `PERMANENT_SESSION_LIFETIME`, in whole seconds: it begins anew with each save. @default '31d' */
  readonly lifetime?: Duration
  /**
   * `SESSION_REFRESH_EACH_REQUEST`: a request that asks for its session moves the deadline although it changes nothing.
   *
   * @default true
   */
  readonly refreshEachRequest?: boolean
  /**
   * Reads Python's `1.0` as `Float` of `vial/serializers/python-values`, which goes back as a float. Off: it is the
   * number 1, and goes back as an int inside a value that was changed.
   *
   * @default true; false with `data`, whose types say number
   */
  readonly exactFloats?: boolean
  /** Types the data, and checks a record when it is loaded. Each key must be optional. It must be synchronous. */
  readonly data?: Schema<Data>
  /** When a record is not what `data` describes: a fresh session, or a {@link SerializationError}. @default 'fresh' */
  readonly onInvalid?: 'fresh' | 'throw'
  /** Lets `current()` find the session without the request. It slows every `await` on Node 20. @default false */
  readonly ambient?: boolean
  /** Loads the session before each handler and offers it as `sessions.session`, as Flask does. @default false */
  readonly eager?: boolean
  /** Everything that was turned away, dropped, retried or failed. What it throws becomes a process warning. */
  readonly onEvent?: OnEvent
  /** The clock, in ms since the epoch. @default Date.now */
  readonly now?: () => number
}

export const FLASK_OPTIONS: readonly (keyof FlaskOptions)[] = [
  'ambient',
  'cookie',
  'data',
  'eager',
  'exactFloats',
  'lifetime',
  'now',
  'onEvent',
  'onInvalid',
  'refreshEachRequest',
]

/** Throws {@link ConfigError} for an option that is not there, such as one with a spelling mistake. */
export function checkOptions(profile: string, options: object, names: readonly string[]): void {
  if (typeof options !== 'object' || options === null) {
    throw new ConfigError(`${profile} takes an object of options.`)
  }
  for (const name of Object.keys(options)) {
    if (names.includes(name)) continue
    const known = [...names].sort().join(', ')
    throw new ConfigError(`${profile} has no option '${name}'. It has ${known}.`)
  }
}

const ATTRIBUTES: readonly (keyof FlaskCookieAttributes)[] = [
  'domain',
  'httpOnly',
  'name',
  'partitioned',
  'path',
  'sameSite',
  'secure',
]

/** The cookie as Werkzeug writes it. Throws {@link ConfigError} when browsers would refuse it. */
export function flaskCookieWriter(attributes: FlaskCookieAttributes = {}): CookieWriter {
  checkOptions('cookie', attributes, ATTRIBUTES)
  const { name = 'session', domain, path = '/', httpOnly = true, partitioned = false } = attributes
  const { secure = partitioned, sameSite } = attributes
  return cookieWriter({
    name,
    path: quoted(path),
    httpOnly,
    partitioned,
    secure: secure || partitioned,
    sameSite,
    life: 'expires',
    ...(domain !== undefined && { domain: hostOf(domain) }),
  })
}

/** Without port and leading dots; other scripts in their xn-- form. */
function hostOf(domain: string): string {
  const host = domain.split(':')[0]?.replace(/^\.+/, '') ?? ''
  return /[^ -~]/.test(host) ? domainToASCII(host) : host
}

/** Percent-encodes what Werkzeug does. Half of a surrogate pair stays, and is refused as no path. */
function quoted(path: string): string {
  return path.replace(
    /[^\w.~\-%!$&'()*+,/:=@\ud800-\udfff]|[\ud800-\udbff][\udc00-\udfff]/g,
    encodeURIComponent,
  )
}

/** The lifetime in ms: whole seconds, of which Flask cuts off the rest. */
export function flaskLifetime(lifetime: Duration = '31d'): number {
  const seconds = Math.floor(milliseconds(lifetime, 'lifetime') / 1000)
  if (seconds > 0) return seconds * 1000
  throw new ConfigError('lifetime: Flask counts whole seconds. Give at least 1000 ms.')
}

/** Every save begins the lifetime anew; so does every request, if told so. */
export function flaskExpiry(lifetime: number, refreshEachRequest = true): Expiry {
  const window = refreshEachRequest ? 0 : Number.POSITIVE_INFINITY
  return new Expiry(Number.POSITIVE_INFINITY, lifetime, window)
}
