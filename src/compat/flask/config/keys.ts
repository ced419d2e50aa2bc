/**
 * The keys of a Flask configuration that have to do with sessions, and reading their values.
 *
 * @module
 */

import { ConfigError } from '../../../errors.ts'

/** A configuration as far as its keys matter. */
export type Keyed = Readonly<Record<string, unknown>>

/** Flask's own. */
const FLASK = [
  'PERMANENT_SESSION_LIFETIME',
  'SECRET_KEY',
  'SECRET_KEY_FALLBACKS',
  'SESSION_COOKIE_DOMAIN',
  'SESSION_COOKIE_HTTPONLY',
  'SESSION_COOKIE_NAME',
  'SESSION_COOKIE_PARTITIONED',
  'SESSION_COOKIE_PATH',
  'SESSION_COOKIE_SAMESITE',
  'SESSION_COOKIE_SECURE',
  'SESSION_REFRESH_EACH_REQUEST',
]

/** The key of each type of Flask-Session that holds its client. */
export const CLIENT_KEYS = {
  redis: 'SESSION_REDIS',
  memcached: 'SESSION_MEMCACHED',
  filesystem: 'SESSION_FILE_DIR',
  cachelib: 'SESSION_CACHELIB',
  mongodb: 'SESSION_MONGODB',
  sqlalchemy: 'SESSION_SQLALCHEMY',
  dynamodb: 'SESSION_DYNAMODB',
} as const

export type FlaskSessionType = keyof typeof CLIENT_KEYS

/** Flask-Session's, which need a SESSION_TYPE. */
const FLASK_SESSION: readonly string[] = [
  ...Object.values(CLIENT_KEYS),
  'SESSION_CLEANUP_N_REQUESTS',
  'SESSION_DYNAMODB_TABLE',
  'SESSION_DYNAMODB_TABLE_EXISTS',
  'SESSION_DYNAMODB_TABLE_NAME',
  'SESSION_FILE_MODE',
  'SESSION_FILE_THRESHOLD',
  'SESSION_ID_LENGTH',
  'SESSION_KEY_PREFIX',
  'SESSION_MONGODB_COLLECT',
  'SESSION_MONGODB_DB',
  'SESSION_PERMANENT',
  'SESSION_SERIALIZATION_FORMAT',
  'SESSION_SQLALCHEMY_BIND_KEY',
  'SESSION_SQLALCHEMY_SCHEMA',
  'SESSION_SQLALCHEMY_SEQUENCE',
  'SESSION_SQLALCHEMY_TABLE',
  'SESSION_USE_SIGNER',
]

const KNOWN: readonly string[] = [...FLASK, ...FLASK_SESSION, 'SESSION_TYPE']
/** Of absurd keys the beginning will do. */
const MOST_LETTERS = 64
const OURS = /^(?:SESSION_|PERMANENT_|SECRET_KEY)/i

/** The value of a key; undefined also for null, which is Python's None. */
export function valueIn(config: Keyed, key: string): unknown {
  return Object.hasOwn(config, key) ? (config[key] ?? undefined) : undefined
}

/**
 * Fails on a key of sessions that is none, such as one with a spelling mistake. Other keys pass.
 *
 * @throws {ConfigError} Naming it, and the nearest that is one.
 */
export function checkKeys(config: Keyed): void {
  if (typeof config !== 'object' || config === null || Array.isArray(config)) {
    throw new ConfigError('fromFlaskConfig takes an object with the keys of an app.config.')
  }
  for (const key of Object.keys(config)) {
    if (!OURS.test(key) || KNOWN.includes(key)) continue
    const nearest = nearestOf(key.toUpperCase(), KNOWN)
    throw new ConfigError(
      `${JSON.stringify(key)} is no key of Flask or Flask-Session. Did you mean ${nearest}?`,
    )
  }
}

/**
 * The type of Flask-Session that is asked for, in any letter case; undefined: Flask's own cookie.
 *
 * @throws {ConfigError} When there is none of the name, or a key needs one, or holds the client of another one.
 */
export function typeOf(config: Keyed): FlaskSessionType | undefined {
  const given = textOf(config, 'SESSION_TYPE')
  if (given === undefined) {
    const needless = FLASK_SESSION.find((key) => valueIn(config, key) !== undefined)
    if (needless === undefined) return undefined
    throw new ConfigError(
      `${needless} is of Flask-Session, and SESSION_TYPE is missing. Give it, such as 'redis', or leave ${needless} out for the cookie of Flask itself.`,
    )
  }
  const type = given.toLowerCase()
  const types = Object.keys(CLIENT_KEYS)
  if (type === 'null') {
    throw new ConfigError(
      "SESSION_TYPE is 'null', which Flask-Session has not had since 0.7. Leave it out for the cookie of Flask itself.",
    )
  }
  if (!types.includes(type)) {
    throw new ConfigError(
      `SESSION_TYPE ${JSON.stringify(given)} is none of ${types.join(', ')}. Did you mean '${nearestOf(type, types)}'?`,
    )
  }
  const own = CLIENT_KEYS[type as FlaskSessionType]
  const other = Object.values(CLIENT_KEYS).find((key) => valueIn(config, key) !== undefined)
  if (other !== undefined && valueIn(config, own) === undefined) {
    throw new ConfigError(
      `SESSION_TYPE is '${type}' and its ${own} is missing, while ${other} is there, which is of another type.`,
    )
  }
  return type as FlaskSessionType
}

/** A text. @throws {ConfigError} When it is anything else. */
export function textOf(config: Keyed, key: string): string | undefined {
  const value = valueIn(config, key)
  if (value === undefined || (typeof value === 'string' && value !== '')) return value
  throw new ConfigError(`${key} is ${kindOf(value)}. Give a text.`)
}

/** True or false. @throws {ConfigError} When it is anything else, such as a text, which Python takes for true. */
export function flagOf(config: Keyed, key: string): boolean | undefined {
  const value = valueIn(config, key)
  if (value === undefined || typeof value === 'boolean') return value
  const python = typeof value === 'string' ? ', which Flask takes for true whatever it says' : ''
  throw new ConfigError(`${key} is ${kindOf(value)}${python}. Give true or false.`)
}

/** A whole number from `least`. @throws {ConfigError} When it is anything else. */
export function wholeOf(
  config: Keyed,
  key: string,
  least: number,
  most: number = Number.MAX_SAFE_INTEGER,
): number | undefined {
  const value = valueIn(config, key)
  if (value === undefined) return undefined
  if (Number.isInteger(value) && Number(value) >= least && Number(value) <= most) {
    return Number(value)
  }
  const range =
    most === Number.MAX_SAFE_INTEGER ? `, at least ${least}` : ` from ${least} to ${most}`
  throw new ConfigError(`${key} is ${kindOf(value)}. Give a whole number${range}.`)
}

/** Runs what stands for the value of a key. @throws {ConfigError} Naming the key in place of one of our options. */
export function blaming<T>(keys: string, run: () => T): T {
  try {
    return run()
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    throw new ConfigError(`${keys}: ${error.message}`, { cause: error })
  }
}

/** What a value is; never a text itself, as it may be a secret. */
export function kindOf(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (value === '') return 'an empty text'
  if (typeof value === 'string') return 'a text'
  return Array.isArray(value) ? 'a list' : `a value of type ${typeof value}`
}

/** The name with the most words in common, and of those the one that is spelled most alike. */
function nearestOf(name: string, names: readonly string[]): string {
  const words = new Set(name.split('_'))
  const rank = (one: string): number => {
    const common = one.split('_').filter((word) => words.has(word)).length
    return distanceOf(name, one) - common * MOST_LETTERS
  }
  return names.toSorted((a, b) => rank(a) - rank(b))[0] as string
}

/** How many letters have to be changed, left out or put in. */
function distanceOf(from: string, to: string): number {
  const letters = [...from.slice(0, MOST_LETTERS)]
  let row = Array.from({ length: to.length + 1 }, (_, at) => at)
  letters.forEach((letter, index) => {
    const next = [index + 1]
    for (let at = 0; at < to.length; at++) {
      const [left, above, diagonal] = [next[at], row[at + 1], row[at]] as [number, number, number]
      next.push(Math.min(left + 1, above + 1, diagonal + (letter === to[at] ? 0 : 1)))
    }
    row = next
  })
  return row[to.length] as number
}
