/**
 * Flask-Login's keys of a session, so that a login or logout here is one in the Flask application, too.
 * Source: `flask_login.utils` and `flask_login.login_manager` of Flask-Login 0.6.
 *
 * @module
 */

import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { pythonBytes } from '../core/python.ts'
import type { Session, StoredSession } from '../core/session.ts'
import { StateError } from '../errors.ts'

/** The request of any framework: one of Node's, such as Express's, or a `Request`, such as Hono's `c.req.raw`. */
export interface FlaskLoginRequest {
  readonly headers: Headers | Readonly<Record<string, string | readonly string[] | undefined>>
  readonly socket?: { readonly remoteAddress?: string | undefined }
}

export interface FlaskLoginOptions {
  /** What `get_id()` of the user gives in Flask. */
  readonly user: string
  /** The request that logs in: Flask-Login compares its address and its `User-Agent` with those of later requests. */
  readonly request: FlaskLoginRequest
  /**
   * The visitor's address as Flask has it in `request.remote_addr`. Flask-Login prefers the first address of
   * `X-Forwarded-For`. A `Request` has no address, so without that header it must be given.
   *
   * @default the address of the request's connection
   */
  readonly address?: string
}

export interface FlaskLogoutOptions {
  /** The request that logs out, whose cookie of `remember=True` then no longer counts. Absent: it has none. */
  readonly request?: FlaskLoginRequest
  /** `REMEMBER_COOKIE_NAME`. @default 'remember_token' */
  readonly rememberCookie?: string
}

/**
 * Logs a user in as Flask-Login's `login_user` does, with a login that is fresh there, and gives the session a new id.
 *
 * @throws {StateError} When `user` is not a string, or once the response headers have left.
 */
export function flaskLogin<Data extends object>(
  session: Session<Data> | StoredSession<Data>,
  { user, request, address }: FlaskLoginOptions,
): void {
  if (typeof user !== 'string' || user === '') {
    throw new StateError('flaskLogin() needs the user as a string: what get_id() gives in Flask.')
  }
  const data = session as unknown as Session
  data.set('_user_id', user)
  data.set('_fresh', true)
  data.set('_id', identifier(request, address))
  session.regenerate()
}

/**
 * Logs the user out as Flask-Login's `logout_user` does, and gives the session a new id. The other data stays; `destroy`
 * ends the session instead, and leaves a cookie of `remember=True` to log the visitor in again.
 *
 * @throws {StateError} Once the response headers have left.
 */
export function flaskLogout<Data extends object>(
  session: Session<Data> | StoredSession<Data>,
  { request, rememberCookie = 'remember_token' }: FlaskLogoutOptions = {},
): void {
  const data = session as unknown as Session
  for (const key of ['_user_id', '_fresh', '_id']) data.delete(key)
  const cookies = headerOf(request, 'cookie')?.split(';') ?? []
  if (cookies.some((cookie) => cookie.split('=', 1)[0]?.trim() === rememberCookie)) {
    // Flask-Login removes the cookie with its next response, and does not log in by it.
    data.set('_remember', 'clear')
    data.delete('_remember_seconds')
  }
  session.regenerate()
}

/** `_create_identifier` of Flask-Login: the SHA-512 of the address and the agent as Python prints bytes. */
function identifier(request: FlaskLoginRequest, address: string | undefined): string {
  const forwarded = headerOf(request, 'x-forwarded-for')?.split(',')[0]?.trim()
  // A server on all interfaces has IPv4 addresses in the form of IPv6.
  const connection = request.socket?.remoteAddress?.replace(/^::ffff:(?=[\d.]+$)/i, '')
  const parts = [forwarded ?? address ?? connection, headerOf(request, 'user-agent')]
  const text = parts.map((part) => (part === undefined ? 'None' : pythonBytes(Buffer.from(part))))
  return createHash('sha512').update(text.join('|')).digest('hex')
}

function headerOf(request: FlaskLoginRequest | undefined, name: string): string | undefined {
  if (request === undefined) return undefined
  const { headers } = request
  if (headers instanceof Headers) return headers.get(name) ?? undefined
  const value = headers[name]
  return typeof value === 'object' ? value.join(',') : value
}
