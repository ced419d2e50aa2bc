/**
 * The cookie and the secrets of a Flask configuration.
 *
 * @module
 */

import { ConfigError } from '../../../errors.ts'
import { type FlaskCookieAttributes, flaskCookieWriter } from '../options.ts'
import { COOKIE_KEYS, type Config, describe, get, getString, readOptions, withKey } from './keys.ts'

/** @throws {ConfigError} Naming the key whose value has another type, or that browsers would refuse. */
export function cookieOf(config: Config): FlaskCookieAttributes {
  const attributes: FlaskCookieAttributes = readOptions(config, COOKIE_KEYS)
  const { domain, sameSite, secure, partitioned } = attributes
  const root = attributes.path === undefined ? getString(config, 'APPLICATION_ROOT') : undefined
  const path = attributes.path ?? root
  if (sameSite === 'none' && secure !== true && partitioned !== true) {
    throw new ConfigError(
      "SESSION_COOKIE_SAMESITE 'None' needs SESSION_COOKIE_SECURE true: browsers drop the cookie without it.",
    )
  }
  if (domain !== undefined) withKey('SESSION_COOKIE_DOMAIN', () => flaskCookieWriter({ domain }))
  if (path !== undefined) {
    const key = root === undefined ? 'SESSION_COOKIE_PATH' : 'APPLICATION_ROOT'
    withKey(key, () => flaskCookieWriter({ path }))
  }
  const cookie = { ...attributes, ...(path !== undefined && { path }) }
  withKey('SESSION_COOKIE_NAME', () => flaskCookieWriter(cookie))
  return cookie
}

/** SECRET_KEY, then its fallbacks. Undefined: neither is set. @throws {ConfigError} When one is not a secret. */
export function secretsOf(config: Config): readonly (string | Uint8Array)[] | undefined {
  const key = get(config, 'SECRET_KEY') ?? ''
  const fallbacks = get(config, 'SECRET_KEY_FALLBACKS') ?? []
  if (typeof fallbacks === 'string' || ArrayBuffer.isView(fallbacks)) {
    throw new ConfigError(
      'SECRET_KEY_FALLBACKS is one string, and Flask would use each single letter as a key. Give a list.',
    )
  }
  if (!Array.isArray(fallbacks)) {
    throw new ConfigError(`SECRET_KEY_FALLBACKS is ${describe(fallbacks)}. Give a list of secrets.`)
  }
  for (const [index, one] of [key, ...fallbacks].entries()) {
    if (typeof one === 'string' || ArrayBuffer.isView(one)) continue
    const name = index === 0 ? 'SECRET_KEY' : `SECRET_KEY_FALLBACKS[${index - 1}]`
    // A number is not shown: it is the secret.
    throw new ConfigError(
      `${name} is of type ${typeof one}. Give a string or bytes; in the environment, quote digits: '"123"'.`,
    )
  }
  const [first, ...others] = [key, ...fallbacks] as [string | Uint8Array, ...string[]]
  if (first.length > 0) return [first, ...others]
  if (others.length === 0) return undefined
  throw new ConfigError('SECRET_KEY_FALLBACKS is set and SECRET_KEY is missing.')
}
