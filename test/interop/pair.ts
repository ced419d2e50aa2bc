/** Both sites of a row of the matrix, started and stopped. */

import { join } from 'node:path'
import { findDebianPython, findSqlite } from '../../scripts/provision.ts'
import { service } from '../support/services.ts'
import { type FlaskPeer, startFlask } from './flask-peer.ts'
import {
  newFolder,
  openDynamodb,
  openMemcached,
  openMongodb,
  openRedis,
  openSql,
  type Place,
} from './places.ts'
import { type SiteSettings, sessionsOn } from './profile.ts'
import { findPython } from './python.ts'
import type { Row } from './rows.ts'
import { chunks, type Pair } from './scenarios.ts'
import { SharedBrowser } from './shared-browser.ts'
import { startSqliteSite } from './sqlite-site.ts'
import { vialSite } from './vial-site.ts'

const SECRET = 'q8ZsXn3kLm0PvR7tYb2WcE5uHjKd9aGf'
/** They differ, so that each shows which side wrote a deadline; s. */
const LIFETIMES = { flask: 7200, vial: 5000 } as const

/** A pair that runs. */
export interface Running {
  readonly pair: Pair
  readonly versions: Readonly<Record<string, string>>
  stop(): Promise<void>
}

const modern = findPython(
  'flask, flask_session, msgspec, cachelib, redis, flask_sqlalchemy, psycopg2, pymysql, pymongo, boto3',
)
const legacy = findDebianPython()

/** Why a row cannot be tried here; undefined: it can. */
export function whyNot({ flask, service: name, sqlite, borrows }: Row): string | undefined {
  const python = flask === 'modern' ? modern : legacy
  if ('missing' in python) return python.missing
  if (borrows !== undefined && 'missing' in legacy) return legacy.missing
  if (sqlite && findSqlite() === undefined)
    return 'no Node with SQLite: run "npx tsx scripts/provision.ts sqlite"'
  const server = name === undefined ? undefined : service(name)
  return server !== undefined && 'missing' in server ? server.missing : undefined
}

/** Starts both sites of a row that {@link whyNot} lets pass. */
export async function startPair(row: Row): Promise<Running> {
  const stops: (() => Promise<void>)[] = []
  const stop = async (): Promise<void> => {
    for (const one of stops.splice(0).reverse()) await one()
  }
  try {
    return { ...(await start(row, stops)), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function start(row: Row, stops: (() => Promise<void>)[]): Promise<Omit<Running, 'stop'>> {
  const { signer, exactFloats, format, values } = row
  const settings: SiteSettings = {
    secret: SECRET,
    lifetime: LIFETIMES.vial,
    signer,
    exactFloats,
    ...(format !== undefined && { format }),
  }
  const place = await placeOf(row)
  stops.push(place.remove)
  const peer = await startFlask(pythonOf(row), {
    ...place.flask,
    backend: row.backend,
    // Flask-Session knows two, also where it pickles.
    format: values === 'json' ? 'json' : 'msgpack',
    values,
    signer,
    secret: SECRET,
    lifetime: LIFETIMES.flask,
    ...(row.borrows && { borrow: borrowed(row.borrows) }),
  })
  stops.push(peer.stop)
  const vial = await siteOf(row, place, settings, stops)
  const pair = {
    flask: peer.origin,
    vial,
    format: values,
    exactFloats,
    names: peer.names,
    lifetimes: LIFETIMES,
    cookie: row.backend === 'cookie',
    keepsTransient: row.flask === 'modern' || !['sqlalchemy', 'mongodb'].includes(row.backend),
  }
  return { pair: { ...pair, alone: await readAlone(peer) }, versions: peer.versions }
}

function pythonOf({ flask }: Row): string {
  const python = flask === 'modern' ? modern : legacy
  return 'command' in python ? python.command : ''
}

function borrowed(names: readonly string[]): Record<string, string> {
  const folder = 'packages' in legacy ? legacy.packages : ''
  return Object.fromEntries(names.map((name) => [name, folder]))
}

async function placeOf({ backend, service: name, sqlite }: Row): Promise<Place> {
  const server = name === undefined ? undefined : service(name)
  const url = server !== undefined && 'url' in server ? server.url : ''
  if (backend === 'redis') return openRedis(url)
  if (backend === 'cachelib-redis') return openRedis(url, 'cache:session:')
  if (backend === 'memcached') return openMemcached(url)
  if (backend === 'mongodb') return openMongodb(url)
  if (backend === 'dynamodb') return openDynamodb(url)
  if (backend === 'cookie') return { flask: {}, remove: async () => undefined }
  if (!sqlite && backend === 'sqlalchemy') return openSql(url)
  const { folder, remove } = newFolder()
  if (sqlite) return { flask: { url: `sqlite:///${join(folder, 'sessions.db')}`, folder }, remove }
  const { cachelibFileStore } = await import('../../src/stores/cachelib-file/index.ts')
  return { store: cachelibFileStore(folder), flask: { folder }, remove }
}

async function siteOf(
  { sqlite, values }: Row,
  { store, flask }: Place,
  settings: SiteSettings,
  stops: (() => Promise<void>)[],
): Promise<string> {
  if (sqlite) {
    const file = join(flask.folder ?? '', 'sessions.db')
    const site = await startSqliteSite(findSqlite()?.node ?? '', file, settings, values)
    stops.push(site.stop)
    return site.origin
  }
  const { server, origin } = await vialSite(sessionsOn(store, settings), values)
  stops.push(async () => {
    server.closeAllConnections()
    server.close()
  })
  return origin
}

/** What Flask makes of each value when no other request has changed the session. */
async function readAlone({ origin, names }: FlaskPeer): Promise<Pair['alone']> {
  const alone: Record<string, [string, string]> = {}
  for (const some of chunks(names)) {
    const browser = new SharedBrowser()
    await browser.visit(origin, 'write', some)
    const read = await browser.visit(origin, 'read')
    for (const name of some) alone[name] = read[name] as [string, string]
  }
  return alone
}
