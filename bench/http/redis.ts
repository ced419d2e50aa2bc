import process from 'node:process'
import { createClient } from 'redis'

/** A client of the Redis that is measured with. */
export async function redis(): Promise<ReturnType<typeof createClient>> {
  const url = process.env['BENCH_REDIS_URL']
  if (url === undefined) throw new Error('BENCH_REDIS_URL is not set')
  const client = createClient({ url })
  client.on('error', (error: Error) => console.error(error))
  await client.connect()
  return client as ReturnType<typeof createClient>
}
