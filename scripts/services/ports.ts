/** The ports of the services, on 127.0.0.1. */

import process from 'node:process'
import type { ServiceName } from './names.ts'
import { isFree } from './servers/running-server.ts'

/** The first of a hundred; `VIAL_SERVICES_PORT` moves them all. */
const BASE = 31_000

const OFFSETS: Readonly<Record<ServiceName, readonly number[]>> = {
  redis: [0],
  'redis-cluster': [1, 2, 3, 4, 5, 6],
  'redis-sentinel': [11, 12, 13, 21, 22, 23],
  memcached: [30],
  postgres: [40],
  mariadb: [50],
  dynamodb: [60],
  mongodb: [70, 71],
}

/** The ports of a service; a hundred higher, and so on, when somebody else has one of them. */
export async function portsOf(name: ServiceName): Promise<readonly number[]> {
  const base = Number(process.env['VIAL_SERVICES_PORT'] || BASE)
  for (let moved = base; moved < base + 1_000; moved += 100) {
    const ports = OFFSETS[name].map((offset) => moved + offset)
    if ((await Promise.all(ports.map(isFree))).every((free) => free)) return ports
  }
  throw new Error(`${name}: its ports from ${base + (OFFSETS[name][0] ?? 0)} on are all taken`)
}
