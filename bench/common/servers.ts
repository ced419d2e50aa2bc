/** Servers for one measurement: started for it, on loopback, and ended with it. */

import { whatIsMissing } from '../../scripts/services/packages.ts'
import type { RunningServer } from '../../scripts/services/servers/running-server.ts'

export type ServerName = 'redis' | 'memcached' | 'postgres' | 'mariadb' | 'mongodb' | 'dynamodb'

type Start = (more: readonly string[]) => Promise<RunningServer>

/** Each loaded when it is started: their clients take time to load. */
const STARTS: Readonly<Record<ServerName, Start>> = {
  redis: async (more) =>
    (await import('../../scripts/services/servers/redis.ts')).startRedis({ arguments: more }),
  memcached: async (more) =>
    (await import('../../scripts/services/servers/memcached.ts')).startMemcached({
      arguments: more,
    }),
  postgres: async (more) =>
    (await import('../../scripts/services/servers/postgres.ts')).startPostgres({ arguments: more }),
  mariadb: async (more) =>
    (await import('../../scripts/services/servers/mariadb.ts')).startMariadb({ arguments: more }),
  mongodb: async () => (await import('../../scripts/services/servers/mongodb.ts')).startMongodb(),
  dynamodb: async () =>
    (await import('../../scripts/services/servers/dynamodb.ts')).startDynamodb(),
}

/**
 * Starts one of its own.
 *
 * @param more Arguments for the server; the stand-ins take none.
 * @throws {Error} With the reason why there is none on this machine.
 */
export async function startServer(
  name: ServerName,
  more: readonly string[] = [],
): Promise<RunningServer> {
  const missing = whatIsMissing(name)
  if (missing !== undefined) throw new Error(missing)
  return STARTS[name](more)
}

/** The first line of an error, short enough for a cell of a table. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  const [first = ''] = text.split('\n')
  return first.length > 140 ? `${first.slice(0, 139)}…` : first
}
