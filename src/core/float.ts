/**
 * Python's float, also when it is whole: JavaScript does not tell `1.0` from `1`, Python does.
 *
 * @module
 */

import { SerializationError } from '../errors.ts'

/** A number that is a `float` in Python, also when it is whole: `new Float(1)` is `1.0`. */
export class Float {
  readonly value: number

  /** Throws {@link SerializationError} unless `value` is a number. */
  constructor(value: number) {
    if (typeof value !== 'number') {
      throw new SerializationError('Float takes a number: pass one.')
    }
    this.value = value
  }

  valueOf(): number {
    return this.value
  }

  toJSON(): number {
    return this.value
  }
}

/** A float as it is to be kept: one that is whole is written as an integer unless it is a {@link Float}. */
export function exactFloat(value: number): number | Float {
  return isInteger(value) ? new Float(value) : value
}

/** Whether the number is written as an integer; -0 has none. */
export function isInteger(value: number): boolean {
  return Number.isSafeInteger(value) && !Object.is(value, -0)
}
