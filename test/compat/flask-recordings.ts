/** What real Flask applications answered: the recordings of `interop/fixtures`. */

import { readFileSync } from 'node:fs'

/** What an application answered, and what its view saw. */
export interface Answer {
  readonly status: number
  readonly set_cookie: readonly string[]
  readonly vary: string | null
  readonly found: Readonly<Record<string, unknown>>
}

/** A request: what was configured, what the view did. Times in s. */
export interface Asked {
  readonly name: string
  readonly run: string
  readonly config: Readonly<Record<string, unknown>>
  readonly secret: string | null
  readonly now: number
}

export interface CookieCase extends Asked, Answer {
  readonly request: string | null
}

/** What was written under a key in Redis; null: it was removed. */
export type Kept = { readonly hex: string; readonly ttl: number } | null

export interface StoredCase extends Asked, Answer {
  readonly cookie: string | null
  readonly stored: Readonly<Record<string, string>>
  readonly after: Readonly<Record<string, Kept>>
}

interface HttpRecording {
  readonly cases: readonly CookieCase[]
  readonly older: { readonly cases: readonly CookieCase[] }
}

export interface File {
  readonly name: string
  readonly hex: string
}

interface SessionRecording {
  readonly signer: readonly { secret: string; sid: string; cookie: string }[]
  readonly redis: readonly StoredCase[]
  readonly rewriting: readonly {
    name: string
    from: string
    to: string
    hex: string
    status: number
    after: string | null
  }[]
  readonly sqlalchemy: {
    readonly schema: string
    readonly steps: readonly (Answer & {
      name: string
      rows: readonly (readonly [id: number, key: string, hex: string, expiry: string])[]
    })[]
  }
  readonly files: { readonly files: readonly File[] }
  readonly files_without_count: { readonly files: readonly File[] }
  readonly cachelib_redis: { readonly after: Readonly<Record<string, Kept>> }
  readonly memcached: readonly (readonly [string, string, string, number, object])[]
  readonly mongodb: { readonly query: { readonly id: string }; readonly bson: string }
  readonly dynamodb: readonly (readonly [string, Readonly<Record<string, unknown>>])[]
  readonly legacy: readonly {
    readonly versions: Readonly<Record<string, string>>
    readonly redis: readonly StoredCase[]
    readonly files: { readonly files: readonly File[] }
    readonly memcached: readonly (readonly [string, string, string, number])[]
  }[]
}

function recording<T>(name: string): T {
  const file = new URL(`../../interop/fixtures/${name}.json`, import.meta.url)
  return JSON.parse(readFileSync(file, 'utf8')) as T
}

export const http: HttpRecording = recording('flask-http')
export const session: SessionRecording = recording('flask-session')
