/** The page that every server serves, and what its visitor's session holds. */

/** What a session holds. `n` is read and counted up. */
export type Visit = {
  user: string
  name: string
  roles: string[]
  csrf: string
  items?: { sku: string; title: string; quantity: number }[]
  n: number
}

/** A session of about so many bytes as JSON, 200 at least. */
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

/** What a server answers: the count before. */
export const PATHS = {
  /** Does not ask for the session. */
  plain: '/plain',
  read: '/read',
  write: '/write',
  /** Fills the session; `?200` with so many bytes. */
  seed: '/seed',
} as const

/** The size that a seed asks for. */
export function sizeOf(url: string): number {
  return Number(url.slice(url.indexOf('?') + 1))
}
