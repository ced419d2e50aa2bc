/**
 * Several formats read as one: what a record is in is found by looking; one format is written.
 *
 * @module
 */

import type { Entries, EntryKey, Serializer } from '../../core/serializer.ts'
import { isDeepStrictEqual } from '../../core/values.ts'
import { SerializationError } from '../../errors.ts'
import { type PlainTarget, plainOf } from './builtins.ts'

/** A format among others. */
export interface Format {
  readonly serializer: Serializer
  /** Decodes the same entries with more of their types, for another format. Absent: `serializer` does. */
  readonly exact?: Serializer
  /** What it holds by itself. Absent: everything that the others do. */
  readonly holds?: PlainTarget
}

/** An entry, and the format that it is in. */
export interface Piece {
  readonly from: Format
  readonly entry: unknown
}

/**
 * Writes the first format and reads all, each tried in turn, so they must not be mistaken for each other. In a record
 * of the first format untouched entries go back byte for byte. A record of another one is rewritten when it changes:
 * what the first format lacks becomes what msgspec makes of it, such as a list of a tuple and text of a UUID.
 */
export function several(formats: readonly [Format, ...Format[]]): Serializer<Piece> {
  const [written] = formats
  const { serializer } = written
  return {
    name: formats.map((format) => format.serializer.name).join(' or '),

    split(bytes) {
      for (const from of formats) {
        const found = from.serializer.split(bytes)
        if (found === undefined) continue
        const entries: Entries<Piece> = new Map()
        for (const [key, entry] of found) entries.set(key, { from, entry })
        return entries
      }
      return undefined
    },

    join(entries) {
      const pieces: Entries = new Map()
      for (const [key, { from, entry }] of entries) {
        if (typeof key === 'symbol' && from !== written) {
          throw new SerializationError(
            `The record is ${from.serializer.name} and has a key that is not a string, which cannot be rewritten as ${serializer.name}.`,
          )
        }
        pieces.set(
          key,
          from === written ? entry : named(key, () => rewritten(from, entry, written)),
        )
      }
      return serializer.join(pieces)
    },

    encode: (value) => ({ from: written, entry: serializer.encode(value) }),
    decode: ({ from, entry }) => from.serializer.decode(entry),
    equal: (a, b) =>
      a.from === b.from
        ? a.from.serializer.equal(a.entry, b.entry)
        : isDeepStrictEqual(a.from.serializer.decode(a.entry), b.from.serializer.decode(b.entry)),
  }
}

function rewritten(from: Format, entry: unknown, { serializer, holds }: Format): unknown {
  const value = (from.exact ?? from.serializer).decode(entry)
  return serializer.encode(holds === undefined ? value : plainOf(value, holds))
}

/** Says of which session key it is that the written format cannot hold it. */
function named<T>(key: EntryKey, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof SerializationError) || typeof key === 'symbol') throw error
    throw new SerializationError(`Session key '${key}': ${error.message}`, { key, cause: error })
  }
}
