/** Starts a service by its name, so that it outlives the program that starts it. */

import type { ServiceName } from './names.ts'
import type { RunningServer, ServerOptions } from './servers/running-server.ts'

interface Place {
  readonly directory: string
  readonly ports: readonly number[]
}

/** How long a server of a group may be silent, in ms: a busy machine must not cause a failover that no test asked for. */
const PATIENT = 10_000

/** Each loaded when it is started: their clients take longer to load than some servers to start. */
const STARTS: Readonly<Record<ServiceName, (place: Place) => Promise<RunningServer>>> = {
  redis: async (place) => (await import('./servers/redis.ts')).startRedis(single(place)),
  'redis-cluster': async (place) =>
    (await import('./servers/redis-cluster.ts')).startCluster({
      ...place,
      outlive: true,
      nodeTimeout: PATIENT,
    }),
  'redis-sentinel': async (place) =>
    (await import('./servers/redis-sentinel.ts')).startSentinel({
      ...place,
      outlive: true,
      downAfter: PATIENT,
    }),
  memcached: async (place) =>
    (await import('./servers/memcached.ts')).startMemcached(single(place)),
  postgres: async (place) => (await import('./servers/postgres.ts')).startPostgres(single(place)),
  mariadb: async (place) => (await import('./servers/mariadb.ts')).startMariadb(single(place)),
  dynamodb: async (place) => (await import('./servers/dynamodb.ts')).startDynamodb(single(place)),
  mongodb: async (place) =>
    (await import('./servers/mongodb.ts')).startMongodb({ ...place, outlive: true }),
}

/** Resolves when it answers. */
export function startService(name: ServiceName, place: Place): Promise<RunningServer> {
  return STARTS[name](place)
}

function single({ directory, ports: [port = 0] }: Place): ServerOptions {
  return { directory, port, outlive: true }
}
