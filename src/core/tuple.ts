/**
 * Python's tuple: a list that cannot change. Flask keeps each flashed message as one, and its cookie tells tuples from
 * lists, so the difference has to survive a round trip.
 *
 * @module
 */

const TUPLE: unique symbol = Symbol.for('vial.tuple')

/** A frozen array that formats with tuples write as one. Methods such as `map` give ordinary arrays. */
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
