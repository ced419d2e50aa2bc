/** The rows of the matrix: a Flask, and what it keeps its sessions in. */

import type { FlaskFormat } from 'vial/compat/flask-session'
import type { ServiceName } from '../../scripts/services/names.ts'
import type { ValueFormat } from './values.ts'

/** Which Flask: that of the virtual environment, or Debian's. */
export type Generation = 'modern' | 'legacy'

/** What sessions are kept in, as `interop/peers/backends.py` calls it. */
export type Backend =
  | 'cookie'
  | 'redis'
  | 'memcached'
  | 'sqlalchemy'
  | 'mongodb'
  | 'dynamodb'
  | 'filesystem'
  | 'cachelib-file'
  | 'cachelib-redis'

export interface Row {
  readonly flask: Generation
  readonly backend: Backend
  /** What Flask keeps the values in. */
  readonly values: ValueFormat
  /** What vial writes; undefined: it is all in the cookie. */
  readonly format?: FlaskFormat
  readonly signer: boolean
  /** Whether vial reads a whole float as a `Float`, which is not its default. */
  readonly exactFloats: boolean
  /** The server that it needs. */
  readonly service?: ServiceName
  /** SQLite, which needs a Node of its own. */
  readonly sqlite?: true
  /** Packages of Debian that this Flask uses in place of its own. */
  readonly borrows?: readonly string[]
  /** What else distinguishes this row from others. */
  readonly note?: string
}

type Settings = Omit<Row, 'flask' | 'signer' | 'exactFloats'> & {
  readonly signer?: true
  readonly exactFloats?: true
}

function row(flask: Generation, { signer, exactFloats, ...settings }: Settings): Row {
  return { flask, signer: signer === true, exactFloats: exactFloats === true, ...settings }
}

const sqlite = { backend: 'sqlalchemy', sqlite: true } as const
const msgpack = { format: 'msgpack', values: 'msgpack' } as const
const json = { format: 'json', values: 'json' } as const
const pickle = { format: 'pickle', values: 'pickle' } as const
const exactFloats = true

const MODERN: readonly Settings[] = [
  { backend: 'cookie', values: 'tagged-json' },
  { backend: 'redis', service: 'redis', ...msgpack },
  { backend: 'redis', service: 'redis', ...json },
  { backend: 'redis', service: 'redis', ...msgpack, signer: true },
  { backend: 'memcached', service: 'memcached', ...msgpack, borrows: ['pymemcache'] },
  { ...sqlite, ...msgpack },
  { ...sqlite, ...json },
  { backend: 'sqlalchemy', service: 'postgres', ...msgpack },
  { backend: 'sqlalchemy', service: 'mariadb', ...msgpack },
  { backend: 'mongodb', service: 'mongodb', ...msgpack },
  { backend: 'dynamodb', service: 'dynamodb', ...msgpack },
  { backend: 'filesystem', ...pickle },
  { backend: 'cachelib-file', ...pickle },
  { backend: 'cachelib-file', ...pickle, borrows: ['cachelib'], note: 'MD5 names' },
  { backend: 'cachelib-redis', service: 'redis', values: 'pickle', format: 'cachelib-redis' },
  { backend: 'cookie', values: 'tagged-json', exactFloats },
  { backend: 'redis', service: 'redis', ...msgpack, exactFloats },
  { backend: 'redis', service: 'redis', ...json, exactFloats },
  { backend: 'filesystem', ...pickle, exactFloats },
]

const LEGACY: readonly Settings[] = [
  { backend: 'cookie', values: 'tagged-json' },
  { backend: 'redis', service: 'redis', ...pickle },
  { backend: 'redis', service: 'redis', ...pickle, signer: true },
  { backend: 'memcached', service: 'memcached', ...pickle },
  { ...sqlite, ...pickle },
  { backend: 'sqlalchemy', service: 'postgres', ...pickle },
  { backend: 'sqlalchemy', service: 'mariadb', ...pickle },
  { backend: 'mongodb', service: 'mongodb', ...pickle },
  { backend: 'filesystem', ...pickle },
]

export const ROWS: readonly Row[] = [
  ...MODERN.map((settings) => row('modern', settings)),
  ...LEGACY.map((settings) => row('legacy', settings)),
]

/** Such as `modern, sqlalchemy on postgres, msgpack`. */
export function titleOf({ flask, ...rest }: Row): string {
  return `${flask}, ${placeOf(rest)}, ${formatOf(rest)}`
}

export function placeOf({ backend, service, sqlite: onSqlite, note }: Omit<Row, 'flask'>): string {
  const on = onSqlite ? ' on sqlite' : backend === 'sqlalchemy' ? ` on ${service}` : ''
  return `${backend}${on}${note === undefined ? '' : ` (${note})`}`
}

export function formatOf({ values, signer, exactFloats }: Omit<Row, 'flask'>): string {
  return `${values}${signer ? ', signed id' : ''}${exactFloats ? ', exact floats' : ''}`
}
