/**
 * Several formats read as one: the format of a record is found by trying each, and one format is written.
 *
 * @module
 */

import type { Entries, EntryKey } from '../../core/serializer.ts'
import { isDeepStrictEqual } from '../../core/values.ts'
import { SerializationError } from '../../errors.ts'
import type { FloatSerializer } from '../../serializers/python/values.ts'
import { type BuiltinTypes, toBuiltins } from './builtins.ts'

/** A format among others. */
export interface Format {
  readonly serializer: FloatSerializer
  /** The types that it holds by itself; others are converted. Absent: it holds all that the other formats do. */
  readonly holds?: BuiltinTypes
  /** Whether an entry holds objects that only this format can keep. Absent: it keeps none. */
  readonly isForeign?: (entry: unknown) => boolean
}

/** An entry, and the format that it is in. */
export interface FormattedEntry {
  readonly format: Format
  readonly entry: unknown
}

/**
 * Writes the first format and reads all. Each is tried in turn, so a record of one must not be a record of another. In a
 * record of the first format untouched entries go back byte for byte. A record of another one is converted when it
 * changes: a type that the first format lacks becomes what msgspec makes of it, such as a list of a tuple and text of a
 * UUID. One that holds a `Foreign` object is written in the format that can keep it.
 */
export function multiFormat(
  formats: readonly [Format, ...Format[]],
): FloatSerializer<FormattedEntry> {
  const [written] = formats
  const keeper = formats.find((format) => format.isForeign !== undefined) ?? written

  return {
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
      const foreign = [...entries.values()].find(({ format, entry }) => format.isForeign?.(entry))
      const target = foreign?.format ?? written
      const converted: Entries = new Map()
      for (const [key, entry] of entries) converted.set(key, convert(key, entry, target))
      return target.serializer.join(converted)
    },

    encode(value, like) {
      try {
        const replaced = like?.format === written ? like.entry : undefined
        return { format: written, entry: written.serializer.encode(value, replaced) }
      } catch (error) {
        const entry = foreignEntry(value, keeper)
        if (entry === undefined) throw error
        return { format: keeper, entry }
      }
    },

    decode: ({ format, entry }, exactFloats) => format.serializer.decode(entry, exactFloats),

    equal: (a, b) =>
      a.format === b.format
        ? a.format.serializer.equal(a.entry, b.entry)
        : isDeepStrictEqual(
            a.format.serializer.decode(a.entry),
            b.format.serializer.decode(b.entry),
          ),
  }
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

/** The entry of a value that only `keeper` can hold, as there is a foreign object in it. */
function foreignEntry(value: unknown, { serializer, isForeign }: Format): unknown {
  if (isForeign === undefined) return undefined
  try {
    const entry = serializer.encode(value)
    return isForeign(entry) ? entry : undefined
  } catch {
    return undefined
  }
}
