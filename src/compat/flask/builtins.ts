/**
 * Converts Python's types as msgspec does for MessagePack or JSON: a tuple to a list, a UUID to a string.
 *
 * @module
 */

import { Buffer } from 'node:buffer'
import { Float } from '../../core/values.ts'
import {
  Decimal,
  Markup,
  PlainDate,
  PlainDateTime,
  PlainTime,
  Timedelta,
  Uuid,
  ZonedDate,
} from '../../serializers/python/values.ts'
import { isPlainObject } from '../../serializers/shared/path.ts'
import { secondsOf } from '../../serializers/shared/timestamp.ts'

/** The types that a format holds. Others become strings. */
export interface BuiltinTypes {
  /** Bytes, dates in UTC, and maps with any key. */
  readonly binary: boolean
  /** Integers of any size. */
  readonly bigints: boolean
}

const TEXT_TYPES = [PlainDateTime, PlainDate, PlainTime, Uuid, Decimal]
const MIN_INT = -(2n ** 63n)
const MAX_INT = 2n ** 64n - 1n

/** Converts the types that the format lacks. Parts that need no change are shared with `value`. */
export function toBuiltins(value: unknown, target: BuiltinTypes): unknown {
  if (typeof value === 'bigint') {
    return target.bigints || (value >= MIN_INT && value <= MAX_INT) ? value : String(value)
  }
  if (typeof value === 'number') return Number.isFinite(value) || target.binary ? value : null
  if (typeof value !== 'object' || value === null || value instanceof Float) return value
  if (Array.isArray(value)) return value.map((item) => toBuiltins(item, target))
  if (value instanceof Set) return [...value].map((item) => toBuiltins(item, target))
  if (value instanceof Map) return mapToBuiltins(value, target)
  if (value instanceof Uint8Array) {
    return target.binary ? new Uint8Array(value) : Buffer.from(value).toString('base64')
  }
  if (value instanceof Date) return target.binary ? value : dateText(value)
  if (value instanceof Markup) return value.html
  if (value instanceof Timedelta) return value.toJSON()
  if (TEXT_TYPES.some((type) => value instanceof type)) return (value as Uuid).text
  return isPlainObject(value) ? mapToBuiltins(new Map(Object.entries(value)), target) : value
}

function mapToBuiltins(map: ReadonlyMap<unknown, unknown>, target: BuiltinTypes): unknown {
  const pairs = [...map].map(([key, value]) => [
    toBuiltins(key, target),
    toBuiltins(value, target),
  ]) as [unknown, unknown][]
  if (pairs.every(([key]) => typeof key === 'string')) return Object.fromEntries(pairs)
  return target.binary
    ? new Map(pairs)
    : Object.fromEntries(pairs.map(([key, value]) => [String(key), value]))
}

/** ISO 8601 in the date's own zone, whose offset msgspec rounds to minutes: `2024-02-29T12:34:56Z`, `…56.789012+05:30`. */
function dateText(date: Date): string {
  const offset = date instanceof ZonedDate ? date.zone.offset.milliseconds : 0
  const text = new Date(Date.prototype.getTime.call(date) + offset).toISOString()
  const [, nanoseconds] = secondsOf(date)
  const fraction = padded(Math.floor(nanoseconds / 1000), 6)
  const minutes = Math.round(offset / 60_000)
  const size = Math.abs(minutes)
  const zone = `${minutes < 0 ? '-' : '+'}${padded(Math.floor(size / 60), 2)}:${padded(size % 60, 2)}`
  return `${text.slice(0, -5)}${fraction === '000000' ? '' : `.${fraction}`}${minutes === 0 ? 'Z' : zone}`
}

function padded(value: number, size: number): string {
  return String(value).padStart(size, '0')
}
