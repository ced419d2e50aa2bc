/**
 * A Flask configuration as it stands: the keys of Flask and of Flask-Session in an `app.config`, and the sessions that
 * they ask for.
 *
 * @module
 */

import type { Duration } from '../core/duration.ts'
import type { Fields, Session, StoredSession } from '../core/session.ts'
import type { Eager, Sessions, StoredSessions } from '../core/sessions.ts'
import type { Store } from '../core/store.ts'
import { ConfigError } from '../errors.ts'
import type { DynamodbClient } from '../stores/dynamodb/index.ts'
import type { MemcachedStoreOptions } from '../stores/memcached/index.ts'
import type { MongodbCollection } from '../stores/mongodb/index.ts'
import type { LoadPackage } from '../stores/open/index.ts'
import type { RedisClient } from '../stores/redis/index.ts'
import type { SqlDatabase } from '../stores/sql/index.ts'
import { cookieOf, lifetimeOf, secretsOf } from './flask/config/cookie.ts'
import {
  CLIENT_KEYS,
  checkKeys,
  type FlaskSessionType,
  flagOf,
  textOf,
  typeOf,
  valueIn,
  wholeOf,
} from './flask/config/keys.ts'
import { storeOf } from './flask/config/store.ts'
import type { FlaskOptions } from './flask/options.ts'
import { type FlaskCookieOptions, flaskCookie } from './flask-cookie.ts'
import { type FlaskFormat, type FlaskSessionOptions, flaskSession } from './flask-session.ts'

export { flaskConfigFromEnv } from './flask/config/env.ts'

/** A client of MongoDB's driver, of which the database and the collection are taken. */
export interface FlaskMongodbClient {
  db(name: string): { collection(name: string): MongodbCollection }
}

/**
 * The keys of an `app.config`. Null is Python's `None`, which is as if the key were not there. Where a client is asked
 * for, a `Store` of one's own will do as well. Keys that have nothing to do with sessions pass.
 */
export interface FlaskConfig {
  /** Signs the cookie, or the ids with SESSION_USE_SIGNER. */
  readonly SECRET_KEY?: string | Uint8Array | null
  /** Older keys, which open and do not sign. With SESSION_USE_SIGNER as well, where Flask-Session ignores them. */
  readonly SECRET_KEY_FALLBACKS?: readonly (string | Uint8Array)[] | null
  /** Seconds, or a text such as `'31d'`. @default 31 days */
  readonly PERMANENT_SESSION_LIFETIME?: number | Duration | null
  /** @default 'session' */
  readonly SESSION_COOKIE_NAME?: string | null
  /** Never told from SERVER_NAME, as Flask did before 2.3. @default only the host that set it */
  readonly SESSION_COOKIE_DOMAIN?: string | false | null
  /** @default APPLICATION_ROOT, or '/' */
  readonly SESSION_COOKIE_PATH?: string | null
  /** @default true */
  readonly SESSION_COOKIE_HTTPONLY?: boolean | null
  /** @default false */
  readonly SESSION_COOKIE_SECURE?: boolean | null
  /** `Lax`, `Strict` or `None`, in any letter case. @default no such attribute */
  readonly SESSION_COOKIE_SAMESITE?: string | null
  /** Makes the cookie Secure. It counts with a SESSION_TYPE as well, where Flask-Session ignores it. @default false */
  readonly SESSION_COOKIE_PARTITIONED?: boolean | null
  /** @default true */
  readonly SESSION_REFRESH_EACH_REQUEST?: boolean | null
  readonly APPLICATION_ROOT?: string | null
  /** Without effect: a cookie that browsers would drop is a `TooLargeError`, where Flask warns and sends it. */
  readonly MAX_COOKIE_SIZE?: number | null

  /** `redis`, `memcached`, `filesystem`, `cachelib`, `mongodb`, `sqlalchemy` or `dynamodb`. Absent: Flask's own cookie. */
  readonly SESSION_TYPE?: string | null
  /** Whether a new session outlives the browser. @default true */
  readonly SESSION_PERMANENT?: boolean | null
  /** Signs ids with SECRET_KEY. @default false */
  readonly SESSION_USE_SIGNER?: boolean | null
  /** @default 'session:' */
  readonly SESSION_KEY_PREFIX?: string | null
  /** Of new ids, in bytes; from 16 to 128. @default 32 */
  readonly SESSION_ID_LENGTH?: number | null
  /** `msgpack` or `json`; both are read. Without effect for `filesystem` and `cachelib`. @default 'msgpack' */
  readonly SESSION_SERIALIZATION_FORMAT?: string | null
  /** Without effect: expired rows of SQL are removed every ten minutes, and not by requests. */
  readonly SESSION_CLEANUP_N_REQUESTS?: number | null

  /** A client of node-redis, ioredis or iovalkey, also of a Cluster; or a URL. @default 'redis://127.0.0.1:6379' */
  readonly SESSION_REDIS?: RedisClient | Store | string | null
  /** A server or several, or options of `memcachedStore`. @default '127.0.0.1:11211' */
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
  /** Without effect on a table that is there. */
  readonly SESSION_SQLALCHEMY_SEQUENCE?: string | null
  readonly SQLALCHEMY_DATABASE_URI?: unknown
  readonly SQLALCHEMY_BINDS?: unknown
  /** `new DynamoDB()` of the AWS SDK; or a URL. @default a local one at http://localhost:8000 */
  readonly SESSION_DYNAMODB?: DynamodbClient | Store | string | null
  /** What Flask-Session reads. @default 'Sessions' */
  readonly SESSION_DYNAMODB_TABLE?: string | null
  /** What its documentation calls it. */
  readonly SESSION_DYNAMODB_TABLE_NAME?: string | null
  /** True: the table is not made. */
  readonly SESSION_DYNAMODB_TABLE_EXISTS?: boolean | null

  readonly [key: string]: unknown
}

/** A configuration of Flask-Session. */
export type FlaskSessionConfig = FlaskConfig & { readonly SESSION_TYPE: string }

type Shared = 'ambient' | 'data' | 'eager' | 'exactFloats' | 'now' | 'onEvent' | 'onInvalid'
type Stored = 'format' | 'onStoreFailure' | 'timeout' | 'randomBytes'

/** What a Flask configuration has no keys for. */
export interface FlaskConfigOptions<Data extends object = Fields>
  extends Pick<FlaskOptions<Data>, Shared>,
    Pick<FlaskCookieOptions, 'clockSkew'>,
    Pick<FlaskSessionOptions, Stored> {
  /** Makes the table or the indexes when they are missing, as Flask-Session does. @default true */
  readonly create?: boolean
  /** Hears what fails in the background, such as a connection of a client that was opened here. Absent: ignored. */
  readonly onError?: (error: unknown) => void
  /** Loads the package of a client that is opened here. @default (name) => import(name) */
  readonly load?: LoadPackage
}

const SHARED = ['ambient', 'data', 'eager', 'exactFloats', 'now', 'onEvent', 'onInvalid'] as const
const STORED = ['format', 'onStoreFailure', 'timeout', 'randomBytes'] as const
const OPENING = ['create', 'load', 'onError'] as const

/**
 * Makes the sessions that a Flask application with this configuration has: in Flask's own cookie without SESSION_TYPE,
 * in a store with it. A client is used as it is; a URL is opened, and `close` of the sessions closes it.
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
 * Done right where Flask-Session is wrong: SESSION_COOKIE_PARTITIONED counts; SECRET_KEY_FALLBACKS open signed ids; the
 * cookie is removed with all its attributes, without which browsers keep a `__Host-` one; a Redis Cluster is used and
 * not replaced by localhost; a key or value that is wrong is an error here and not at the first request.
 *
 * For Flask-Session before 0.7 give `format: 'pickle'`.
 *
 * @throws {ConfigError} When a key of sessions is not known, naming the nearest one, or keys contradict each other, or a
 * client is of another kind. SECRET_KEY is required where something is to be signed.
 * @throws {StoreError} When a server that is to be opened does not answer.
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
): Promise<unknown> {
  checkKeys(config)
  checkOptions(options)
  const type = typeOf(config)
  const secret = secretsOf(config)
  const lifetime = lifetimeOf(config)
  const refreshEachRequest = flagOf(config, 'SESSION_REFRESH_EACH_REQUEST')
  const both = {
    ...picked(options, SHARED),
    cookie: cookieOf(config),
    ...(lifetime !== undefined && { lifetime }),
    ...(refreshEachRequest !== undefined && { refreshEachRequest }),
  }
  if (type === undefined) {
    refuse(options, [...STORED, ...OPENING], 'for sessions in a store, and SESSION_TYPE is missing')
    if (secret === undefined) {
      throw new ConfigError(
        'SECRET_KEY is missing, and without a SESSION_TYPE the session is in a cookie, which it signs.',
      )
    }
    return flaskCookie({ ...both, ...picked(options, ['clockSkew']), secret })
  }
  refuse(options, ['clockSkew'], `for Flask's own cookie, and there is a SESSION_TYPE`)
  const own = sessionOf(config, secret)
  const { create = true, load, onError, now = Date.now } = options
  const store = await storeOf(type, config, { create, load, onError, now })
  try {
    const format = options.format ?? cachelibFormat(type, store) ?? own.format
    return flaskSession({ ...both, ...own, ...picked(options, STORED), format, store })
  } catch (error) {
    if (store !== valueIn(config, CLIENT_KEYS[type])) await store.close?.()
    throw error
  }
}

/** The options of the profile that have keys of Flask-Session. */
function sessionOf(config: FlaskConfig, secret: ReturnType<typeof secretsOf>) {
  const keyPrefix = valueIn(config, 'SESSION_KEY_PREFIX')
  if (keyPrefix !== undefined && typeof keyPrefix !== 'string') {
    throw new ConfigError('SESSION_KEY_PREFIX is no text.')
  }
  const permanent = flagOf(config, 'SESSION_PERMANENT')
  const idLength = wholeOf(config, 'SESSION_ID_LENGTH', 16, 128)
  const isSigned = flagOf(config, 'SESSION_USE_SIGNER') === true
  if (isSigned && secret === undefined) {
    throw new ConfigError('SESSION_USE_SIGNER is true and SECRET_KEY is missing.')
  }
  const format = textOf(config, 'SESSION_SERIALIZATION_FORMAT') ?? 'msgpack'
  if (format !== 'msgpack' && format !== 'json') {
    throw new ConfigError(
      `SESSION_SERIALIZATION_FORMAT ${JSON.stringify(format)} is not known. Give 'msgpack' or 'json'.`,
    )
  }
  return {
    format: format as FlaskFormat,
    ...(keyPrefix !== undefined && { keyPrefix }),
    ...(permanent !== undefined && { permanent }),
    ...(idLength !== undefined && { idLength }),
    ...(isSigned && { secret }),
  }
}

/** What cachelib writes, whatever SESSION_SERIALIZATION_FORMAT says; undefined: it is not cachelib. */
function cachelibFormat(type: FlaskSessionType, { name }: Store): FlaskFormat | undefined {
  if (type === 'filesystem') return 'pickle'
  if (type !== 'cachelib') return undefined
  if (name === 'redis') return 'cachelib-redis'
  if (!['memcached', 'mongodb', 'dynamodb'].includes(name)) return 'pickle'
  throw new ConfigError(
    `SESSION_TYPE is 'cachelib' and SESSION_CACHELIB a store on ${name}, where cachelib keeps records in a way that is not known here. Take SESSION_TYPE '${name}' on both sides.`,
  )
}

function checkOptions(options: FlaskConfigOptions): void {
  const names: readonly string[] = [...SHARED, ...STORED, ...OPENING, 'clockSkew']
  const unknown = Object.keys(options).find((name) => !names.includes(name))
  if (unknown === undefined) return
  const known = [...names].sort().join(', ')
  throw new ConfigError(`fromFlaskConfig has no option '${unknown}'. It has ${known}.`)
}

function refuse(
  options: FlaskConfigOptions,
  names: readonly (keyof FlaskConfigOptions)[],
  why: string,
): void {
  const name = names.find((one) => options[one] !== undefined)
  if (name !== undefined) throw new ConfigError(`fromFlaskConfig: the option ${name} is ${why}.`)
}

function picked<Name extends keyof FlaskConfigOptions>(
  options: FlaskConfigOptions,
  names: readonly Name[],
): Pick<FlaskConfigOptions, Name> {
  const entries = names.flatMap((name) =>
    options[name] === undefined ? [] : [[name, options[name]] as const],
  )
  return Object.fromEntries(entries) as Pick<FlaskConfigOptions, Name>
}
