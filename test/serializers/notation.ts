/**
 * The vectors of `interop/fixtures` and what their notation of Python values means here.
 */

import { readFileSync } from 'node:fs'
import { tuple } from 'vial'
import { Timestamp } from 'vial/serializers/msgpack'
import { Markup, Uuid } from 'vial/serializers/python-values'

export type Notation = null | boolean | string | TypedNotation

type TypedNotation =
  | { t: 'int' | 'float' | 'decimal' | 'uuid' | 'markup'; v: string }
  | { t: 'bytes'; hex: string }
  | { t: 'list' | 'tuple' | 'set' | 'frozenset'; v: Notation[] }
  | { t: 'dict'; v: [Notation, Notation][] }
  | { t: 'datetime'; iso: string; tz: string | null }
  | { t: 'date' | 'time'; iso: string }
  | { t: 'timedelta'; days: number; seconds: number; microseconds: number }
  | { t: 'str_surrogates'; v: number[] }
  | { t: 'python'; type: string; repr: string }

export interface Recorded {
  readonly hex?: string
  readonly text?: string
  readonly decoded?: Notation
  readonly encode_error?: string
}

export interface Vectors {
  readonly cookie: {
    readonly serialize: {
      readonly name: string
      readonly input: Notation
      readonly json_in_app_context: string
      readonly cookie: string
      readonly decoded: Notation
    }[]
    readonly serialize_edge: { name: string; input: Notation; error?: string; json?: string }[]
    readonly verify: { name: string; cookie: string }[]
  }
  readonly msgspec: {
    readonly cases: { name: string; input: Notation; msgpack: Recorded; json: Recorded }[]
    readonly decode: {
      readonly name: string
      readonly format: 'msgpack' | 'json'
      readonly hex: string
      readonly decoded?: Notation
      readonly error?: string
    }[]
  }
}

const file = new URL('../../interop/fixtures/flask-vectors.json', import.meta.url)

export const vectors: Vectors = JSON.parse(readFileSync(file, 'utf8')) as Vectors

/** A Python value that has no counterpart here. */
export class NotHere extends Error {}

/** The value that stands for it here. Throws {@link NotHere}. */
export function fromNotation(node: Notation): unknown {
  if (node === null || typeof node !== 'object') return node
  switch (node.t) {
    case 'int': {
      const value = BigInt(node.v)
      return Number.isSafeInteger(Number(value)) ? Number(value) : value
    }
    case 'float':
      return Number(node.v.replace('inf', 'Infinity'))
    case 'bytes':
      return new Uint8Array(Buffer.from(node.hex, 'hex'))
    case 'list':
      return node.v.map(fromNotation)
    case 'tuple':
      return tuple(...node.v.map(fromNotation))
    case 'set':
    case 'frozenset':
      return new Set(node.v.map(fromNotation))
    case 'dict':
      return dictionary(node.v)
    case 'datetime':
      return instant(node)
    case 'uuid':
      return new Uuid(node.v)
    case 'markup':
      return new Markup(node.v)
    case 'str_surrogates':
      return node.v.map((point) => String.fromCodePoint(point)).join('')
    default:
      throw new NotHere(node.t)
  }
}

function dictionary(pairs: [Notation, Notation][]): unknown {
  const known = pairs.map(([key, value]): [unknown, unknown] => [
    fromNotation(key),
    fromNotation(value),
  ])
  if (known.some(([key]) => typeof key !== 'string')) return new Map(known)
  return Object.fromEntries(known as [string, unknown][])
}

function instant({ iso, tz }: { iso: string; tz: string | null }): Date {
  if (tz === null) throw new NotHere('naive datetime')
  const [, micros = '0'] = /\.(\d{6})/.exec(iso) ?? []
  const seconds = Date.parse(iso.replace(/\.\d+/, '')) / 1000
  const nanoseconds = Number(micros) * 1000
  return nanoseconds % 1e6 === 0
    ? new Date(seconds * 1000 + nanoseconds / 1e6)
    : new Timestamp(seconds, nanoseconds)
}
