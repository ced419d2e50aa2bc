/**
 * The cookie and the secrets that a Flask configuration asks for.
 *
 * @module
 */

import { type Duration, milliseconds } from '../../../core/duration.ts'
import { ConfigError } from '../../../errors.ts'
import { type FlaskCookieAttributes, flaskCookieWriter } from '../options.ts'
import { blaming, flagOf, type Keyed, kindOf, textOf, valueIn } from './keys.ts'

const SAME_SITE = ['lax', 'strict', 'none'] as const

/** @throws {ConfigError} Naming the keys that browsers would refuse, or that are not what they must be. */
export function cookieOf(config: Keyed): FlaskCookieAttributes {
  const name = textOf(config, 'SESSION_COOKIE_NAME')
  const domain = domainOf(config)
  const pathKey =
    valueIn(config, 'SESSION_COOKIE_PATH') === undefined
      ? 'APPLICATION_ROOT'
      : 'SESSION_COOKIE_PATH'
  const path = textOf(config, pathKey)
  const httpOnly = flagOf(config, 'SESSION_COOKIE_HTTPONLY')
  const secure = flagOf(config, 'SESSION_COOKIE_SECURE')
  const partitioned = flagOf(config, 'SESSION_COOKIE_PARTITIONED')
  const sameSite = sameSiteOf(config)
  if (sameSite === 'none' && secure !== true && partitioned !== true) {
    throw new ConfigError(
      "SESSION_COOKIE_SAMESITE 'None' needs SESSION_COOKIE_SECURE true: browsers drop the cookie without it.",
    )
  }
  if (domain !== undefined) {
    blaming('SESSION_COOKIE_DOMAIN', () => flaskCookieWriter({ domain }))
  }
  if (path !== undefined) blaming(pathKey, () => flaskCookieWriter({ path }))
  const attributes: FlaskCookieAttributes = {
    ...(name !== undefined && { name }),
    ...(domain !== undefined && { domain }),
    ...(path !== undefined && { path }),
    ...(httpOnly !== undefined && { httpOnly }),
    ...(secure !== undefined && { secure }),
    ...(partitioned !== undefined && { partitioned }),
    ...(sameSite !== undefined && { sameSite }),
  }
  blaming('SESSION_COOKIE_NAME', () => flaskCookieWriter(attributes))
  return attributes
}

/** SECRET_KEY and then its fallbacks; undefined: there is none. @throws {ConfigError} When one is no secret. */
export function secretsOf(config: Keyed): readonly (string | Uint8Array)[] | undefined {
  const key = valueIn(config, 'SECRET_KEY')
  const fallbacks = valueIn(config, 'SECRET_KEY_FALLBACKS') ?? []
  if (typeof fallbacks === 'string' || ArrayBuffer.isView(fallbacks)) {
    throw new ConfigError(
      'SECRET_KEY_FALLBACKS is one text, of which Flask takes each single letter as a key. Give a list.',
    )
  }
  if (!Array.isArray(fallbacks)) {
    throw new ConfigError(`SECRET_KEY_FALLBACKS is ${kindOf(fallbacks)}. Give a list of secrets.`)
  }
  for (const [index, one] of [key ?? '', ...fallbacks].entries()) {
    if (typeof one === 'string' || ArrayBuffer.isView(one)) continue
    const name = index === 0 ? 'SECRET_KEY' : `SECRET_KEY_FALLBACKS[${index - 1}]`
    // Not the number itself: it is the secret.
    throw new ConfigError(
      `${name} is of type ${typeof one}. Give a text or bytes; in the environment, put digits into quotes: '"123"'.`,
    )
  }
  const isEmpty = key === undefined || key === '' || (key as Uint8Array).byteLength === 0
  if (!isEmpty) return [key as string | Uint8Array, ...(fallbacks as (string | Uint8Array)[])]
  if (fallbacks.length === 0) return undefined
  throw new ConfigError('SECRET_KEY_FALLBACKS is there and SECRET_KEY is missing.')
}

/** The lifetime: a number is of seconds, as in Flask. @throws {ConfigError} When it is none. */
export function lifetimeOf(config: Keyed): number | undefined {
  const key = 'PERMANENT_SESSION_LIFETIME'
  const value = valueIn(config, key)
  if (value === undefined) return undefined
  if (typeof value === 'string') return blaming(key, () => milliseconds(value as Duration, key))
  if (typeof value === 'number' && value >= 1 && value < Number.MAX_SAFE_INTEGER / 1_000) {
    return Math.floor(value) * 1_000
  }
  throw new ConfigError(
    `${key} is ${kindOf(value)}. Give seconds, at least 1, or a text such as '31d'.`,
  )
}

/** Flask 2.2 and before: false stands for none. */
function domainOf(config: Keyed): string | undefined {
  const key = 'SESSION_COOKIE_DOMAIN'
  if (valueIn(config, key) === false) return undefined
  const given = textOf(config, key)
  if (given === undefined) return undefined
  if (given.includes('/')) {
    throw new ConfigError(
      `${key} ${JSON.stringify(given)} is no host name. Leave the rest of the URL out.`,
    )
  }
  return given
}

function sameSiteOf(config: Keyed): (typeof SAME_SITE)[number] | undefined {
  const given = textOf(config, 'SESSION_COOKIE_SAMESITE')
  const sameSite = SAME_SITE.find((one) => one === given?.toLowerCase())
  if (given === undefined || sameSite !== undefined) return sameSite
  throw new ConfigError(
    `SESSION_COOKIE_SAMESITE ${JSON.stringify(given)} is not known. Give 'Lax', 'Strict' or 'None'.`,
  )
}
