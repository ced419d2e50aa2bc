/**
 * Opens the stores of Redis, Memcached, MongoDB and DynamoDB, each with its client.
 *
 * @module
 */

import { ConfigError } from '../../errors.ts'
import type { DynamodbClient, DynamodbStoreOptions } from '../dynamodb/index.ts'
import type { MemcachedStoreOptions } from '../memcached/index.ts'
import type { MongodbCollection } from '../mongodb/index.ts'
import type { RedisClient, RedisStoreOptions } from '../redis/index.ts'
import { CONNECT_TIMEOUT, inTime, loadPackages, notReached, type Opener } from './client.ts'
import { checkHost, checkParameters, clientUrl, decoded } from './url.ts'

interface RedisPackage {
  createClient(options: object): RedisClient & {
    on(event: 'error', listener: (error: unknown) => void): unknown
    connect(): Promise<unknown>
    ping(): Promise<unknown>
    readonly isOpen: boolean
    destroy(): void
  }
}

/** `redis://user:password@host:port/database?prefix=session:` by node-redis. */
export const openRedis: Opener = async (url, { load, onError, now }) => {
  checkParameters(url, ['prefix'])
  checkHost(url)
  const [{ createClient }] = await loadPackages<[RedisPackage]>(load, url.scheme, 'redis')
  const { redisStore } = await import('../redis/index.ts')
  let ended = false
  const client = createClient({
    url: clientUrl(url, ['prefix']),
    // A command that waits for the connection would be done after its caller was told that it failed.
    disableOfflineQueue: true,
    // A connection that went silent is found out by its pings, and made anew.
    pingInterval: 10_000,
    socket: {
      connectTimeout: CONNECT_TIMEOUT,
      socketTimeout: 30_000,
      reconnectStrategy: (retries: number) =>
        ended ? false : Math.min(2_000, 2 ** retries * 20) + Math.random() * 100,
    },
  })
  const prefix = url.parameters.get('prefix')
  const options: Pick<RedisStoreOptions, 'prefix'> = prefix === undefined ? {} : { prefix }
  const store = redisStore(client, { now, ...options })
  function cut(): void {
    ended = true
    // Versions before 6 throw when it is closed already.
    if (client.isOpen) client.destroy()
  }
  client.on('error', (error) => {
    if (!ended) onError(error)
  })
  const connected = new Promise<unknown>((resolve, reject) => {
    // It would go on trying without end.
    client.on('error', reject)
    client.connect().then(resolve, reject)
  })
  try {
    // Its own limit is for the connection alone, and not for the greeting that follows.
    await inTime(connected, CONNECT_TIMEOUT)
  } catch (error) {
    cut()
    throw notReached(url.scheme, error)
  }
  return {
    store,
    async end() {
      // Answers come in the order of the commands, so after this one none is due. Its failure says the same.
      await client.ping().catch(() => undefined)
      cut()
    },
    cut,
  }
}

/** `memcached://host:port,host:port?prefix=session:` by the store's own transport. */
export const openMemcached: Opener = async (url, { now }) => {
  checkParameters(url, ['prefix'])
  const { authority = '', path } = url
  if (authority === '' || authority.includes('@') || !/^\/?$/.test(path)) {
    throw new ConfigError(
      'openStore: write memcached://host:port, or several with commas between, without a user and a path.',
    )
  }
  const { memcachedStore } = await import('../memcached/index.ts')
  const prefix = url.parameters.get('prefix')
  const options: Pick<MemcachedStoreOptions, 'prefix'> = prefix === undefined ? {} : { prefix }
  const servers = authority.split(',')
  return {
    store: memcachedStore({ servers, now, ...options }),
    end: () => undefined,
  }
}

interface MongodbPackage {
  readonly MongoClient: new (
    url: string,
    options: object,
  ) => {
    db(name: string): { collection(name: string): MongodbCollection }
    close(): Promise<void>
  }
}

/** `mongodb://user:password@host:port/database?collection=sessions`, and all options of the driver. */
export const openMongodb: Opener = async (url, { load, now }) => {
  const database = decoded(url.path.replace(/^\//, ''), url.scheme)
  if (database === '') {
    throw new ConfigError(`openStore: name the database: ${url.scheme}://host/database.`)
  }
  const [{ MongoClient }] = await loadPackages<[MongodbPackage]>(load, url.scheme, 'mongodb')
  const { mongodbStore } = await import('../mongodb/index.ts')
  const settings = {
    serverSelectionTimeoutMS: CONNECT_TIMEOUT,
    connectTimeoutMS: CONNECT_TIMEOUT,
    // A failover would undo what one member alone has acknowledged.
    ...(!url.parameters.has('w') && { writeConcern: { w: 'majority' } }),
  }
  let client: InstanceType<MongodbPackage['MongoClient']> | undefined
  let refusal = ''
  try {
    client = new MongoClient(clientUrl(url, ['collection']), settings)
  } catch (error) {
    // Names options of the driver, never their values. Others may show the URL.
    const { name, message } = error as Error
    if (name === 'MongoParseError') refusal = `: ${message}`
  }
  if (client === undefined) {
    throw new ConfigError(`openStore: the driver refuses this ${url.scheme}: URL${refusal}.`)
  }
  const collection = client.db(database).collection(url.parameters.get('collection') ?? 'sessions')
  const store = mongodbStore(collection, { now })
  return { store, prepare: () => store.createIndexes(), end: () => client.close() }
}

interface DynamodbPackage {
  readonly DynamoDB: new (options: object) => DynamodbClient & { destroy(): void }
}

/** `dynamodb://region/table?endpoint=http://localhost:8000`; without them, what the environment says to the SDK. */
export const openDynamodb: Opener = async (url, { load, now }) => {
  checkParameters(url, ['endpoint'])
  const { username, password, hostname, pathname } = checkHost({
    ...url,
    authority: url.authority || '-',
  })
  const name = '@aws-sdk/client-dynamodb'
  const [{ DynamoDB }] = await loadPackages<[DynamodbPackage]>(load, url.scheme, name)
  const { dynamodbStore } = await import('../dynamodb/index.ts')
  const endpoint = url.parameters.get('endpoint')
  const table = decoded(pathname.slice(1), url.scheme)
  const client = new DynamoDB({
    // With more the SDK sends a write again, and its own write looks like somebody else's.
    maxAttempts: 1,
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT,
      requestTimeout: CONNECT_TIMEOUT,
      // It would warn and go on waiting.
      throwOnRequestTimeout: true,
    },
    ...(hostname !== '-' && { region: hostname }),
    ...(endpoint !== undefined && { endpoint }),
    ...(username !== '' && {
      credentials: {
        accessKeyId: decoded(username, url.scheme),
        secretAccessKey: decoded(password, url.scheme),
      },
    }),
  })
  const options: Pick<DynamodbStoreOptions, 'table'> = table === '' ? {} : { table }
  const store = dynamodbStore(client, { now, ...options })
  return { store, prepare: () => store.createTable(), end: () => client.destroy() }
}
