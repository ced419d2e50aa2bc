/**
 * Sessions from an `app.config`: the keys of Flask and of Flask-Session.
 *
 * @module
 */

import { checkOptions } from '../core/assemble.ts'
import type { Duration } from '../core/duration.ts'
import type { LifeCycle } from '../core/scope.ts'
import type { Fields, Session, StoredSession } from '../core/session.ts'
import type { Eager, Sessions, StoredSessions } from '../core/sessions.ts'
import type { Store } from '../core/store.ts'
import { setOwn } from '../core/values.ts'
import { ConfigError } from '../errors.ts'
import type { DynamodbClient } from '../stores/dynamodb/index.ts'
import type { MemcachedStoreOptions } from '../stores/memcached/index.ts'
import type { MongodbCollection } from '../stores/mongodb/index.ts'
import type { LoadPackage } from '../stores/open/index.ts'
import type { RedisClient } from '../stores/redis/index.ts'
import type { SqlDatabase } from '../stores/sql/index.ts'
import {
  CLIENT_KEYS,
  COOKIE_KEYS,
  type Config,
  checkKeys,
  describe,
  type FlaskSessionType,
  get,
  LIFE_KEYS,
  read,
  readOptions,
  readString,
  SESSION_KEYS,
  typeOf,
  withKey,
} from './flask/config/keys.ts'
import { storeOf } from './flask/config/store.ts'
import {
  type FlaskCookieAttributes,
  type FlaskOptions,
  flaskCookieWriter,
  KEYLESS,
} from './flask/options.ts'
import { type FlaskCookieOptions, flaskCookie } from './flask-cookie.ts'
import { type FlaskFormat, type FlaskSessionOptions, flaskSession } from './flask-session.ts'

/** A client of MongoDB's driver. */
export interface FlaskMongodbClient {
  db(name: string): { collection(name: string): MongodbCollection }
}

/**
 * The keys of an `app.config`. Null is Python's `None`, the same as an absent key. Each key that takes a client also takes
 * a `Store`. Keys of other libraries are ignored.
 */
export interface FlaskConfig {
  /** Signs the cookie, or the ids with SESSION_USE_SIGNER. */
  readonly SECRET_KEY?: string | Uint8Array | null
  /** Older keys, which open and do not sign. They open signed ids as well, where Flask-Session ignores them. */
  readonly SECRET_KEY_FALLBACKS?: readonly (string | Uint8Array)[] | null
  /** Seconds, or a string such as `'31d'`. @default 31 days */
  readonly PERMANENT_SESSION_LIFETIME?: number | Duration | null
  /** @default 'session' */
  readonly SESSION_COOKIE_NAME?: string | null
  /** Never derived from SERVER_NAME, as Flask did before 2.3. @default only the host that set it */
  readonly SESSION_COOKIE_DOMAIN?: string | false | null
  /** @default APPLICATION_ROOT, or '/' */
  readonly SESSION_COOKIE_PATH?: string | null
  /** @default true */
  readonly SESSION_COOKIE_HTTPONLY?: boolean | null
  /** @default false */
  readonly SESSION_COOKIE_SECURE?: boolean | null
  /** `Lax`, `Strict` or `None`, in any letter case. @default no such attribute */
  readonly SESSION_COOKIE_SAMESITE?: string | null
  /** Makes the cookie Secure. Applies with a SESSION_TYPE as well, where Flask-Session ignores it. @default false */
  readonly SESSION_COOKIE_PARTITIONED?: boolean | null
  /** @default true */
  readonly SESSION_REFRESH_EACH_REQUEST?: boolean | null
  readonly APPLICATION_ROOT?: string | null
  /** Ignored: a cookie that browsers would drop is a `TooLargeError`, where Flask warns and sends it. */
  readonly MAX_COOKIE_SIZE?: number | null

  /** `redis`, `memcached`, `filesystem`, `cachelib`, `mongodb`, `sqlalchemy` or `dynamodb`. Absent: Flask's own cookie. */
  readonly SESSION_TYPE?: string | null
  /** Whether a new session outlives the browser. @default true */
  readonly SESSION_PERMANENT?: boolean | null
  /** Signs ids with SECRET_KEY. @default false */
  readonly SESSION_USE_SIGNER?: boolean | null
  /** @default 'session:' */
  readonly SESSION_KEY_PREFIX?: string | null
  /** Length of new ids in bytes, 16 to 144 with the usual prefix. @default 32 */
  readonly SESSION_ID_LENGTH?: number | null
  /** `msgpack` or `json`; both are read. Ignored for `filesystem` and `cachelib`. @default 'msgpack' */
  readonly SESSION_SERIALIZATION_FORMAT?: string | null
  /** Ignored: expired rows of SQL are removed every ten minutes, and not by requests. */
  readonly SESSION_CLEANUP_N_REQUESTS?: number | null

  /** A client of node-redis, ioredis or iovalkey, also of a Cluster; or a URL. @default 'redis://127.0.0.1:6379' */
  readonly SESSION_REDIS?: RedisClient | Store | string | null
  /** One server or a list, or the options of `memcachedStore`. @default '127.0.0.1:11211' */
  readonly SESSION_MEMCACHED?: string | readonly string[] | MemcachedStoreOptions | Store | null
  /** A `cachelibFileStore`, or `redisStore` for cachelib's RedisCache; or a URL of either. @default 'file:flask_session' */
  readonly SESSION_CACHELIB?: Store | string | null
  /** @default 'flask_session' */
  readonly SESSION_FILE_DIR?: string | Store | null
  /** @default 500 */
  readonly SESSION_FILE_THRESHOLD?: number | null
  /** @default 0o600 */
  readonly SESSION_FILE_MODE?: number | null
  /** A `MongoClient`, or a collection; or a URL. @default 'mongodb://127.0.0.1:27017' */
  readonly SESSION_MONGODB?: FlaskMongodbClient | MongodbCollection | Store | string | null
  /** @default 'flask_session' */
  readonly SESSION_MONGODB_DB?: string | null
  /** @default 'sessions' */
  readonly SESSION_MONGODB_COLLECT?: string | null
  /** A Kysely instance; or a URL, also in SQLAlchemy's spelling. @default SQLALCHEMY_DATABASE_URI */
  readonly SESSION_SQLALCHEMY?: SqlDatabase | Store | string | null
  /** @default 'sessions' */
  readonly SESSION_SQLALCHEMY_TABLE?: string | null
  readonly SESSION_SQLALCHEMY_SCHEMA?: string | null
  /** Chooses a URL of SQLALCHEMY_BINDS. */
  readonly SESSION_SQLALCHEMY_BIND_KEY?: string | null
  /** Ignored. */
  readonly SESSION_SQLALCHEMY_SEQUENCE?: string | null
  readonly SQLALCHEMY_DATABASE_URI?: unknown
  readonly SQLALCHEMY_BINDS?: unknown
  /** `new DynamoDB()` of the AWS SDK; or a URL. @default http://localhost:8000 */
  readonly SESSION_DYNAMODB?: DynamodbClient | Store | string | null
  /** The key that Flask-Session reads. @default 'Sessions' */
  readonly SESSION_DYNAMODB_TABLE?: string | null
  /** The key in Flask-Session's documentation. */
  readonly SESSION_DYNAMODB_TABLE_NAME?: string | null
  /** True: the table is not created. */
  readonly SESSION_DYNAMODB_TABLE_EXISTS?: boolean | null

  readonly [key: string]: unknown
}

/** A configuration of Flask-Session. */
export type FlaskSessionConfig = FlaskConfig & { readonly SESSION_TYPE: string }

const FOR_COOKIE = ['clockSkew'] as const
const FOR_SESSION = ['format', 'onStoreFailure', 'timeout', 'randomBytes'] as const
const FOR_STORE = ['create', 'load', 'onError'] as const
const OPTIONS = [...KEYLESS, ...FOR_COOKIE, ...FOR_SESSION, ...FOR_STORE] as const

/** Options that a Flask configuration has no keys for. */
export interface FlaskConfigOptions<Data extends object = Fields>
  extends Pick<FlaskOptions<Data>, (typeof KEYLESS)[number]>,
    Pick<FlaskCookieOptions, (typeof FOR_COOKIE)[number]>,
    Pick<FlaskSessionOptions, (typeof FOR_SESSION)[number]> {
  /** Creates the table or the indexes when they are missing, as Flask-Session does. @default true */
  readonly create?: boolean
  /** Called with background failures, such as of a connection that was opened here. Absent: they are ignored. */
  readonly onError?: (error: unknown) => void
  /** Loads the package of a client that is opened here. @default (name) => import(name) */
  readonly load?: LoadPackage
}

/**
 * Makes the sessions of a Flask application with this configuration: in Flask's own cookie without SESSION_TYPE, in a
 * store with it. A client is used as it is; a URL is opened, and `close` of the sessions closes the connection.
 *
 * ```ts
 * import { flaskConfigFromEnv, fromFlaskConfig } from 'vial/compat/flask-config'
 *
 * export const sessions = await fromFlaskConfig({
 *   ...flaskConfigFromEnv(),
 *   SESSION_TYPE: 'redis',
 *   PERMANENT_SESSION_LIFETIME: 1800,
 * })
 * ```
 *
 * Differences from Flask-Session, on purpose: SESSION_COOKIE_PARTITIONED applies; SECRET_KEY_FALLBACKS open signed ids; the
 * cookie is removed with all its attributes, without which browsers keep a `__Host-` cookie; a Redis Cluster is used and
 * not replaced by localhost; a wrong key or value is an error here and not at the first request.
 *
 * For Flask-Session before 0.7 give `format: 'pickle'`.
 *
 * @throws {ConfigError} When a key is misspelt by one character, keys contradict each other, a client is of another kind, or
 * SECRET_KEY is missing where something is to be signed.
 * @throws {StoreError} When the server of a URL does not answer.
 */
export function fromFlaskConfig<Data extends object = Fields>(
  config: FlaskSessionConfig,
  options: FlaskConfigOptions<Data> & { readonly eager: true },
): Promise<StoredSessions<Data> & Eager<StoredSession<Data>>>
export function fromFlaskConfig<Data extends object = Fields>(
  config: FlaskSessionConfig,
  options?: FlaskConfigOptions<Data>,
): Promise<StoredSessions<Data>>
export function fromFlaskConfig<Data extends object = Fields>(
  config: FlaskConfig,
  options: FlaskConfigOptions<Data> & { readonly eager: true },
): Promise<Sessions<Data> & Eager<Session<Data>>>
export function fromFlaskConfig<Data extends object = Fields>(
  config: FlaskConfig,
  options?: FlaskConfigOptions<Data>,
): Promise<Sessions<Data>>
export async function fromFlaskConfig(
  config: FlaskConfig,
  options: FlaskConfigOptions = {},
): Promise<LifeCycle> {
  checkKeys(config)
  checkOptions('fromFlaskConfig', options, OPTIONS)
  const type = typeOf(config)
  const secret = secretsOf(config)
  const both = {
    ...pick(options, KEYLESS),
    ...readOptions(config, LIFE_KEYS),
    cookie: cookieOf(config),
  }
  if (type === undefined) {
    refuse(options, [...FOR_SESSION, ...FOR_STORE], 'a store, and SESSION_TYPE is missing')
    if (secret === undefined) {
      throw new ConfigError(
        "SECRET_KEY is missing. Without a SESSION_TYPE it signs the session's cookie.",
      )
    }
    return flaskCookie({ ...both, ...pick(options, FOR_COOKIE), secret })
  }
  refuse(options, FOR_COOKIE, "Flask's own cookie, and SESSION_TYPE is set")
  const { signed, ...own } = readOptions(config, SESSION_KEYS)
  if (signed && secret === undefined) {
    throw new ConfigError('SESSION_USE_SIGNER is true and SECRET_KEY is missing.')
  }
  const context = { create: true, now: Date.now, ...pick(options, [...FOR_STORE, 'now']) }
  const store = await storeOf(type, config, context)
  try {
    const format = cachelibFormat(type, store)
    return flaskSession({
      ...both,
      ...own,
      ...(format !== undefined && { format }),
      ...(signed && { secret }),
      ...pick(options, FOR_SESSION),
      store,
    })
  } catch (error) {
    if (store !== get(config, CLIENT_KEYS[type])) await store.close?.()
    throw error
  }
}

/** @throws {ConfigError} Naming the key whose value makes no cookie. */
function cookieOf(config: Config): FlaskCookieAttributes {
  const attributes: FlaskCookieAttributes = readOptions(config, COOKIE_KEYS)
  const { domain } = attributes
  const ownPath = attributes.path !== undefined
  const path = attributes.path ?? read(config, 'APPLICATION_ROOT', readString)
  const cookie = { ...attributes, ...(path !== undefined && { path }) }
  // One attribute at a time, so that an error names its key.
  for (const [key, checked] of [
    ['SESSION_COOKIE_DOMAIN', domain === undefined ? {} : { domain }],
    [ownPath ? 'SESSION_COOKIE_PATH' : 'APPLICATION_ROOT', path === undefined ? {} : { path }],
    ['SESSION_COOKIE_NAME', cookie],
  ] as const) {
    withKey(key, () => flaskCookieWriter(checked))
  }
  return cookie
}

/** SECRET_KEY, then its fallbacks. Undefined: neither is set. @throws {ConfigError} When one is not a secret. */
function secretsOf(config: Config): readonly (string | Uint8Array)[] | undefined {
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

/** What cachelib writes, whatever SESSION_SERIALIZATION_FORMAT says. Undefined: the type is not cachelib's. */
function cachelibFormat(type: FlaskSessionType, { name }: Store): FlaskFormat | undefined {
  if (type === 'filesystem') return 'pickle'
  if (type !== 'cachelib') return undefined
  if (name === 'redis') return 'cachelib-redis'
  if (!['memcached', 'mongodb', 'dynamodb'].includes(name)) return 'pickle'
  throw new ConfigError(
    `SESSION_TYPE is 'cachelib' and SESSION_CACHELIB a store on ${name}, where cachelib's records cannot be read. Use SESSION_TYPE '${name}' on both sides.`,
  )
}

type OptionName = (typeof OPTIONS)[number]

function refuse(options: FlaskConfigOptions, names: readonly OptionName[], why: string): void {
  const name = names.find((one) => options[one] !== undefined)
  if (name !== undefined) throw new ConfigError(`fromFlaskConfig: ${name} is for ${why}.`)
}

/** The options of these names that are not undefined. */
function pick<Name extends OptionName>(
  options: FlaskConfigOptions,
  names: readonly Name[],
): Pick<FlaskConfigOptions, Name> {
  const given = names.filter((name) => options[name] !== undefined)
  return Object.fromEntries(given.map((name) => [name, options[name]])) as typeof options
}

/**
 * Reads a configuration from the environment, as `app.config.from_prefixed_env()` does: each variable that begins with the
 * prefix and `_`. A value is parsed as JSON, and is a string when it is not JSON; `__` in a name leads into an object. So
 * `FLASK_SESSION_COOKIE_SECURE=true` is a boolean, and `True` a string, as in Flask.
 *
 * @throws {ConfigError} When a name leads into a value that is not an object, naming the variable.
 */
export function flaskConfigFromEnv(
  env: Readonly<Record<string, string | undefined>> = process.env,
  prefix: string = 'FLASK',
): FlaskConfig {
  const config: Record<string, unknown> = {}
  const start = `${prefix}_`
  for (const name of Object.keys(env).sort()) {
    const text = env[name]
    if (!name.startsWith(start) || text === undefined) continue
    const path = name.slice(start.length).split('__')
    const last = path.pop() as string
    let object = config
    for (const part of path) {
      if (!Object.hasOwn(object, part)) setOwn(object, part, {})
      const next = object[part]
      if (typeof next !== 'object' || next === null || Array.isArray(next)) {
        throw new ConfigError(
          `Environment variable ${name} leads into ${part}, which another variable sets to a value that is not an object.`,
        )
      }
      object = next as Record<string, unknown>
    }
    setOwn(object, last, parseValue(text))
  }
  return config
}

function parseValue(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
