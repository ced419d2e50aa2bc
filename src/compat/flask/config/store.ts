/**
 * The store of a Flask-Session configuration: around the client that it holds, or opened from a URL, which becomes one of
 * `vial/stores/open`. No message shows any part of a URL, as it may hold a password.
 */

import type { Store } from '../../../core/store.ts'
import { ConfigError } from '../../../errors.ts'
import type { DynamodbClient } from '../../../stores/dynamodb/index.ts'
import type { MongodbCollection } from '../../../stores/mongodb/index.ts'
import type { OpenStoreOptions } from '../../../stores/open/index.ts'
import type { RedisClient } from '../../../stores/redis/index.ts'
import type { SqlDatabase } from '../../../stores/sql/index.ts'
import {
  CLIENT_KEYS,
  type Config,
  FILE_KEYS,
  type FlaskSessionType,
  get,
  keyError,
  MONGODB_KEYS,
  read,
  readBoolean,
  readOptions,
  readString,
  SQL_KEYS,
} from './keys.ts'

/** The options that every store is made with. */
export type StoreContext = OpenStoreOptions & {
  readonly create: boolean
  readonly now: () => number
}

/** The record's key is Flask-Session's prefix and the id: the store adds nothing. */
const UNPREFIXED = { prefix: '' }

/** Makes the store from the value of the type's client key. Undefined: the key is not set. */
type MakeStore = (given: unknown, config: Config, context: StoreContext) => Promise<Store>

const MAKERS: Readonly<Record<FlaskSessionType, MakeStore>> = {
  async redis(given = 'redis://127.0.0.1:6379', _, context) {
    if (typeof given === 'string') return open(given, ['redis', 'rediss'], context, UNPREFIXED)
    const { redisStore } = await import('../../../stores/redis/index.ts')
    return redisStore(given as RedisClient, { prefix: '', now: context.now })
  },

  async memcached(given = '127.0.0.1:11211', _, context) {
    if (typeof given === 'string' && given.includes('://')) {
      return open(given, ['memcached'], context, UNPREFIXED)
    }
    const { memcachedStore } = await import('../../../stores/memcached/index.ts')
    const options = { prefix: '', now: context.now }
    if (typeof given === 'string' || isStrings(given)) {
      return memcachedStore({ servers: given, ...options })
    }
    if ('servers' in Object(given)) {
      return memcachedStore({ ...options, ...(given as { servers: string }) })
    }
    throw new ConfigError(
      `the value is not a list of servers. Give one such as ['127.0.0.1:11211'], or the options of memcachedStore.`,
    )
  },

  async filesystem(given = 'flask_session', config, context) {
    if (typeof given === 'string' && given !== '') return cachelibFiles(given, config, context)
    throw new ConfigError('the value is neither a directory nor a store. Give one of them.')
  },

  async cachelib(given = 'file:flask_session', config, context) {
    if (typeof given !== 'string') {
      throw new ConfigError('the value is not a store. Give a cachelibFileStore, or another store.')
    }
    const path = /^file:(?:\/\/(?=\/))?(.+)$/i.exec(given)?.[1]
    if (path !== undefined) return cachelibFiles(path, config, context)
    return open(given, ['file', 'redis', 'rediss'], context, UNPREFIXED)
  },

  async mongodb(given = 'mongodb://127.0.0.1:27017', config, context) {
    const { database = 'flask_session', collection = 'sessions' } = readOptions(
      config,
      MONGODB_KEYS,
    )
    if (typeof given === 'string') {
      return open(mongodbUrl(given, database, collection), ['mongodb', 'mongodb+srv'], context)
    }
    const { mongodbStore } = await import('../../../stores/mongodb/index.ts')
    const store = mongodbStore(collectionOf(given, config, database, collection), {
      now: context.now,
    })
    if (context.create) await store.createIndexes()
    return store
  },

  async sqlalchemy(given, config, context) {
    const { table = 'sessions', ...schema } = readOptions(config, SQL_KEYS)
    const target = given ?? sqlUrlOf(config)
    if (typeof target === 'string') {
      const schemes = ['postgres', 'postgresql', 'mysql', 'mariadb', 'sqlite']
      return open(sqlUrl(target), schemes, context, { table, ...schema })
    }
    if (get(config, 'SESSION_SQLALCHEMY_BIND_KEY') !== undefined) {
      throw new ConfigError(
        'SESSION_SQLALCHEMY_BIND_KEY chooses among databases, and the value is already one. Leave one of the two out.',
      )
    }
    const { sqlStore } = await import('../../../stores/sql/index.ts')
    const store = sqlStore(target as SqlDatabase, { table, ...schema, ...background(context) })
    if (context.create) await store.createTable()
    return store
  },

  async dynamodb(given, config, context) {
    const table = dynamodbTableOf(config)
    const create =
      context.create && read(config, 'SESSION_DYNAMODB_TABLE_EXISTS', readBoolean) !== true
    if (given === undefined || typeof given === 'string') {
      return open(dynamodbUrl(given, table), ['dynamodb'], { ...context, create })
    }
    const { dynamodbStore } = await import('../../../stores/dynamodb/index.ts')
    const options = { now: context.now, ...(table !== undefined && { table }) }
    const store = dynamodbStore(given as DynamodbClient, options)
    if (create) await store.createTable()
    return store
  },
}

/**
 * Makes the store. Without a client it connects where Flask-Session does.
 *
 * @throws {ConfigError} When the client is of another kind, or a URL is not valid.
 * @throws {StoreError} When the server does not answer, or refuses to make what the store needs.
 */
export async function storeOf(
  type: FlaskSessionType,
  config: Config,
  context: StoreContext,
): Promise<Store> {
  const key = CLIENT_KEYS[type]
  const given = get(config, key)
  if (isStore(given)) return given
  try {
    return await MAKERS[type](given, config, context)
  } catch (error) {
    throw keyError(`SESSION_TYPE '${type}' with ${key}`, error)
  }
}

/** Opens a URL of one of these schemes, with parameters that it does not have itself. */
async function open(
  url: string,
  schemes: readonly string[],
  context: StoreContext,
  parameters: Readonly<Record<string, string>> = {},
): Promise<Store> {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase() ?? ''
  if (!schemes.includes(scheme)) {
    throw new ConfigError(`the value is not a URL. Begin it with ${schemes.join(':, ')}:.`)
  }
  const { openStore } = await import('../../../stores/open/index.ts')
  let full = url
  for (const [name, value] of Object.entries(parameters)) full = withParameter(full, name, value)
  return openStore(full, context)
}

async function cachelibFiles(directory: string, config: Config, context: StoreContext) {
  const { cachelibFileStore } = await import('../../../stores/cachelib-file/index.ts')
  return cachelibFileStore(directory, { ...readOptions(config, FILE_KEYS), ...background(context) })
}

/** The clock and the error handler, for stores that work in the background. */
function background({ now, onError }: StoreContext) {
  return { now, ...(onError !== undefined && { onError }) }
}

function collectionOf(
  given: unknown,
  config: Config,
  database: string,
  collection: string,
): MongodbCollection {
  const client = Object(given) as {
    db?: (name: string) => { collection(name: string): MongodbCollection }
    namespace?: unknown
  }
  if (typeof client.db === 'function') return client.db(database).collection(collection)
  const key = Object.values(MONGODB_KEYS).find(([one]) => get(config, one) !== undefined)?.[0]
  const expected = `${database}.${collection}`
  const { namespace } = client
  if (typeof namespace === 'string' && key !== undefined && namespace !== expected) {
    throw new ConfigError(
      `SESSION_MONGODB is the collection ${namespace}, and ${key} asks for ${expected}. Leave ${key} out.`,
    )
  }
  return given as MongodbCollection
}

/** Without SESSION_SQLALCHEMY, the application's database, as in Flask-Session. */
function sqlUrlOf(config: Config): string {
  const bind = read(config, 'SESSION_SQLALCHEMY_BIND_KEY', readString)
  if (bind === undefined) {
    const url = read(config, 'SQLALCHEMY_DATABASE_URI', readString)
    if (url !== undefined) return url
    throw new ConfigError(
      'the key is missing, and so is SQLALCHEMY_DATABASE_URI. Give a Kysely instance or a URL.',
    )
  }
  const url = get(Object(get(config, 'SQLALCHEMY_BINDS')) as Config, bind)
  if (typeof url === 'string') return url
  throw new ConfigError(
    `SESSION_SQLALCHEMY_BIND_KEY is ${JSON.stringify(bind)}, and SQLALCHEMY_BINDS has no URL under it.`,
  )
}

/** Flask-Session reads one key and documents the other. */
function dynamodbTableOf(config: Config): string | undefined {
  const table = read(config, 'SESSION_DYNAMODB_TABLE', readString)
  const documented = read(config, 'SESSION_DYNAMODB_TABLE_NAME', readString)
  if (table !== undefined && documented !== undefined && table !== documented) {
    throw new ConfigError(
      'SESSION_DYNAMODB_TABLE and SESSION_DYNAMODB_TABLE_NAME differ. Flask-Session reads the first; leave the other out.',
    )
  }
  return table ?? documented
}

function isStore(given: unknown): given is Store {
  const operations = ['read', 'create', 'replace', 'touch', 'delete'] satisfies (keyof Store)[]
  const store = Object(given) as Partial<Record<string, unknown>>
  return 'atomic' in store && operations.every((name) => typeof store[name] === 'function')
}

function isStrings(given: unknown): given is string[] {
  return Array.isArray(given) && given.every((one) => typeof one === 'string')
}

/** Adds a parameter that the URL does not have. */
export function withParameter(url: string, name: string, value: string): string {
  if (hasParameter(url, name)) return url
  return `${url}${url.includes('?') ? '&' : '?'}${name}=${encodeURIComponent(value)}`
}

/**
 * Converts SQLAlchemy's URL: removes the driver, and reads the path of an SQLite file.
 *
 * @throws {ConfigError} When the path is relative: Flask resolves it against the instance folder.
 */
export function sqlUrl(url: string): string {
  const [, scheme = '', rest = ''] = /^([a-z0-9]+)(?:\+\w+)?:(.*)$/is.exec(url) ?? []
  if (/^(?:mysql|mariadb)$/i.test(scheme)) {
    // The driver here uses utf8mb4 without being asked, and has no such parameter.
    return `${scheme}:${rest.replace(/([?&])charset=[^&]*(&|$)/i, (_, start, end) => end && start)}`
  }
  if (!/^sqlite$/i.test(scheme)) return scheme === '' ? url : `${scheme}:${rest}`
  if (!rest.startsWith('//')) return `sqlite:${rest}`
  const path = /^\/\/\/((?:\/|[a-z]:[\\/]).+)$/i.exec(rest)?.[1]
  if (path !== undefined) return `sqlite:${path}`
  throw new ConfigError(
    'Flask resolves this SQLite path against its instance folder, which is not known here. Give an absolute path: sqlite:////path/to/file.db.',
  )
}

/** MongoDB's URL with the database of the sessions, which may differ from the one of the login. */
export function mongodbUrl(url: string, database: string, collection: string): string {
  const parts = /^(mongodb(?:\+srv)?:\/\/)([^/?]*)(?:\/([^?]*))?(\?.*)?$/is.exec(url)
  if (parts === null) return url
  const [, scheme = '', authority = '', login = '', query = ''] = parts
  let made = `${scheme}${authority}/${encodeURIComponent(database)}${query}`
  const hasOtherMechanism = /[?&]authMechanism=(?!SCRAM-|DEFAULT)/i.test(query)
  if (authority.includes('@') && !hasOtherMechanism && !hasParameter(url, 'authSource')) {
    made += `${query === '' ? '?' : '&'}authSource=${login || 'admin'}`
  }
  return withParameter(made, 'collection', collection)
}

/**
 * DynamoDB's URL with the table. Without a URL, the one where Flask-Session connects, with the same credentials.
 *
 * @throws {ConfigError} When the URL names another table.
 */
export function dynamodbUrl(url: string | undefined, table: string | undefined): string {
  const name = encodeURIComponent(table ?? 'Sessions')
  if (url === undefined) {
    return `dynamodb://dummy:dummy@us-west-2/${name}?endpoint=http://localhost:8000`
  }
  const parts = /^(dynamodb:\/\/[^/?]*)(?:\/([^?]*))?(\?.*)?$/is.exec(url)
  if (parts === null || table === undefined) return url
  const [, start = '', named = '', query = ''] = parts
  if (named === '' || named === name) return `${start}/${name}${query}`
  throw new ConfigError(
    'SESSION_DYNAMODB names one table and SESSION_DYNAMODB_TABLE another. Leave one of them out.',
  )
}

function hasParameter(url: string, name: string): boolean {
  return new RegExp(`[?&]${name}=`).test(url)
}
