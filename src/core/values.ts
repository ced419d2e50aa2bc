/**
 * Values that JavaScript has no type of its own for, and what handling values of any kind needs.
 *
 * @module
 */

import { Buffer } from 'node:buffer'
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

/**
 * An instant that is finer than a millisecond, as Python's `datetime` is. Setting another millisecond drops what is
 * finer; moving it by whole seconds keeps it.
 */
export class Timestamp extends Date {
  /** Nanoseconds of the second, 0 to 999 999 999; they include the milliseconds. */
  readonly nanoseconds: number

  /** Takes whole seconds since 1970, rounded down, and the nanoseconds of that second, 0 to 999 999 999. */
  constructor(seconds: number, nanoseconds: number) {
    super(seconds * 1000 + Math.floor(nanoseconds / 1e6))
    this.nanoseconds = nanoseconds
  }
}

/** Whole seconds since 1970, rounded down, and the nanoseconds of that second. Both are NaN for an invalid date. */
export function secondsOf(date: Date): [seconds: number, nanoseconds: number] {
  const ms = Date.prototype.getTime.call(date)
  const seconds = Math.floor(ms / 1000)
  const rest = ms - seconds * 1000
  const own = date instanceof Timestamp ? date.nanoseconds : Number.NaN
  // The date may have been set to another millisecond since, and the field to anything.
  const finer = Math.floor(own / 1e6) === rest && own < 1e9 && Number.isInteger(own)
  return [seconds, finer ? own : rest * 1e6]
}

/** A Python float with its type kept: a whole one, which a number would turn into an int, becomes a {@link Float}. */
export function exactFloat(value: number): number | Float {
  return isInteger(value) ? new Float(value) : value
}

/** Whether formats write the number as an integer. They write -0 as a float, as no integer is -0. */
export function isInteger(value: number): boolean {
  return Number.isSafeInteger(value) && !Object.is(value, -0)
}

/** A number that is a float in Python, whole or not, such as `float(9)` for `9.0`. Session data takes it like a number. */
export function float(value: number): Float {
  return new Float(value)
}

/**
 * The value with a {@link Float} for each whole number that is where a float was: under the same key and, in a list, at
 * the same index. In a list of another length it is where its items had floats only.
 *
 * @param before The value that this one takes the place of, decoded so that whole floats are a `Float`.
 */
export function floatsLike(value: unknown, before: () => unknown): unknown {
  if (typeof value === 'number' ? !isInteger(value) : typeof value !== 'object') return value
  try {
    return new Place([before()]).fill(value)
  } catch {
    // What was there is damaged, or the value cannot be read, which its encoder reports.
    return value
  }
}

/** What was where a value is written now: one value, or those of all items of a list. */
class Place {
  readonly #before: readonly unknown[]
  #fields: Map<unknown, readonly [key: Place, value: Place]> | undefined
  #isFloat: boolean | undefined
  #lists: readonly (readonly unknown[])[] | undefined
  #columns: readonly Place[] | undefined
  #items: Place | undefined
  #dicts: readonly ReadonlyMap<unknown, readonly [unknown, unknown]>[] | undefined

  constructor(before: readonly unknown[]) {
    this.#before = before
  }

  fill(value: unknown): unknown {
    if (typeof value === 'number') return this.#holdFloats() ? exactFloat(value) : value
    if (typeof value !== 'object' || value === null) return value
    if (Array.isArray(value) || value instanceof Set) return this.#fillList(value)
    if (!isDict(value) || this.#allDicts().length === 0) return value
    if (value instanceof Map) {
      const pairs = Array.from(value, ([key, item]) => {
        const [keys, values] = this.#field(key)
        return [keys.fill(key), values.fill(item)] as const
      })
      return alike(new Map(pairs), value)
    }
    const object: Record<string, unknown> = {}
    for (const [key, item] of Object.entries(value)) {
      setOwn(object, key, this.#field(key)[1].fill(item))
    }
    return object
  }

  #fillList(list: readonly unknown[] | ReadonlySet<unknown>): unknown {
    if (this.#allLists().length === 0) return list
    // A set has no order.
    const length = Array.isArray(list) ? list.length : -1
    const items = Array.from(list, (item, index) => this.#item(index, length).fill(item))
    if (!Array.isArray(list)) return alike(new Set(items), list)
    return isTuple(list) ? tupleFrom(items) : items
  }

  #holdFloats(): boolean {
    if (this.#isFloat === undefined) {
      const numbers = this.#before.filter(
        (one) => ['number', 'bigint'].includes(typeof one) || one instanceof Float,
      )
      const isFloat = (one: unknown): boolean =>
        one instanceof Float || (typeof one === 'number' && !isInteger(one))
      this.#isFloat = numbers.length > 0 && numbers.every(isFloat)
    }
    return this.#isFloat
  }

  #allLists(): readonly (readonly unknown[])[] {
    this.#lists ??= this.#before.flatMap((one): unknown[][] => {
      if (one instanceof Set) return [[...one]]
      return Array.isArray(one) ? [one] : []
    })
    return this.#lists
  }

  /** The place of an item in a list of this length. */
  #item(index: number, length: number): Place {
    const lists = this.#allLists()
    if (lists.every((list) => list.length === length)) {
      this.#columns ??= Array.from({ length }, (_, i) => new Place(lists.map((list) => list[i])))
      return this.#columns[index] ?? NOWHERE
    }
    this.#items ??= new Place(lists.flat())
    return this.#items
  }

  /** The dictionaries, by what their keys are equal in. */
  #allDicts(): readonly ReadonlyMap<unknown, readonly [unknown, unknown]>[] {
    this.#dicts ??= this.#before.flatMap((one) => {
      if (!isDict(one)) return []
      const pairs: readonly [unknown, unknown][] =
        one instanceof Map ? [...one] : Object.entries(one)
      return [new Map(pairs.map((pair) => [identityOf(pair[0]), pair]))]
    })
    return this.#dicts
  }

  /** The place of a key, and that of its value. */
  #field(key: unknown): readonly [key: Place, value: Place] {
    const identity = identityOf(key)
    this.#fields ??= new Map()
    let field = this.#fields.get(identity)
    if (field === undefined) {
      const pairs = this.#allDicts().flatMap((dict) => {
        const pair = dict.get(identity)
        return pair === undefined ? [] : [pair]
      })
      field = [new Place(pairs.map(([one]) => one)), new Place(pairs.map(([, item]) => item))]
      this.#fields.set(identity, field)
    }
    return field
  }
}

const NOWHERE = new Place([])

function isDict(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return value instanceof Map || prototype === Object.prototype || prototype === null
}

/** The same for two keys that are equal in Python, such as bytes. An object that only Python knows is equal to itself. */
function identityOf(key: unknown): unknown {
  if (key instanceof Float) return key.value
  if (typeof key !== 'object' || key === null) return key
  try {
    return `${key.constructor.name}\0${JSON.stringify(toJson(key))}`
  } catch {
    return key
  }
}

/** The copy of a Map or Set, as an object of the class of the original. */
function alike<T extends object>(copy: T, original: T): T {
  return Object.assign(Object.setPrototypeOf(copy, Object.getPrototypeOf(original)), original) as T
}

/** As Python's `repr`: `1e+16`, `1e-05`, `9007199254740992.0`; also `nan` and `inf` as its JSON encoder has them. */
export function pythonFloat(value: number): string {
  if (!Number.isFinite(value)) return String(value)
  const [mantissa, exponent] = floatParts(value)
  if (exponent >= -4 && exponent < 16) return fixedFloat(value)
  const digits = String(Math.abs(exponent)).padStart(2, '0')
  return `${mantissa}e${exponent < 0 ? '-' : '+'}${digits}`
}

/** The shortest digits of a float, and its decimal exponent. */
export function floatParts(value: number): [mantissa: string, exponent: number] {
  const [mantissa = '', exponent = ''] = value.toExponential().split('e')
  return [mantissa, Number(exponent)]
}

/** A float without an exponent, with a fraction. */
export function fixedFloat(value: number): string {
  const text = Object.is(value, -0) ? '-0' : String(value)
  return text.includes('.') ? text : `${text}.0`
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

/** The value with what `JSON.stringify` refuses or empties replaced. Parts that need no change are those of `value`. */
export function toJson(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Set) return Array.from(value, toJson)
  if (Array.isArray(value)) {
    const items = value.map(toJson)
    return items.every((item, index) => item === value[index]) ? value : items
  }
  if (!isDict(value)) return value
  const pairs: [unknown, unknown][] = value instanceof Map ? [...value] : Object.entries(value)
  const converted = pairs.map(([key, item]) => [key, toJson(item)] as const)
  const same = !(value instanceof Map) && converted.every(([, item], at) => item === pairs[at]?.[1])
  if (same) return value
  const object: Record<string, unknown> = {}
  for (const [key, item] of converted) setOwn(object, String(key), item)
  return object
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
