/**
 * Values that JavaScript has no type of its own for, and what handling values of any kind needs.
 *
 * @module
 */

import { SerializationError } from '../errors.ts'

const TUPLE: unique symbol = Symbol.for('vial.tuple')

/**
 * Python's tuple: a frozen array that formats with tuples write as one. Methods such as `map` return ordinary arrays.
 * Flask keeps each flashed message as a tuple, and its cookie tells tuples from lists.
 */
export type Tuple<Items extends readonly unknown[] = readonly unknown[]> = Items & {
  readonly [TUPLE]: true
}

/** Makes a tuple of its arguments. */
export function tuple<const Items extends readonly unknown[]>(...items: Items): Tuple<Items> {
  return tupleFrom(items)
}

/** Makes a list of any length a tuple: the list itself, frozen. */
export function tupleFrom<Items extends readonly unknown[]>(items: Items): Tuple<Items> {
  Object.defineProperty(items, TUPLE, { value: true, enumerable: true })
  return Object.freeze(items) as Tuple<Items>
}

/** Tells a tuple from a list. */
export function isTuple(value: unknown): value is Tuple {
  return Array.isArray(value) && (value as Partial<Tuple>)[TUPLE] === true
}

/** A number that is a `float` in Python, also when it is whole: `new Float(1)` is `1.0`, and `1` is an `int`. */
export class Float {
  readonly value: number

  /** @throws {SerializationError} Unless `value` is a number. */
  constructor(value: number) {
    if (typeof value !== 'number') {
      throw new SerializationError('Float takes a number: pass one.')
    }
    this.value = value
  }

  /** The number, so that arithmetic works. */
  valueOf(): number {
    return this.value
  }

  /** So that a template shows the number. */
  toString(): string {
    return String(this.value)
  }

  toJSON(): number {
    return this.value
  }
}

/** A Python float with its type kept: a whole one, which a number would turn into an int, becomes a {@link Float}. */
export function exactFloat(value: number): number | Float {
  return isInteger(value) ? new Float(value) : value
}

/** Whether formats write the number as an integer. They write -0 as a float, as no integer is -0. */
export function isInteger(value: number): boolean {
  return Number.isSafeInteger(value) && !Object.is(value, -0)
}

/** Sets an own property, also for a name such as `__proto__`, where an assignment would reach the prototype. */
export function setOwn(object: Record<string, unknown>, key: string, value: unknown): void {
  if (key in Object.prototype) {
    const descriptor = { value, writable: true, enumerable: true, configurable: true }
    Object.defineProperty(object, key, descriptor)
  } else {
    object[key] = value
  }
}

let deepEqual: ((a: unknown, b: unknown) => boolean) | undefined

/**
 * `isDeepStrictEqual` of `node:util`. The module is loaded on the first call, since an `import` of it takes
 * milliseconds of every start.
 */
export function isDeepStrictEqual(a: unknown, b: unknown): boolean {
  deepEqual ??= process.getBuiltinModule('node:util').isDeepStrictEqual
  return deepEqual(a, b)
}
