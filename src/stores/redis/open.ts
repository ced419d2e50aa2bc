/** Opens the Redis store of a URL: `redis://user:password@host:port/database?prefix=session:`, by node-redis. */

import {
  CONNECT_TIMEOUT,
  connectError,
  loadPackages,
  type Opener,
  reportOutages,
  withTimeout,
} from '../open/client.ts'
import { checkHost, checkParameters, clientUrl } from '../open/url.ts'
import { refused } from '../shared/failure.ts'
import { describe } from './client.ts'
import { type RedisClient, redisStore } from './index.ts'

interface RedisPackage {
  createClient(options: object): RedisClient & {
    on(event: 'error' | 'ready' | 'ping-interval', listener: (error: unknown) => void): unknown
    connect(): Promise<unknown>
    ping(): Promise<unknown>
    readonly isOpen: boolean
    destroy(): void
  }
}

/** What the refusals of a handshake mean here. */
const REFUSALS = {
  NOAUTH: refused('the server requires a password. Write one in the URL'),
  WRONGPASS: refused(
    'the server refused the credentials. Check the user name and the password of the URL',
  ),
}

export const openRedis: Opener = async (url, context) => {
  const { load, now } = context
  checkParameters(url, ['prefix'])
  checkHost(url)
  const [{ createClient }] = await loadPackages<[RedisPackage]>(load, url.scheme, 'redis')
  let ended = false
  const client = createClient({
    url: clientUrl(url, ['prefix']),
    // A command that waits for the connection would run after its caller got an error.
    disableOfflineQueue: true,
    // Pings detect a connection that went silent, and the client opens another one.
    pingInterval: 10_000,
    socket: {
      connectTimeout: CONNECT_TIMEOUT,
      socketTimeout: 30_000,
      reconnectStrategy: (retries: number) =>
        ended ? false : Math.min(2_000, 2 ** retries * 20) + Math.random() * 100,
    },
  })
  const prefix = url.parameters.get('prefix')
  const store = redisStore(client, { now, ...(prefix !== undefined && { prefix }) })
  function destroy(): void {
    ended = true
    // Versions before 6 throw when the client is closed already.
    if (client.isOpen) client.destroy()
  }
  const outages = reportOutages(url, context)
  client.on('error', (error) => {
    if (!ended) outages.lost(describe(error, REFUSALS))
  })
  client.on('ready', outages.restored)
  // A ping may fail on a connection that lasts.
  client.on('ping-interval', outages.restored)
  const connected = new Promise<unknown>((resolve, reject) => {
    // Without this listener `connect` would try again without end.
    client.on('error', reject)
    client.connect().then(resolve, reject)
  })
  try {
    // `connectTimeout` covers the connection and not the handshake that follows.
    await withTimeout(connected, CONNECT_TIMEOUT)
  } catch (error) {
    destroy()
    throw connectError(error, (reason) => describe(reason, REFUSALS))
  }
  return {
    store,
    async end() {
      // Replies come in the order of the commands, so none is outstanding after this one, also when it fails.
      await client.ping().catch(() => undefined)
      destroy()
    },
    destroy,
  }
}
