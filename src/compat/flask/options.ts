/** The options that both Flask profiles share, and what they configure. */

import { domainToASCII } from 'node:url'
import {
  type CookieOptions,
  type CookieWriter,
  cookieWriter,
  type ForeignCookieOptions,
} from '../../cookies/serialize.ts'
import { checkOptions, checkPlaces } from '../../core/assemble.ts'
import { type Duration, milliseconds } from '../../core/duration.ts'
import type { OnEvent } from '../../core/events.ts'
import { Expiry } from '../../core/expiry.ts'
import { DEFAULT_POLICY, type SessionPolicy } from '../../core/policy.ts'
import type { OnInvalid, Schema } from '../../core/schema.ts'
import type { Fields } from '../../core/session.ts'
import { warnOnce } from '../../core/warnings.ts'
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
  /** Places where this cookie stood before. A logout, or a request with several of the name, removes it there. */
  readonly formerly?: CookieOptions['formerly']
}

/** What every Flask profile takes. */
export interface FlaskOptions<Data extends object = Fields> {
  /** Name and attributes of the cookie. @default as in Flask: `session`, HttpOnly, not Secure */
  readonly cookie?: FlaskCookieAttributes
  /** `PERMANENT_SESSION_LIFETIME`, in whole seconds, counted from the last save. @default '31d' */
  readonly lifetime?: Duration
  /** `SESSION_REFRESH_EACH_REQUEST`: a request that only reads its session moves the expiry as well. @default true */
  readonly refreshEachRequest?: boolean
  /**
   * Reads Python's `1.0` as a `Float` of `vial/serializers/python-values`. False: as the number 1; a number that takes its
   * place is written as a float again.
   *
   * @default false
   */
  readonly exactFloats?: boolean
  /** A synchronous schema: types the data, and checks each value when it is set, stored and loaded. Every key must be optional. */
  readonly data?: Schema<Data>
  /**
   * When a record does not match `data`: hide the keys that do not fit, and keep them for Flask; a fresh session; or a
   * {@link SerializationError}. @default 'drop'
   */
  readonly onInvalid?: OnInvalid
  /** Lets `current()` find the session without the request. It slows every `await` on Node 20. @default false */
  readonly ambient?: boolean
  /** Loads the session before each handler and offers it as `sessions.session`, as Flask does. @default false */
  readonly eager?: boolean
  /** Called with every rejected, dropped, retried or failed step. What it throws becomes a process warning. */
  readonly onEvent?: OnEvent
  /** The clock, in ms since the epoch. @default Date.now */
  readonly now?: () => number
}

/** Options that a Flask configuration has no keys for. */
export const KEYLESS = [
  'ambient',
  'data',
  'eager',
  'exactFloats',
  'now',
  'onEvent',
  'onInvalid',
] as const
export const FLASK_OPTIONS = [...KEYLESS, 'cookie', 'lifetime', 'refreshEachRequest'] as const

const ATTRIBUTES = [
  'domain',
  'formerly',
  'httpOnly',
  'name',
  'partitioned',
  'path',
  'sameSite',
  'secure',
] as const

/** Writes the cookie as Werkzeug does. What Flask allows and browsers refuse is a warning. */
export function flaskCookieWriter(attributes: FlaskCookieAttributes = {}): CookieWriter {
  checkOptions('cookie', attributes, ATTRIBUTES)
  checkPlaces(attributes.formerly)
  const { name = 'session', domain, path = '/', httpOnly = true, partitioned = false } = attributes
  const { secure = partitioned, sameSite, formerly } = attributes
  const written: ForeignCookieOptions = {
    name,
    path: quoted(path),
    httpOnly,
    partitioned,
    secure: secure || partitioned,
    sameSite,
    life: 'expires',
    ...(domain !== undefined && { domain: hostOf(domain) }),
    ...(formerly !== undefined && { formerly }),
  }
  return cookieWriter(written, (message) => warnOnce('VIAL_COOKIE', message))
}

/** Cuts off port and leading dots, and converts other scripts into their xn-- form. */
function hostOf(domain: string): string {
  const host = domain.split(':')[0]?.replace(/^\.+/, '') ?? ''
  return /[^ -~]/.test(host) ? domainToASCII(host) : host
}

/** Percent-encodes what Werkzeug does. A lone surrogate stays, so that the cookie writer refuses the path. */
function quoted(path: string): string {
  return path.replace(
    /[^\w.~\-%!$&'()*+,/:=@\ud800-\udfff]|[\ud800-\udbff][\udc00-\udfff]/g,
    encodeURIComponent,
  )
}

/** The lifetime in ms, rounded down to whole seconds as in Flask. @throws {ConfigError} Under 1 s. */
export function flaskLifetime(lifetime: Duration = '31d'): number {
  const seconds = Math.floor(milliseconds(lifetime, 'lifetime') / 1000)
  if (seconds > 0) return seconds * 1000
  throw new ConfigError('lifetime: Flask counts whole seconds. Give at least 1000 ms.')
}

/** The parts that both profiles share. */
export function flaskPreset(options: FlaskOptions) {
  // Each save starts the lifetime again; with `refreshEachRequest`, so does each request.
  const window = (options.refreshEachRequest ?? true) ? 0 : Number.POSITIVE_INFINITY
  const policy: SessionPolicy = {
    ...DEFAULT_POLICY,
    metadata: false,
    cookieOnSave: true,
    // Flask-Login's.
    userKey: '_user_id',
  }
  return {
    options,
    cookie: flaskCookieWriter(options.cookie),
    policy,
    expiry: new Expiry(Number.POSITIVE_INFINITY, flaskLifetime(options.lifetime), window),
  }
}
