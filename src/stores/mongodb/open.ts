/**
 * Opens the MongoDB store of a URL: `mongodb://user:password@host:port/database?collection=sessions`, with all options of
 * the driver.
 */

import { ConfigError } from '../../errors.ts'
import { CONNECT_TIMEOUT, loadPackages, type Opener, reportOutages } from '../open/client.ts'
import { clientUrl, decoded } from '../open/url.ts'
import { uncertain } from '../shared/failure.ts'
import { type MongodbCollection, mongodbStore } from './index.ts'

interface MongodbPackage {
  readonly MongoClient: new (
    url: string,
    options: object,
  ) => {
    db(name: string): { collection(name: string): MongodbCollection }
    on(event: 'topologyDescriptionChanged', listener: (change: TopologyChange) => void): unknown
    close(): Promise<void>
  }
}

/** What the driver knows of its servers; the type of one that it cannot reach is `Unknown`. */
interface TopologyChange {
  readonly newDescription: { readonly servers: ReadonlyMap<string, { readonly type: string }> }
}

export const openMongodb: Opener = async (url, context) => {
  const { load, now } = context
  const database = decoded(url.path.replace(/^\//, ''), url.scheme)
  if (database === '') {
    throw new ConfigError(`openStore: name the database: ${url.scheme}://host/database.`)
  }
  const [{ MongoClient }] = await loadPackages<[MongodbPackage]>(load, url.scheme, 'mongodb')
  const settings = {
    serverSelectionTimeoutMS: CONNECT_TIMEOUT,
    connectTimeoutMS: CONNECT_TIMEOUT,
    // A failover would undo what one member alone has acknowledged.
    ...(!url.parameters.has('w') && { writeConcern: { w: 'majority' } }),
  }
  let client: InstanceType<MongodbPackage['MongoClient']> | undefined
  let reason = ''
  try {
    client = new MongoClient(clientUrl(url, ['collection']), settings)
  } catch (error) {
    // Such an error names options of the driver without their values. Others may show the URL.
    const { name, message } = error as Error
    if (name === 'MongoParseError') reason = `: ${message}`
  }
  if (client === undefined) {
    throw new ConfigError(`openStore: the driver refuses this ${url.scheme}: URL${reason}.`)
  }
  const outages = reportOutages(url, context)
  let wasConnected = false
  client.on('topologyDescriptionChanged', ({ newDescription }) => {
    const servers = [...newDescription.servers.values()]
    if (servers.some(({ type }) => type !== 'Unknown')) {
      wasConnected = true
      outages.restored()
    } else if (wasConnected && servers.length > 0) {
      outages.lost(uncertain('no server can be reached'))
    }
  })
  const collection = client.db(database).collection(url.parameters.get('collection') ?? 'sessions')
  const store = mongodbStore(collection, { now })
  return { store, prepare: () => store.createIndexes(), end: () => client.close() }
}
