/** Flask-Session's records: one format is written, and all that any version wrote are read. */

import { Buffer } from 'node:buffer'
import type { Entries, EntryKey, Serializer } from '../../core/serializer.ts'
import { Float, floatsLike, isDeepStrictEqual, secondsOf } from '../../core/values.ts'
import { ConfigError, SerializationError } from '../../errors.ts'
import { json } from '../../serializers/json/index.ts'
import { msgpack } from '../../serializers/msgpack/index.ts'
import { type PickleEntry, pickle } from '../../serializers/pickle/index.ts'
import { padded } from '../../serializers/python/dates.ts'
import {
  Decimal,
  Markup,
  PlainDate,
  PlainDateTime,
  PlainTime,
  Timedelta,
  Uuid,
  exactFloats as withExactFloats,
  ZonedDate,
} from '../../serializers/python/values.ts'
import { isPlainObject } from '../../serializers/shared/path.ts'

/** `msgpack` and `json` of Flask-Session 0.7 and later, `pickle` of earlier ones and cachelib. */
export type FlaskFormat = 'msgpack' | 'json' | 'pickle' | 'cachelib-redis'

interface Format {
  readonly serializer: Serializer
  /** The types that it holds; values of others are converted. Absent: pickle, which holds all, also foreign objects. */
  readonly holds?: BuiltinTypes
}

const PICKLE = pickle({ protocol: 4 })
const FORMATS: Readonly<Record<FlaskFormat, Format>> = {
  msgpack: { serializer: msgpack as Serializer, holds: { binary: true, bigints: false } },
  json: { serializer: json as Serializer, holds: { binary: false, bigints: true } },
  pickle: { serializer: PICKLE as Serializer },
  'cachelib-redis': { serializer: marked(PICKLE) as Serializer },
}

/** An entry and its format. */
interface FormattedEntry {
  readonly format: Format
  readonly entry: unknown
}

/**
 * The serializer of a preset. It tries each format, the written one first. Unchanged entries of the written format keep
 * their bytes. A record of another format is converted when it changes: a type that the new format lacks becomes what
 * msgspec makes of it, such as a list of a tuple. A record with a `Foreign` object is written as pickle, which keeps it.
 *
 * @throws {ConfigError} For an unknown format.
 */
export function flaskRecords(name: FlaskFormat, exactFloats: boolean): Serializer {
  if (!Object.hasOwn(FORMATS, name)) {
    const names = Object.keys(FORMATS).join(', ')
    throw new ConfigError(`Format '${String(name)}' is unknown. Valid formats: ${names}.`)
  }
  const written = FORMATS[name]
  const formats = [...new Set([written, ...Object.values(FORMATS)])]
  const keeper = written.holds === undefined ? written : FORMATS.pickle

  const serializer: Serializer<FormattedEntry> = {
    name: formats.map((format) => format.serializer.name).join(' or '),

    split(bytes) {
      for (const format of formats) {
        const found = format.serializer.split(bytes)
        if (found === undefined) continue
        const entries: Entries<FormattedEntry> = new Map()
        for (const [key, entry] of found) entries.set(key, { format, entry })
        return entries
      }
      return undefined
    },

    join(entries) {
      const target = [...entries.values()].find(isForeign)?.format ?? written
      const converted: Entries = new Map()
      for (const [key, entry] of entries) converted.set(...convert(key, entry, target))
      return target.serializer.join(converted)
    },

    encode(value, like) {
      try {
        return encodeAs(written, value, like)
      } catch (error) {
        const kept = foreignEntry(keeper, value, like)
        if (kept === undefined) throw error
        return kept
      }
    },

    decode: ({ format, entry }, exact) => format.serializer.decode(entry, exact),

    equal(a, b) {
      if (a.format === b.format) return a.format.serializer.equal(a.entry, b.entry)
      const [left, right] = [a, b].map(({ format, entry }) => format.serializer.decode(entry))
      return isDeepStrictEqual(left, right)
    },
  }
  return (exactFloats ? withExactFloats(serializer) : serializer) as Serializer
}

/** Encodes a value with the floats of the entry that it takes the place of, which may be of another format. */
function encodeAs(
  format: Format,
  value: unknown,
  like: FormattedEntry | undefined,
): FormattedEntry {
  const { serializer } = format
  if (like === undefined || like.format === format) {
    return { format, entry: serializer.encode(value, like?.entry) }
  }
  const kept = floatsLike(value, () => like.format.serializer.decode(like.entry, true))
  return { format, entry: serializer.encode(kept) }
}

/** Whether the entry holds an object of a class that only pickle can keep. */
function isForeign({ format, entry }: FormattedEntry): boolean {
  return format.holds === undefined && (entry as PickleEntry).hasForeign
}

/** The key and its entry in another format. An error names the session key that the format cannot hold. */
function convert(
  key: EntryKey,
  { format, entry }: FormattedEntry,
  to: Format,
): [key: EntryKey, entry: unknown] {
  if (format === to) return [key, entry]
  try {
    if (typeof key === 'symbol') return convertPair(key, format.serializer.decodePair?.(entry), to)
    const value = format.serializer.decode(entry, true)
    const held = to.holds === undefined ? value : toBuiltins(value, to.holds)
    return [key, to.serializer.encode(held)]
  } catch (error) {
    if (!(error instanceof SerializationError)) throw error
    const name = typeof key === 'symbol' ? key.description : `'${key}'`
    const message = `Session key ${name}: ${error.message}`
    throw new SerializationError(message, {
      ...(typeof key === 'string' && { key }),
      cause: error,
    })
  }
}

/** As msgspec does: MessagePack keeps the key's type, and JSON makes a string of it. */
function convertPair(
  name: symbol,
  [key, value]: readonly [unknown, unknown] = [undefined, undefined],
  to: Format,
): [key: EntryKey, entry: unknown] {
  const { serializer, holds } = to
  const held = holds === undefined ? undefined : toBuiltins(new Map([[key, value]]), holds)
  const pairs = held instanceof Map ? [...held] : Object.entries(held ?? {})
  const [heldKey, heldValue] = pairs[0] ?? [key, value]
  if (typeof heldKey === 'string') return [heldKey, serializer.encode(heldValue)]
  if (serializer.encodePair !== undefined) return [name, serializer.encodePair(heldKey, heldValue)]
  throw new SerializationError(`${serializer.name} cannot hold it: delete the key in Python.`)
}

/** The pickle of a value with a foreign object in it. Undefined: there is none. */
function foreignEntry(
  format: Format,
  value: unknown,
  like: FormattedEntry | undefined,
): FormattedEntry | undefined {
  try {
    const formatted = encodeAs(format, value, like)
    return isForeign(formatted) ? formatted : undefined
  } catch {
    return undefined
  }
}

/** A pickle behind the `!` of cachelib's Redis, where plain integers are stored as digits. */
function marked(serializer: Serializer<PickleEntry>): Serializer<PickleEntry> {
  const mark = 0x21
  return {
    ...serializer,
    name: 'cachelib-redis',
    split: (bytes) => (bytes[0] === mark ? serializer.split(bytes.subarray(1)) : undefined),
    join(entries) {
      const bytes = serializer.join(entries)
      const framed = new Uint8Array(bytes.length + 1)
      framed[0] = mark
      framed.set(bytes, 1)
      return framed
    },
  }
}

/** The types that a format holds. Others become strings. */
interface BuiltinTypes {
  /** Bytes, dates in UTC, and maps with any key. */
  readonly binary: boolean
  /** Integers of any size. */
  readonly bigints: boolean
}

const TEXT_TYPES = [PlainDateTime, PlainDate, PlainTime, Uuid, Decimal]
const MIN_INT = -(2n ** 63n)
const MAX_INT = 2n ** 64n - 1n

/**
 * Converts Python's types as msgspec does for MessagePack or JSON: a tuple to a list, a UUID to a string. Parts that need
 * no change are shared with `value`.
 */
function toBuiltins(value: unknown, target: BuiltinTypes): unknown {
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
