/** The URLs of the stores on servers, for whatever server there is, and the clients that may be loaded for them. */

import { randomUUID } from 'node:crypto'
import { type LoadPackage, openStore } from 'vial/stores/open'
import type { ServiceName } from '../../scripts/services/names.ts'
import { service } from '../support/services.ts'

export interface Scheme {
  readonly scheme: string
  /** What the store calls itself. */
  readonly name: string
  /** The package that is taken for the client, where that is not the one of its own name: an older version. */
  readonly client?: string
  /** The server, or why there is none here. */
  readonly server: { readonly url: string } | { readonly missing: string }
  /** The URL for `openStore` on the server at that URL, with a table, a collection or a prefix of its own. */
  readonly on: (server: string) => string
}

/** A name that is used once. */
export const own = (): string => `open_${randomUUID().slice(0, 8)}`

const prefixed = (url: string) => `${url}?prefix=${own()}:`
const tabled = (url: string) => `${url}?table=${own()}`
const renamed = (scheme: string) => (url: string) => tabled(url.replace(/^\w+:/, `${scheme}:`))

export const schemes: readonly Scheme[] = [
  on('redis', 'redis', 'redis', prefixed),
  { ...on('redis', 'redis', 'redis', prefixed), client: 'redis5' },
  on('memcached', 'memcached', 'memcached', prefixed),
  on('postgres', 'postgres', 'postgres', (url) => `${tabled(url)}&application_name=vial`),
  on('postgresql', 'postgres', 'postgres', renamed('postgresql')),
  on('mysql', 'mysql', 'mariadb', renamed('mysql')),
  on('mariadb', 'mysql', 'mariadb', renamed('mariadb')),
  on('mongodb', 'mongodb', 'mongodb', inMongodb),
  { ...on('mongodb', 'mongodb', 'mongodb', inMongodb), client: 'mongodb6' },
  on(
    'dynamodb',
    'dynamodb',
    'dynamodb',
    (url) => `dynamodb://key:secret@eu-central-1/${own()}?endpoint=${encodeURIComponent(url)}`,
  ),
]

function on(scheme: string, name: string, from: ServiceName, make: Scheme['on']): Scheme {
  return { scheme, name, server: service(from), on: make }
}

function inMongodb(url: string): string {
  const [, base = '', query = ''] = /^(mongodb:\/\/[^/]+)[^?]*\??(.*)$/.exec(url) ?? []
  return `${base}/vial_test?${query}${query && '&'}collection=${own()}`
}

/** Loads `redis5` for `redis`, and its kind. */
export function loading(client: string | undefined): LoadPackage {
  return (name) => import(client?.replace(/\d+$/, '') === name ? client : name)
}

/** `scheme: by client`. */
export function titled<T extends Scheme>(list: readonly T[]): readonly (readonly [string, T])[] {
  return list.map((scheme) => [
    `${scheme.scheme}:${scheme.client ? ` by ${scheme.client}` : ''}`,
    scheme,
  ])
}

/** URLs of all of them at one address where there is no such server. */
export function urlsAt(address: string, password: string): readonly string[] {
  return [
    `redis://user:${password}@${address}`,
    `memcached://${address}`,
    `postgres://user:${password}@${address}/db`,
    `mysql://user:${password}@${address}/db`,
    `mongodb://user:${password}@${address}/db`,
    `dynamodb://key:${password}@region/table?endpoint=http://${address}`,
  ]
}

/** Opens one that must not open, and resolves to why. */
export async function failureOf(
  ...given: Parameters<typeof openStore>
): Promise<Error | undefined> {
  try {
    const store = await openStore(...given)
    await store.close()
    return undefined
  } catch (error) {
    return error as Error
  }
}
