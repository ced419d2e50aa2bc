/**
 * Python's collections and numbers that JavaScript has no type for.
 *
 * @module
 */

import { SerializationError } from '../../errors.ts'

export { exactFloat, Float } from '../../core/values.ts'

const DECIMAL =
  /^[+-]?(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]{1,18})?|inf(?:inity)?|s?nan[0-9]*)$/i

/** A decimal number of any precision, as Python's `decimal.Decimal`. */
export class Decimal {
  /** As it was given: `1.10` is not `1.1`. */
  readonly text: string

  /** Throws {@link SerializationError} unless it is a number that Python reads, such as `1.10`, `1E+3` or `NaN`. */
  constructor(text: string) {
    if (typeof text !== 'string' || !DECIMAL.test(text)) {
      throw new SerializationError('Not a decimal: pass digits such as 1.10 or 1E+3 as text.')
    }
    this.text = text
  }

  toString(): string {
    return this.text
  }

  toJSON(): string {
    return this.text
  }
}

/** Bytes that Python may change, as its `bytearray`; a Uint8Array of any other class is `bytes`. */
export class ByteArray extends Uint8Array<ArrayBuffer> {}

/** A set that Python cannot change, as its `frozenset`. */
export class FrozenSet<T = unknown> extends Set<T> {}

/** A dictionary that is proud of its order, as Python's `collections.OrderedDict`. */
export class OrderedDict<K = unknown, V = unknown> extends Map<K, V> {}

/** What may make the missing values of a {@link DefaultDict}: Python's types of these names. */
export const FACTORIES: ReadonlySet<string> = new Set([
  ...['bool', 'bytearray', 'bytes', 'complex', 'dict', 'float', 'frozenset'],
  ...['int', 'list', 'object', 'set', 'str', 'tuple'],
])

/** A dictionary that makes its missing values in Python, as `collections.defaultdict`. Here it is a Map. */
export class DefaultDict<K = unknown, V = unknown> extends Map<K, V> {
  /** The name of a built-in type, such as `list`; null: none. */
  readonly factory: string | null

  /** Throws {@link SerializationError} on another factory than a built-in type of data. */
  constructor(factory: string | null, pairs: Iterable<readonly [K, V]> = []) {
    super(pairs)
    if (factory !== null && !FACTORIES.has(factory)) {
      throw new SerializationError(
        `Not a factory: pass null or one of ${[...FACTORIES].join(', ')}.`,
      )
    }
    this.factory = factory
  }
}
