/** The page that every server serves, the session of its visitor, and the requests that are measured. */

/** What a session holds. `n` is read and counted up. */
export type Visit = {
  user: string
  name: string
  roles: string[]
  csrf: string
  items?: { sku: string; title: string; quantity: number }[]
  n: number
}

/** A session of about that many bytes as JSON, 200 at least. */
export function visit(bytes: number): Visit {
  const data: Visit = {
    user: 'usr_01HZX3T5K8W9QW7F4N2YB6M1PC',
    name: 'Ada Lovelace',
    roles: ['editor', 'admin'],
    csrf: 'kq3vJ8mN1xR5tY7uW9zA2bC4dE6fG8hJ0kL2mN4pQ6s',
    n: 1000,
  }
  if (bytes <= 200) return data
  const items: NonNullable<Visit['items']> = []
  data.items = items
  while (JSON.stringify(data).length < bytes) {
    const index = items.length
    items.push({ sku: `SKU-${1000 + index}`, title: `Article ${index}`, quantity: index % 7 })
  }
  return data
}

/** Every page but `plain` and `seed` shows the count before the request. */
export const PATHS = {
  /** Does not ask for the session. */
  plain: '/plain',
  read: '/read',
  write: '/write',
  /** Fills the session; `?200` with that many bytes. */
  seed: '/seed',
} as const

/** The size that a seed asks for. */
export function sizeOf(url: string): number {
  return Number(url.slice(url.indexOf('?') + 1))
}

/** One kind of request. */
export interface Workload {
  readonly path: string
  /** Size of the session, in bytes of JSON. */
  readonly bytes: number
}

export const WORKLOADS = {
  read: { path: PATHS.read, bytes: 200 },
  write: { path: PATHS.write, bytes: 200 },
  'read 4 KB': { path: PATHS.read, bytes: 4096 },
} as const satisfies Record<string, Workload>

export type WorkloadName = keyof typeof WORKLOADS
