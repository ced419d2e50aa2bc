import type { RequestListener } from 'node:http'
import type { Kind } from './workloads.ts'

/** One way to serve the page. */
export interface Contender {
  readonly kind: Kind
  /** Leaves out workloads that it does not do. */
  readonly without?: readonly string[]
  readonly listener: () => Promise<RequestListener>
}

export type Contenders = Readonly<Record<string, Contender>>

/** The kinds of sessions of vial; `redis-idle` moves its deadline as the peers do, `redis-near` has the near cache. */
export const OURS = {
  cookie: 'cookie',
  flask: 'cookie',
  memory: 'memory',
  redis: 'redis',
  'redis-idle': 'redis',
  'redis-near': 'redis',
} as const satisfies Record<string, Kind>

export const FLOORS = ['cookie', 'memory', 'redis'] as const

/** 32 bytes for whoever wants a secret. */
export const SECRET = 'rW2xN7cT5vK9qL3mP8dF1gH6jB4zS0yA'

/** The contenders that differ in their sessions only. */
export function each(
  kinds: Readonly<Record<string, Kind>>,
  label: string,
  listener: (name: string) => Promise<RequestListener>,
): Contenders {
  return Object.fromEntries(
    Object.entries(kinds).map(([name, kind]) => [
      `${label} ${name}`,
      { kind, listener: () => listener(name) },
    ]),
  )
}
