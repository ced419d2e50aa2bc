/** Opens the SQL store of a URL of PostgreSQL, MySQL, MariaDB or SQLite, with its driver and Kysely. */

import { once } from 'node:events'
import { Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Dialect, SqliteDatabase } from 'kysely'
import { ConfigError } from '../../errors.ts'
import {
  CONNECT_TIMEOUT,
  connectError,
  loadIfInstalled,
  loadPackages,
  type OpenContext,
  type OpenedStore,
  type Opener,
  type Outages,
  reportOutages,
} from '../open/client.ts'
import {
  checkHost,
  checkParameters,
  clientUrl,
  decoded,
  localPath,
  type StoreUrl,
} from '../open/url.ts'
import { classifyError } from './failure.ts'
import { type NodeSqliteDatabase, nodeSqlite } from './node-sqlite.ts'

type Kysely = typeof import('kysely')
type Pg = { readonly default: typeof import('pg') }
type Mysql = { readonly default: typeof import('mysql2') }

/** Parameters of the URL that are not the driver's. */
const OWN = ['table', 'schema']

/** `postgres://user:password@host:port/database?table=sessions&sslmode=verify-full` by pg. */
export const openPostgres: Opener = async (url, context) => {
  const { load } = context
  checkParameters(url, [...OWN, 'sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'application_name'])
  checkHost(url)
  const packages = await loadPackages<[Kysely, Pg]>(load, url.scheme, 'kysely', 'pg')
  const [kysely, { default: pg }] = packages
  const sockets = new Set<Socket>()
  const pool = new pg.Pool({
    connectionString: clientUrl(url, OWN),
    connectionTimeoutMillis: CONNECT_TIMEOUT,
    keepAlive: true,
    stream: () => socketIn(sockets),
  })
  const outages = reportOutages(url, context)
  // Its connections report the same error. Without a listener it would end the process.
  pool.on('error', () => undefined)
  pool.on('connect', (client) => watch(client, outages))
  return storeOn(new kysely.PostgresDialect({ pool }), kysely, url, context, sockets)
}

/** `mysql://user:password@host:port/database?table=sessions&ssl=true` by mysql2, for MariaDB as well. */
export const openMysql: Opener = async (url, context) => {
  const { scheme } = url
  checkParameters(url, [...OWN, 'ssl'])
  const { hostname, port, username, password, pathname } = checkHost(url)
  const database = decoded(pathname.slice(1), scheme)
  if (database === '') {
    throw new ConfigError(`openStore: name the database: ${scheme}://host/database.`)
  }
  const ssl = url.parameters.get('ssl') ?? 'false'
  if (ssl !== 'true' && ssl !== 'false') {
    throw new ConfigError(`openStore: the parameter ssl of a ${scheme}: URL is 'true' or 'false'.`)
  }
  const packages = await loadPackages<[Kysely, Mysql]>(context.load, scheme, 'kysely', 'mysql2')
  const [kysely, { default: mysql2 }] = packages
  const sockets = new Set<Socket>()
  const pool = mysql2.createPool({
    host: hostname.replace(/^\[|\]$/g, ''),
    ...(port !== '' && { port: Number(port) }),
    user: decoded(username, scheme),
    password: decoded(password, scheme),
    database,
    connectTimeout: CONNECT_TIMEOUT,
    stream: ({ config }: { readonly config: { readonly host: string; readonly port: number } }) =>
      socketIn(sockets).connect(config.port, config.host),
    ...(ssl === 'true' && { ssl: {} }),
  })
  const outages = reportOutages(url, context)
  pool.on('connection', (connection) => watch(connection, outages))
  return storeOn(new kysely.MysqlDialect({ pool }), kysely, url, context, sockets)
}

/** Reports what becomes of a new connection of a pool. */
function watch(
  connection: { on(event: 'error', listener: (error: unknown) => void): unknown },
  outages: Outages,
): void {
  outages.restored()
  connection.on('error', (error) => outages.lost(classifyError(error, true)))
}

/** `sqlite:relative/file.db`, `sqlite:/absolute/file.db`: by Node's own SQLite, or by better-sqlite3 before Node 22.16. */
export const openSqlite: Opener = async (url, context) => {
  checkParameters(url, ['table'])
  const path = localPath(url)
  const [kysely] = await loadPackages<[Kysely]>(context.load, url.scheme, 'kysely')
  const database = await openFile(path, context)
  return storeOn(new kysely.SqliteDialect({ database }), kysely, url, context)
}

/** How long a writer waits for another, in ms. It blocks the process, so it is shorter than an operation's time limit. */
const BUSY_TIMEOUT = 500

type DatabaseClass<Database> = new (path: string, options: { timeout: number }) => Database

interface NodeSqlite {
  readonly DatabaseSync: DatabaseClass<NodeSqliteDatabase & { exec(sql: string): void }>
  readonly StatementSync: { readonly prototype: object }
}

interface BetterSqlite {
  readonly default: DatabaseClass<SqliteDatabase & { exec(sql: string): unknown }>
}

async function openFile(path: string, { load }: OpenContext): Promise<SqliteDatabase> {
  const own = (await loadIfInstalled(load, 'node:sqlite')) as NodeSqlite | undefined
  // Before Node 22.16 a statement does not show whether it returns rows.
  if (own !== undefined && 'columns' in own.StatementSync.prototype) {
    return nodeSqlite(prepared(path, own.DatabaseSync))
  }
  const [better] = await loadPackages<[BetterSqlite]>(load, 'sqlite', 'better-sqlite3')
  return prepared(path, better.default)
}

function prepared<Database extends { exec(sql: string): unknown }>(
  path: string,
  Database: DatabaseClass<Database>,
): Database {
  try {
    const database = new Database(path, { timeout: BUSY_TIMEOUT })
    // Readers and the writer do not wait for each other; what was acknowledged survives a loss of power.
    database.exec('pragma journal_mode = wal; pragma synchronous = full')
    return database
  } catch (error) {
    throw connectError(error, (reason) => classifyError(reason, true))
  }
}

/** Makes a socket, which is in the set until it has closed. */
function socketIn(open: Set<Socket>): Socket {
  const socket = new Socket().setNoDelay(true).setKeepAlive(true)
  open.add(socket)
  return socket.once('close', () => open.delete(socket))
}

/** Makes the store on a dialect, whose pool may have open sockets. */
async function storeOn(
  dialect: Dialect,
  { Kysely }: Kysely,
  { parameters }: StoreUrl,
  { now, onError }: OpenContext,
  sockets: ReadonlySet<Socket> = new Set(),
): Promise<OpenedStore> {
  // Loaded here, as it needs Kysely: a program without it gets the error that names the package.
  const { sqlStore } = await import('./index.ts')
  const db = new Kysely({ dialect })
  const [table, schema] = OWN.map((name) => parameters.get(name))
  const names = { ...(table !== undefined && { table }), ...(schema !== undefined && { schema }) }
  const store = sqlStore(db, { now, onError, ...names })
  return {
    store,
    prepare: () => store.createTable(),
    async end() {
      // A pool that has ended drops the calls that wait for a connection.
      await nextTurn()
      // Ends the pool or the database. A pool may report its end before its sockets have closed.
      await db.destroy()
      await Promise.all([...sockets].map((socket) => once(socket, 'close')))
    },
    destroy() {
      for (const socket of sockets) socket.destroy()
    },
  }
}
