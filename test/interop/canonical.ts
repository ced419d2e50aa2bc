/** One text for a value and its type, the same in TypeScript and in Python: `interop/peers/canonical.py`. */

import { pythonFloat } from '../../src/core/values.ts'
import { isTuple, tuple } from '../../src/index.ts'
import { Ext, Timestamp } from '../../src/serializers/msgpack/index.ts'
import {
  ByteArray,
  Decimal,
  DefaultDict,
  Float,
  FrozenSet,
  Markup,
  OrderedDict,
  PlainDate,
  PlainDateTime,
  PlainTime,
  Timedelta,
  Timezone,
  Uuid,
  ZonedDate,
} from '../../src/serializers/python/values.ts'

/** Throws on what Python has no counterpart of. */
export function canonical(value: unknown): string {
  switch (typeof value) {
    case 'boolean':
    case 'bigint':
      return String(value)
    case 'string':
      return quoted(value)
    case 'number':
      return Number.isSafeInteger(value) && !Object.is(value, -0) ? String(value) : float(value)
    case 'object':
      return value === null ? 'null' : objectText(value)
    default:
      throw new TypeError(`no canonical text for ${typeof value}`)
  }
}

function objectText(value: object): string {
  if (Array.isArray(value)) {
    const items = value.map(canonical).join(', ')
    return isTuple(value) ? `(${items})` : `[${items}]`
  }
  if (value instanceof Float) return float(value.value)
  if (value instanceof Markup) return `Markup ${quoted(value.html)}`
  if (value instanceof Uint8Array) {
    const name = value instanceof ByteArray ? 'bytearray' : 'bytes'
    return `${name} ${Buffer.from(value).toString('hex')}`
  }
  if (value instanceof Set) {
    const name = value instanceof FrozenSet ? 'frozenset' : 'set'
    return `${name}{${[...value].map(canonical).sort(byCodePoint).join(', ')}}`
  }
  if (value instanceof Map) return mapText(value)
  if (value instanceof Uuid) return `UUID ${value.text}`
  if (value instanceof Decimal) return `Decimal ${value.text}`
  if (value instanceof Ext) {
    return `Ext(${value.type}, ${Buffer.from(value.data).toString('hex')})`
  }
  return timeText(value) ?? mapText(new Map(Object.entries(value)))
}

function mapText(map: ReadonlyMap<unknown, unknown>): string {
  const pairs = [...map].map(([key, value]) => `${keyText(key)}: ${canonical(value)}`)
  if (map instanceof OrderedDict) return `OrderedDict{${pairs.join(', ')}}`
  const name = map instanceof DefaultDict ? `defaultdict ${map.factory ?? 'None'}` : ''
  return `${name}{${pairs.sort(byCodePoint).join(', ')}}`
}

/** A list in a key can only be a tuple in Python, also where the format knows no tuples. */
function keyText(key: unknown): string {
  return canonical(tuplesOf(key))
}

function tuplesOf(key: unknown): unknown {
  return Array.isArray(key) ? tuple(...key.map(tuplesOf)) : key
}

function timeText(value: object): string | undefined {
  if (value instanceof Date) {
    const fine = value instanceof Timestamp ? Math.floor(value.nanoseconds / 1000) % 1000 : 0
    const microseconds = BigInt(value.getTime()) * 1000n + BigInt(fine)
    if (!(value instanceof ZonedDate)) return `datetime ${microseconds} 0`
    return `datetime ${microseconds} ${zoneText(value.zone)}${folded(value)}`
  }
  if (value instanceof PlainDateTime) return `naive ${value.text}${folded(value)}`
  if (value instanceof PlainDate) return `date ${value.text}`
  if (value instanceof PlainTime) {
    const zone = value.zone === undefined ? '' : ` ${zoneText(value.zone)}`
    return `time ${value.text}${zone}${folded(value)}`
  }
  if (value instanceof Timedelta) {
    return `timedelta(${value.days}, ${value.seconds}, ${value.microseconds})`
  }
  return value instanceof Timezone ? `timezone ${zoneText(value)}` : undefined
}

function zoneText({ offset, label }: Timezone): string {
  const { days, seconds, microseconds } = offset
  const whole = BigInt(days * 86_400 + seconds) * 1_000_000n + BigInt(microseconds)
  return label === undefined ? String(whole) : `${whole} ${quoted(label)}`
}

function folded({ fold }: { readonly fold: number }): string {
  return fold === 1 ? ' later' : ''
}

function float(value: number): string {
  return pythonFloat(value).replace('NaN', 'nan').replace('Infinity', 'inf')
}

/** As Python's `json.dumps`. */
function quoted(text: string): string {
  return JSON.stringify(text).replace(
    /[^ -~]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** All are ASCII, so this is Python's order too. */
function byCodePoint(a: string, b: string): number {
  return a < b ? -1 : Number(a > b)
}
