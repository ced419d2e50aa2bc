/** A program with a near cache that has nothing more to do: its name of the client and the URL are its arguments. */

import process from 'node:process'
import { setTimeout } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { Redis as Redis6 } from 'ioredis6'
import { Redis as Valkey } from 'iovalkey'
import { createClient } from 'redis'
import { createClient as createClient5 } from 'redis5'
import { redisStore } from '../../src/stores/redis/index.ts'
import { nearCache } from '../../src/stores/redis/near-cache/index.ts'

const [name = '', url = ''] = process.argv.slice(2)
const client = await connected()
const store = redisStore(client, { nearCache: nearCache({ maxStale: 100 }) })
await store.create('id', new Uint8Array(1), Date.now() + 60_000)
for (let version: unknown, same = false; !same; await setTimeout(5)) {
  const record = await store.read('id')
  same = record?.version === version
  version = record?.version
}
console.log('held')
// Its own connection is all that would keep it.
if ('unref' in client) client.unref()
else client.stream.unref()

async function connected() {
  if (name.startsWith('node-redis')) {
    const create = (name === 'node-redis' ? createClient : createClient5) as typeof createClient
    const client = create({ url })
    client.on('error', console.error)
    await client.connect()
    return client
  }
  const Client = ({ ioredis: Redis, 'ioredis 6': Redis6, iovalkey: Valkey }[name] ??
    Redis) as typeof Redis
  return new Client(url, { maxRetriesPerRequest: 0 })
}
