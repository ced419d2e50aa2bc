/** The stores that take part in the race. Their clients are loaded only by those who run them. */

import type { Backend } from './backend.ts'

const TARGETS: Readonly<Record<string, () => Promise<{ readonly backend: Backend }>>> = {
  memory: () => import('./backends/memory.ts'),
  file: () => import('./backends/file.ts'),
  redis: () => import('./backends/redis.ts'),
  'redis-cluster': () => import('./backends/redis-cluster.ts'),
  'redis-sentinel': () => import('./backends/redis-sentinel.ts'),
  memcached: () => import('./backends/memcached.ts'),
  postgres: () => import('./backends/postgres.ts'),
  mariadb: () => import('./backends/mariadb.ts'),
  sqlite: () => import('./backends/sqlite.ts'),
  mongodb: () => import('./backends/mongodb.ts'),
  dynamodb: () => import('./backends/dynamodb.ts'),
  cache: () => import('./backends/cache.ts'),
}

/** In the order of the table. */
export const NAMES: readonly string[] = Object.keys(TARGETS)

/** What keeps the sessions of the target of that name. */
export async function backendOf(name: string): Promise<Backend> {
  const load = TARGETS[name]
  if (load === undefined) throw new Error(`There is no store '${name}' in the race.`)
  return (await load()).backend
}
