/** The keys of Flask and Flask-Session that configure sessions, each with the option that it sets and its type. */

import { type Duration, milliseconds } from '../../../core/duration.ts'
import { warnOnce } from '../../../core/warnings.ts'
import { ConfigError } from '../../../errors.ts'

/** A configuration, before its values are checked. */
export type Config = Readonly<Record<string, unknown>>

/** Reads the value of a key; throws a {@link ConfigError} when it has another type. */
type Reader<T = unknown> = (value: unknown, key: string) => T
/** By the option that is set: the key, and what reads its value. */
type KeyTable = Readonly<Record<string, readonly [key: string, read: Reader]>>
type OptionsOf<Table extends KeyTable> = {
  readonly [Option in keyof Table]?: NonNullable<ReturnType<Table[Option][1]>>
}

export const COOKIE_KEYS = {
  name: ['SESSION_COOKIE_NAME', readString],
  domain: ['SESSION_COOKIE_DOMAIN', readDomain],
  path: ['SESSION_COOKIE_PATH', readString],
  httpOnly: ['SESSION_COOKIE_HTTPONLY', readBoolean],
  secure: ['SESSION_COOKIE_SECURE', readBoolean],
  partitioned: ['SESSION_COOKIE_PARTITIONED', readBoolean],
  sameSite: ['SESSION_COOKIE_SAMESITE', oneOf('Lax', 'Strict', 'None')],
} as const

export const LIFE_KEYS = {
  lifetime: ['PERMANENT_SESSION_LIFETIME', readLifetime],
  refreshEachRequest: ['SESSION_REFRESH_EACH_REQUEST', readBoolean],
} as const

export const SESSION_KEYS = {
  keyPrefix: ['SESSION_KEY_PREFIX', readText],
  permanent: ['SESSION_PERMANENT', readBoolean],
  idLength: ['SESSION_ID_LENGTH', integer(16)],
  signed: ['SESSION_USE_SIGNER', readBoolean],
  format: ['SESSION_SERIALIZATION_FORMAT', oneOf('msgpack', 'json')],
} as const

export const FILE_KEYS = {
  threshold: ['SESSION_FILE_THRESHOLD', integer(0)],
  mode: ['SESSION_FILE_MODE', integer(0, 0o777)],
} as const

export const SQL_KEYS = {
  table: ['SESSION_SQLALCHEMY_TABLE', readString],
  schema: ['SESSION_SQLALCHEMY_SCHEMA', readString],
} as const

export const MONGODB_KEYS = {
  database: ['SESSION_MONGODB_DB', readString],
  collection: ['SESSION_MONGODB_COLLECT', readString],
} as const

/** The key that holds the client, for each SESSION_TYPE. */
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

/** Keys that need a SESSION_TYPE. */
const FLASK_SESSION: readonly string[] = [
  ...Object.values(CLIENT_KEYS),
  ...[SESSION_KEYS, FILE_KEYS, SQL_KEYS, MONGODB_KEYS].flatMap(keysOf),
  'SESSION_CLEANUP_N_REQUESTS',
  'SESSION_DYNAMODB_TABLE',
  'SESSION_DYNAMODB_TABLE_EXISTS',
  'SESSION_DYNAMODB_TABLE_NAME',
  'SESSION_SQLALCHEMY_BIND_KEY',
  'SESSION_SQLALCHEMY_SEQUENCE',
]
const KNOWN: readonly string[] = [
  'SECRET_KEY',
  'SECRET_KEY_FALLBACKS',
  'SESSION_TYPE',
  ...[LIFE_KEYS, COOKIE_KEYS].flatMap(keysOf),
  ...FLASK_SESSION,
]
const SESSION_KEY = /^(?:SESSION_|PERMANENT_|SECRET_KEY)/i

function keysOf(table: KeyTable): string[] {
  return Object.values(table).map(([key]) => key)
}

/**
 * Checks the names of the keys that look like keys of sessions and are unknown: another library's are warned of once.
 *
 * @throws {ConfigError} When one is a known key but for one character, or for the letter case.
 */
export function checkKeys(config: Config): void {
  if (typeof config !== 'object' || config === null || Array.isArray(config)) {
    throw new ConfigError('fromFlaskConfig takes an object with the keys of an app.config.')
  }
  const unknown = Object.keys(config).filter(
    (key) => SESSION_KEY.test(key) && !KNOWN.includes(key) && get(config, key) !== undefined,
  )
  for (const key of unknown) {
    const meant = KNOWN.find((known) => isOneEditAway(key.toUpperCase(), known))
    if (meant === undefined) continue
    throw new ConfigError(
      `${JSON.stringify(key)} is not a key of Flask or Flask-Session. Write ${meant}, or remove it.`,
    )
  }
  if (unknown.length === 0) return
  warnOnce(
    'VIAL_FLASK_KEYS',
    `fromFlaskConfig ignores ${unknown.join(', ')}, as Flask and Flask-Session have no such keys. If one was meant for sessions, write one of these: ${KNOWN.toSorted().join(', ')}.`,
  )
}

/** Whether the texts are equal, or become so when one character is added, removed or replaced. */
function isOneEditAway(a: string, b: string): boolean {
  let at = 0
  while (at < a.length && a[at] === b[at]) at++
  const [restA, restB] = [a.slice(at), b.slice(at)]
  const [shortA, shortB] = [restA.slice(1), restB.slice(1)]
  return shortA === shortB || shortA === restB || restA === shortB
}

/** The options of a table whose keys have a value. @throws {ConfigError} When a value has another type. */
export function readOptions<Table extends KeyTable>(
  config: Config,
  table: Table,
): OptionsOf<Table> {
  const options = Object.entries(table).map(([name, [key, as]]) => [name, read(config, key, as)])
  return Object.fromEntries(options.filter(([, value]) => value !== undefined)) as OptionsOf<Table>
}

/**
 * The SESSION_TYPE, in any letter case. Undefined: the configuration is for Flask's own cookie.
 *
 * @throws {ConfigError} When the type is unknown, missing beside a key that needs it, or another type's client is given.
 */
export function typeOf(config: Config): FlaskSessionType | undefined {
  const given = read(config, 'SESSION_TYPE', readString)
  if (given === undefined) {
    const key = FLASK_SESSION.find((one) => get(config, one) !== undefined)
    if (key === undefined) return undefined
    throw new ConfigError(
      `${key} belongs to Flask-Session, and SESSION_TYPE is missing. Set it, such as to 'redis', or remove ${key} to use Flask's own cookie.`,
    )
  }
  const type = given.toLowerCase()
  if (type === 'null') {
    throw new ConfigError(
      "SESSION_TYPE is 'null', which Flask-Session has not had since 0.7. Leave it out to use Flask's own cookie.",
    )
  }
  if (!Object.hasOwn(CLIENT_KEYS, type)) {
    throw unknownValue('SESSION_TYPE', given, Object.keys(CLIENT_KEYS))
  }
  const own = CLIENT_KEYS[type as FlaskSessionType]
  const other = Object.values(CLIENT_KEYS).find((key) => get(config, key) !== undefined)
  if (other !== undefined && get(config, own) === undefined) {
    throw new ConfigError(
      `SESSION_TYPE is '${type}' and ${own} is missing, but ${other} of another type is set.`,
    )
  }
  return type as FlaskSessionType
}

/** The value of a key. Undefined also for null, which is Python's `None`. */
export function get(config: Config, key: string): unknown {
  return Object.hasOwn(config, key) ? (config[key] ?? undefined) : undefined
}

/** The value of a key, read as a type. Undefined: it has none. */
export function read<T>(config: Config, key: string, as: Reader<T>): T | undefined {
  const value = get(config, key)
  return value === undefined ? undefined : as(value, key)
}

export function readString(value: unknown, key: string): string {
  if (value !== '') return readText(value, key)
  throw new ConfigError(`${key} is an empty string. Give a string, or leave it out.`)
}

/** A string that may be empty. */
function readText(value: unknown, key: string): string {
  if (typeof value === 'string') return value
  throw new ConfigError(`${key} is ${describe(value)}. Give a string.`)
}

export function readBoolean(value: unknown, key: string): boolean {
  if (typeof value === 'boolean') return value
  const python = typeof value === 'string' ? ', which Flask takes for true whatever it says' : ''
  throw new ConfigError(`${key} is ${describe(value)}${python}. Give true or false.`)
}

function integer(min: number, max = Number.MAX_SAFE_INTEGER): Reader<number> {
  return (value, key) => {
    const number = Number(value)
    if (Number.isSafeInteger(value) && number >= min && number <= max) return number
    const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`
    throw new ConfigError(`${key} is ${describe(value)}. Give an integer ${range}.`)
  }
}

/** One of these names in any letter case, as lower case. */
function oneOf<const Name extends string>(...names: Name[]): Reader<Lowercase<Name>> {
  return (value, key) => {
    const given = readString(value, key)
    const name = names.find((one) => one.toLowerCase() === given.toLowerCase())
    if (name === undefined) throw unknownValue(key, given, names)
    return name.toLowerCase() as Lowercase<Name>
  }
}

/** The lifetime in ms. A number counts seconds, as in Flask. */
function readLifetime(value: unknown, key: string): number {
  if (typeof value === 'string') return withKey(key, () => milliseconds(value as Duration, key))
  if (typeof value === 'number' && value >= 1 && value < Number.MAX_SAFE_INTEGER / 1_000) {
    return Math.floor(value) * 1_000
  }
  throw new ConfigError(
    `${key} is ${describe(value)}. Give seconds, at least 1, or a string such as '31d'.`,
  )
}

/** In Flask up to 2.2, false means that there is no domain. */
function readDomain(value: unknown, key: string): string | undefined {
  const domain = value === false ? undefined : readString(value, key)
  if (domain?.includes('/') !== true) return domain
  throw new ConfigError(
    `${key} ${JSON.stringify(domain)} is not a host name. Remove the other parts of the URL.`,
  )
}

function unknownValue(key: string, given: string, names: readonly string[]): ConfigError {
  const valid = names.map((name) => `'${name}'`).join(', ')
  return new ConfigError(`${key} ${JSON.stringify(given)} is not known. Valid values: ${valid}.`)
}

/** Runs what uses the value of a key. @throws {ConfigError} With the key's name before the message. */
export function withKey<T>(key: string, run: () => T): T {
  try {
    return run()
  } catch (error) {
    throw keyError(key, error)
  }
}

/** A `ConfigError` with the key's name before its message; any other error as it is. */
export function keyError(key: string, error: unknown): unknown {
  if (!(error instanceof ConfigError)) return error
  return new ConfigError(`${key}: ${error.message}`, { cause: error })
}

/** What a value is. A string is never shown, as it may be a secret. */
export function describe(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (typeof value === 'string') return 'a string'
  return Array.isArray(value) ? 'a list' : `a value of type ${typeof value}`
}
