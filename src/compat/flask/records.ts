/**
 * Flask-Session's records: one format is written, and all that any version wrote are read.
 *
 * @module
 */

import type { Entries, EntryKey, Serializer } from '../../core/serializer.ts'
import { isDeepStrictEqual } from '../../core/values.ts'
import { ConfigError, SerializationError } from '../../errors.ts'
import { json } from '../../serializers/json/index.ts'
import { msgpack } from '../../serializers/msgpack/index.ts'
import { type PickleEntry, pickle } from '../../serializers/pickle/index.ts'
import {
  type FloatSerializer,
  exactFloats as withExactFloats,
} from '../../serializers/python/values.ts'
import { type BuiltinTypes, toBuiltins } from './builtins.ts'

/** `msgpack` and `json` of Flask-Session 0.7 and later, `pickle` of earlier ones and cachelib. */
export type FlaskFormat = 'msgpack' | 'json' | 'pickle' | 'cachelib-redis'

interface Format {
  readonly serializer: FloatSerializer
  /** The types that it holds; values of others are converted. Absent: pickle, which holds all, also foreign objects. */
  readonly holds?: BuiltinTypes
}

const PICKLE = pickle({ protocol: 4 })
const FORMATS: Readonly<Record<FlaskFormat, Format>> = {
  msgpack: { serializer: msgpack as FloatSerializer, holds: { binary: true, bigints: false } },
  json: { serializer: json as FloatSerializer, holds: { binary: false, bigints: true } },
  pickle: { serializer: PICKLE as FloatSerializer },
  'cachelib-redis': { serializer: marked(PICKLE) as FloatSerializer },
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

  const serializer: FloatSerializer<FormattedEntry> = {
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
      for (const [key, entry] of entries) converted.set(key, convert(key, entry, target))
      return target.serializer.join(converted)
    },

    encode(value, like) {
      try {
        const replaced = like?.format === written ? like.entry : undefined
        return { format: written, entry: written.serializer.encode(value, replaced) }
      } catch (error) {
        const kept = foreignEntry(value, keeper)
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

/** Whether the entry holds an object of a class that only pickle can keep. */
function isForeign({ format, entry }: FormattedEntry): boolean {
  return format.holds === undefined && (entry as PickleEntry).hasForeign
}

/** The entry in another format. An error names the session key that the format cannot hold. */
function convert(key: EntryKey, { format, entry }: FormattedEntry, to: Format): unknown {
  if (format === to) return entry
  if (typeof key === 'symbol') {
    throw new SerializationError(
      `The record is ${format.serializer.name} and has a key that is not a string, which ${to.serializer.name} cannot hold: delete the key in Python.`,
    )
  }
  try {
    const value = format.serializer.decode(entry, true)
    return to.serializer.encode(to.holds === undefined ? value : toBuiltins(value, to.holds))
  } catch (error) {
    if (!(error instanceof SerializationError)) throw error
    throw new SerializationError(`Session key '${key}': ${error.message}`, { key, cause: error })
  }
}

/** The pickle of a value with a foreign object in it. Undefined: there is none. */
function foreignEntry(value: unknown, format: Format): FormattedEntry | undefined {
  try {
    const formatted = { format, entry: format.serializer.encode(value) }
    return isForeign(formatted) ? formatted : undefined
  } catch {
    return undefined
  }
}

/** A pickle behind the `!` of cachelib's Redis, where plain integers are stored as digits. */
function marked(serializer: FloatSerializer<PickleEntry>): FloatSerializer<PickleEntry> {
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
