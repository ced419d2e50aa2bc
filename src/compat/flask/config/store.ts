/**
 * The store that a configuration of Flask-Session asks for: around a client that it holds, or opened from a URL.
 *
 * @module
 */

import type { Store } from '../../../core/store.ts'
import { ConfigError } from '../../../errors.ts'
import type { DynamodbClient } from '../../../stores/dynamodb/index.ts'
import type { MongodbCollection } from '../../../stores/mongodb/index.ts'
import type { LoadPackage } from '../../../stores/open/index.ts'
import type { RedisClient } from '../../../stores/redis/index.ts'
import type { SqlDatabase } from '../../../stores/sql/index.ts'
import {
  blaming,
  CLIENT_KEYS,
  type FlaskSessionType,
  flagOf,
  type Keyed,
  textOf,
  valueIn,
  wholeOf,
} from './keys.ts'
import { dynamodbUrl, mongodbUrl, sqlUrl, withParameter } from './urls.ts'

/** What opening is told. */
export interface StoreContext {
  readonly create: boolean
  readonly load: LoadPackage | undefined
  readonly onError: ((error: unknown) => void) | undefined
  readonly now: () => number
}

type Making = (config: Keyed, given: unknown, context: StoreContext) => Promise<Store>

const MAKERS: Readonly<Record<FlaskSessionType, Making>> = {
  async redis(_, given = 'redis://127.0.0.1:6379', context) {
    if (typeof given === 'string') {
      return opened(withParameter(given, 'prefix', ''), ['redis', 'rediss'], context)
    }
    const { redisStore } = await import('../../../stores/redis/index.ts')
    return redisStore(given as RedisClient, { prefix: '', now: context.now })
  },

  async memcached(_, given = '127.0.0.1:11211', context) {
    if (typeof given === 'string' && given.includes('://')) {
      return opened(withParameter(given, 'prefix', ''), ['memcached'], context)
    }
    const { memcachedStore } = await import('../../../stores/memcached/index.ts')
    const options = { prefix: '', now: context.now }
    if (typeof given === 'string' || isTexts(given)) {
      return memcachedStore({ servers: given, ...options })
    }
    if (typeof given === 'object' && given !== null && 'servers' in given) {
      return memcachedStore({ ...options, ...(given as { servers: string }) })
    }
    throw new ConfigError(
      `this is no list of servers. Give such as ['127.0.0.1:11211'], or the options of memcachedStore.`,
    )
  },

  filesystem: (config, given = 'flask_session', context) =>
    cachelibFiles(config, given as string, context),

  async cachelib(config, given = 'file:flask_session', context) {
    if (typeof given !== 'string') {
      throw new ConfigError('give a cachelibFileStore, or another store.')
    }
    const path = /^file:(?:\/\/(?=\/))?(.+)$/i.exec(given)?.[1]
    if (path !== undefined) return cachelibFiles(config, path, context)
    return opened(withParameter(given, 'prefix', ''), ['file', 'redis', 'rediss'], context)
  },

  async mongodb(config, given = 'mongodb://127.0.0.1:27017', context) {
    const database = textOf(config, 'SESSION_MONGODB_DB') ?? 'flask_session'
    const collection = textOf(config, 'SESSION_MONGODB_COLLECT') ?? 'sessions'
    if (typeof given === 'string') {
      const url = mongodbUrl(given, database, collection)
      return opened(url, ['mongodb', 'mongodb+srv'], context)
    }
    const { mongodbStore } = await import('../../../stores/mongodb/index.ts')
    const store = mongodbStore(collectionOf(config, given, database, collection), {
      now: context.now,
    })
    if (context.create) await store.createIndexes()
    return store
  },

  async sqlalchemy(config, given, context) {
    const table = textOf(config, 'SESSION_SQLALCHEMY_TABLE') ?? 'sessions'
    const schema = textOf(config, 'SESSION_SQLALCHEMY_SCHEMA')
    const target = given ?? sqlUrlOf(config)
    if (typeof target === 'string') {
      const named = withParameter(sqlUrl(target), 'table', table)
      const url = schema === undefined ? named : withParameter(named, 'schema', schema)
      const schemes = ['postgres', 'postgresql', 'mysql', 'mariadb', 'sqlite']
      return opened(url, schemes, context)
    }
    if (valueIn(config, 'SESSION_SQLALCHEMY_BIND_KEY') !== undefined) {
      throw new ConfigError(
        'SESSION_SQLALCHEMY_BIND_KEY chooses among databases, and this is one already. Leave one of the two out.',
      )
    }
    const { sqlStore } = await import('../../../stores/sql/index.ts')
    const { now, onError } = context
    const store = sqlStore(target as SqlDatabase, {
      table,
      now,
      ...(schema !== undefined && { schema }),
      ...(onError !== undefined && { onError }),
    })
    if (context.create) await store.createTable()
    return store
  },

  async dynamodb(config, given, context) {
    const table = tableOf(config)
    const create = context.create && flagOf(config, 'SESSION_DYNAMODB_TABLE_EXISTS') !== true
    if (given === undefined || typeof given === 'string') {
      return opened(dynamodbUrl(given, table), ['dynamodb'], { ...context, create })
    }
    const { dynamodbStore } = await import('../../../stores/dynamodb/index.ts')
    const store = dynamodbStore(given as DynamodbClient, {
      now: context.now,
      ...(table !== undefined && { table }),
    })
    if (create) await store.createTable()
    return store
  },
}

/**
 * Makes the store. What Flask-Session connects to by default is so here.
 *
 * @throws {ConfigError} When the client is another one, or a URL cannot be.
 * @throws {StoreError} When the server of a URL does not answer, or refuses to make what the store needs.
 */
export async function storeOf(
  type: FlaskSessionType,
  config: Keyed,
  context: StoreContext,
): Promise<Store> {
  const key = CLIENT_KEYS[type]
  const given = type === 'filesystem' ? textOf(config, key) : valueIn(config, key)
  if (isStore(given)) return given
  try {
    return await MAKERS[type](config, given, context)
  } catch (error) {
    return blaming(`SESSION_TYPE '${type}' with ${key}`, () => {
      throw error
    })
  }
}

async function opened(
  url: string,
  schemes: readonly string[],
  { create, load, onError, now }: StoreContext,
): Promise<Store> {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase() ?? ''
  if (!schemes.includes(scheme)) {
    throw new ConfigError(`this is no URL that begins with ${schemes.join(':, ')}:.`)
  }
  const { openStore } = await import('../../../stores/open/index.ts')
  return openStore(url, {
    create,
    now,
    ...(load !== undefined && { load }),
    ...(onError !== undefined && { onError }),
  })
}

async function cachelibFiles(
  config: Keyed,
  directory: string,
  { now, onError }: StoreContext,
): Promise<Store> {
  const { cachelibFileStore } = await import('../../../stores/cachelib-file/index.ts')
  const threshold = wholeOf(config, 'SESSION_FILE_THRESHOLD', 0)
  const mode = wholeOf(config, 'SESSION_FILE_MODE', 0, 0o777)
  return cachelibFileStore(directory, {
    now,
    ...(threshold !== undefined && { threshold }),
    ...(mode !== undefined && { mode }),
    ...(onError !== undefined && { onError }),
  })
}

function collectionOf(
  config: Keyed,
  given: unknown,
  database: string,
  collection: string,
): MongodbCollection {
  const client = Object(given) as {
    db?: (name: string) => { collection(name: string): MongodbCollection }
    namespace?: unknown
  }
  if (typeof client.db === 'function') return client.db(database).collection(collection)
  const { namespace } = client
  const keys = ['SESSION_MONGODB_DB', 'SESSION_MONGODB_COLLECT'] as const
  const key = keys.find((one) => valueIn(config, one) !== undefined)
  const expected = `${database}.${collection}`
  if (typeof namespace === 'string' && key !== undefined && namespace !== expected) {
    throw new ConfigError(
      `SESSION_MONGODB is the collection ${namespace}, and ${key} asks for ${expected}. Leave ${key} out.`,
    )
  }
  return given as MongodbCollection
}

/** As Flask-Session does without SESSION_SQLALCHEMY, it takes the database of the application. */
function sqlUrlOf(config: Keyed): string {
  const bind = textOf(config, 'SESSION_SQLALCHEMY_BIND_KEY')
  if (bind === undefined) {
    const url = textOf(config, 'SQLALCHEMY_DATABASE_URI')
    if (url !== undefined) return url
    throw new ConfigError(
      'it is missing, and so is SQLALCHEMY_DATABASE_URI. Give a Kysely instance or a URL.',
    )
  }
  const url = valueIn(Object(valueIn(config, 'SQLALCHEMY_BINDS')) as Keyed, bind)
  if (typeof url === 'string') return url
  throw new ConfigError(
    `SESSION_SQLALCHEMY_BIND_KEY is ${JSON.stringify(bind)}, and SQLALCHEMY_BINDS has no URL under it.`,
  )
}

/** Flask-Session's code and its documentation call the key differently. */
function tableOf(config: Keyed): string | undefined {
  const read = textOf(config, 'SESSION_DYNAMODB_TABLE')
  const documented = textOf(config, 'SESSION_DYNAMODB_TABLE_NAME')
  if (read !== undefined && documented !== undefined && read !== documented) {
    throw new ConfigError(
      'SESSION_DYNAMODB_TABLE and SESSION_DYNAMODB_TABLE_NAME differ. Flask-Session reads the first; leave the other out.',
    )
  }
  return read ?? documented
}

function isStore(given: unknown): given is Store {
  const verbs = ['read', 'create', 'replace', 'touch', 'delete'] satisfies (keyof Store)[]
  const store = Object(given) as Partial<Record<string, unknown>>
  return 'atomic' in store && verbs.every((verb) => typeof store[verb] === 'function')
}

function isTexts(given: unknown): given is string[] {
  return Array.isArray(given) && given.every((one) => typeof one === 'string')
}
