/** The services, and the variables that name servers which are already there. */

import process from 'node:process'

export const SERVICES = [
  'redis',
  'redis-cluster',
  'redis-sentinel',
  'memcached',
  'postgres',
  'mariadb',
  'dynamodb',
  'mongodb',
] as const

export type ServiceName = (typeof SERVICES)[number]

/** Such as `VIAL_TEST_REDIS_CLUSTER_URL`. */
export function variableOf(name: ServiceName): string {
  return `VIAL_TEST_${name.toUpperCase().replaceAll('-', '_')}_URL`
}

/** The URL that the environment gives; undefined: none. */
export function givenUrl(name: ServiceName): string | undefined {
  return process.env[variableOf(name)] || undefined
}
