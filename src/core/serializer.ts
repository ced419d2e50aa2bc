/**
 * The contract of a serializer: record ⇄ bytes. It cuts a record into its top-level entries without decoding them, so
 * that what was not touched goes back byte for byte.
 *
 * @module
 */

import type { SerializationError } from '../errors.ts'
import type { Float } from './values.ts'

/** The name of an entry. A key that is not a string rides along under a fresh symbol, invisible to the session. */
export type EntryKey = string | symbol

/** The entries of a record in order, each as it was written. What `E` is, only its serializer knows. */
export type Entries<E = unknown> = Map<EntryKey, E>

/** `E` is opaque: a slice of bytes for one format, a piece of text for another. */
export interface Serializer<E = unknown> {
  readonly name: string
  /**
   * Cuts a record without decoding its values. Undefined: these bytes are not such a record. Never throws, takes linear
   * time and does not recurse. A key that occurs twice keeps its first place and its last value, as in Python.
   */
  split(bytes: Uint8Array): Entries<E> | undefined
  /**
   * Puts a record together; untouched entries come out verbatim. Sees all entries, as a format may frame them by each
   * other. Throws {@link SerializationError} on a key that the format cannot hold.
   */
  join(entries: Entries<E>): Uint8Array
  /**
   * Throws {@link SerializationError} on what the format cannot hold. The result shares nothing with `value`.
   *
   * @param like The entry that the new one takes the place of, for a format that keeps what JavaScript's values do not
   * tell, such as which numbers are floats. Absent: there is none.
   */
  encode(value: unknown, like?: E): E
  /**
   * Gives a new value on each call. Throws {@link SerializationError} when the inside is damaged.
   *
   * @param exactFloats Whether a float that is whole, such as Python's `1.0`, becomes a {@link Float}, for a format that
   * tells it from an integer. Absent: it becomes a number.
   */
  decode(entry: E, exactFloats?: boolean): unknown
  /** The entry of a key that is not a string. Absent: the format has no such keys. */
  encodePair?(key: unknown, value: unknown): E
  /** The key and value of such an entry, with each whole float as a {@link Float}. Absent: there are none. */
  decodePair?(entry: E): readonly [key: unknown, value: unknown]
  /** Whether two entries are the same bytes. */
  equal(a: E, b: E): boolean
}
