/**
 * Opens the SQL store of a URL of PostgreSQL, MySQL, MariaDB or SQLite, with its driver and Kysely.
 *
 * @module
 */

import { once } from 'node:events'
import { Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { ConfigError } from '../../errors.ts'
import {
  CONNECT_TIMEOUT,
  connectError,
  loadIfInstalled,
  loadPackages,
  type OpenContext,
  type OpenedStore,
  type Opener,
} from '../open/client.ts'
import {
  checkHost,
  checkParameters,
  clientUrl,
  decoded,
  localPath,
  type StoreUrl,
} from '../open/url.ts'
import { type SqlDatabase, sqlStore } from './index.ts'
import type { NodeSqliteDatabase } from './node-sqlite.ts'

type Dialect = new (config: object) => object

interface KyselyPackage {
  readonly Kysely: new (config: { dialect: object }) => SqlDatabase & { destroy(): Promise<void> }
  readonly PostgresDialect: Dialect
  readonly MysqlDialect: Dialect
  readonly SqliteDialect: Dialect
}

interface Emitter {
  on(event: 'error', listener: (error: unknown) => void): unknown
  on(event: 'connect', listener: (client: Emitter) => void): unknown
}

interface PgPackage {
  readonly default: { readonly Pool: new (config: object) => Emitter }
}

interface Mysql2Package {
  readonly default: { createPool(config: object): object }
}

/** `postgres://user:password@host:port/database?table=sessions&sslmode=verify-full` by pg. */
export const openPostgres: Opener = async (url, context) => {
  checkParameters(url, [...OWN, 'sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'application_name'])
  checkHost(url)
  const packages = loadPackages<[KyselyPackage, PgPackage]>(
    context.load,
    url.scheme,
    'kysely',
    'pg',
  )
  const [kysely, { default: pg }] = await packages
  const sockets = new Sockets()
  const pool = new pg.Pool({
    connectionString: clientUrl(url, OWN),
    connectionTimeoutMillis: CONNECT_TIMEOUT,
    keepAlive: true,
    stream: () => sockets.make(),
  })
  // The pool reports errors of idle connections only. Without the second listener another one would end the process.
  pool.on('error', context.onError)
  pool.on('connect', (client) => client.on('error', context.onError))
  return sqlStoreOn(new kysely.PostgresDialect({ pool }), kysely, url, context, sockets)
}

/** `mysql://user:password@host:port/database?table=sessions&ssl=true` by mysql2, for MariaDB as well. */
export const openMysql: Opener = async (url, context) => {
  checkParameters(url, [...OWN, 'ssl'])
  const { hostname, port, username, password, pathname } = checkHost(url)
  const database = decoded(pathname.slice(1), url.scheme)
  if (database === '') {
    throw new ConfigError(`openStore: name the database: ${url.scheme}://host/database.`)
  }
  const ssl = url.parameters.get('ssl') ?? 'false'
  if (ssl !== 'true' && ssl !== 'false') {
    throw new ConfigError(
      `openStore: the parameter ssl of a ${url.scheme}: URL is 'true' or 'false'.`,
    )
  }
  const packages = loadPackages<[KyselyPackage, Mysql2Package]>(
    context.load,
    url.scheme,
    'kysely',
    'mysql2',
  )
  const [kysely, { default: mysql2 }] = await packages
  const sockets = new Sockets()
  const pool = mysql2.createPool({
    host: hostname.replace(/^\[|\]$/g, ''),
    ...(port !== '' && { port: Number(port) }),
    user: decoded(username, url.scheme),
    password: decoded(password, url.scheme),
    database,
    connectTimeout: CONNECT_TIMEOUT,
    stream: ({ config }: { readonly config: { readonly host: string; readonly port: number } }) =>
      sockets.make().connect(config.port, config.host),
    ...(ssl === 'true' && { ssl: {} }),
  })
  return sqlStoreOn(new kysely.MysqlDialect({ pool }), kysely, url, context, sockets)
}

/** `sqlite:relative/file.db`, `sqlite:/absolute/file.db`: by Node's own SQLite, or by better-sqlite3 before Node 22.16. */
export const openSqlite: Opener = async (url, context) => {
  checkParameters(url, ['table'])
  const path = localPath(url)
  const [kysely] = await loadPackages<[KyselyPackage]>(context.load, url.scheme, 'kysely')
  const database = await openDatabase(path, context)
  return sqlStoreOn(new kysely.SqliteDialect({ database }), kysely, url, context)
}

/** Parameters of the URL that are not the driver's. */
const OWN = ['table', 'schema']
/** How long a writer waits for another, in ms. It blocks the process, so it is shorter than an operation's time limit. */
const BUSY_TIMEOUT = 500

interface NodeSqlitePackage {
  readonly DatabaseSync: new (
    path: string,
    options: { timeout: number },
  ) => NodeSqliteDatabase & { exec(sql: string): void }
  readonly StatementSync: { readonly prototype: object }
}

interface BetterSqlitePackage {
  readonly default: new (
    path: string,
    options: { timeout: number },
  ) => { exec(sql: string): unknown; close(): unknown }
}

async function openDatabase(path: string, { load }: OpenContext): Promise<object> {
  const own = (await loadIfInstalled(load, 'node:sqlite')) as NodeSqlitePackage | undefined
  // Before Node 22.16 a statement does not show whether it returns rows.
  if (own !== undefined && 'columns' in own.StatementSync.prototype) {
    const { nodeSqlite } = await import('./node-sqlite.ts')
    return nodeSqlite(prepared(path, own.DatabaseSync))
  }
  const packages = loadPackages<[BetterSqlitePackage]>(load, 'sqlite', 'better-sqlite3')
  const [{ default: BetterSqlite }] = await packages
  return prepared(path, BetterSqlite)
}

function prepared<Database extends { exec(sql: string): unknown; close(): unknown }>(
  path: string,
  Database: new (path: string, options: { timeout: number }) => Database,
): Database {
  try {
    const database = new Database(path, { timeout: BUSY_TIMEOUT })
    // Readers and the writer do not wait for each other; what was acknowledged survives a loss of power.
    database.exec('pragma journal_mode = wal; pragma synchronous = full')
    return database
  } catch (error) {
    throw connectError('sqlite', error)
  }
}

/** The open connections of a pool. */
class Sockets {
  readonly #open = new Set<Socket>()

  make(): Socket {
    const socket = new Socket().setNoDelay(true).setKeepAlive(true)
    this.#open.add(socket)
    return socket.once('close', () => this.#open.delete(socket))
  }

  /** Resolves once all have closed. A pool may report its end earlier, and open sockets keep the program running. */
  async ended(): Promise<void> {
    await Promise.all([...this.#open].map((socket) => once(socket, 'close')))
  }

  destroy(): void {
    for (const socket of this.#open) socket.destroy()
  }
}

/** Makes the store on a dialect. Ending Kysely ends its pool or its database. */
async function sqlStoreOn(
  dialect: object,
  { Kysely }: KyselyPackage,
  { parameters }: StoreUrl,
  { now, onError }: OpenContext,
  sockets?: Sockets,
): Promise<OpenedStore> {
  const db = new Kysely({ dialect })
  const [table, schema] = OWN.map((name) => parameters.get(name))
  const store = sqlStore(db, {
    now,
    onError,
    ...(table !== undefined && { table }),
    ...(schema !== undefined && { schema }),
  })
  return {
    store,
    prepare: () => store.createTable(),
    async end() {
      // A pool that has ended drops the calls that wait for a connection.
      await nextTurn()
      await db.destroy()
      await sockets?.ended()
    },
    destroy: () => sockets?.destroy(),
  }
}
