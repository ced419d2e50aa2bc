/**
 * A session as a handler holds it: one visitor's dictionary for the length of one request.
 *
 * @module
 */

import { StateError } from '../errors.ts'
import { AnySession, workOf } from './any-session.ts'
import { encodeOf, Misfit } from './changes.ts'
import { isReserved } from './record.ts'
import type { Work } from './session-state.ts'
import { exactFloat, Float, isInteger } from './values.ts'

/** What untyped sessions hold. */
export type Fields = Record<string, unknown>
/** The keys of a session's data. */
export type Keys<Data> = keyof Data & string
/** The keys whose values are `Value`; every key when the data is untyped. */
export type KeysOf<Data, Value> = {
  [K in keyof Data]-?: unknown extends Data[K] ? K : NonNullable<Data[K]> extends Value ? K : never
}[keyof Data] &
  string
type Item<Value> = unknown extends Value
  ? unknown
  : NonNullable<Value> extends readonly (infer T)[]
    ? T
    : never

/**
 * The dictionary. Values that are objects may be changed in place: `session.get('cart')?.push(item)` is saved.
 * Everything that writes throws {@link StateError} once the response headers have left.
 */
export class Session<Data extends object = Fields>
  extends AnySession
  implements Iterable<[Keys<Data>, unknown]>
{
  // Where none is written, V8 takes 0.3 µs to find that out.
  constructor(work: Work) {
    super(work)
  }

  /**
   * The value of a key, or `fallback` when there is none. A fallback is not stored: see {@link setDefault}.
   *
   * @throws {SerializationError} When the stored value is damaged.
   */
  get<K extends Keys<Data>>(key: K): Data[K] | undefined
  get<K extends Keys<Data>, F>(key: K, fallback: F): Exclude<Data[K], undefined> | F
  get(key: string, fallback?: unknown): unknown {
    if (isReserved(key)) return fallback
    const value = workOf(this).changes.get(key)
    return value === undefined ? fallback : value
  }

  /** Whether the key has a value. */
  has(key: Keys<Data>): boolean {
    return !isReserved(key) && workOf(this).changes.has(key)
  }

  /** The keys in the order in which they were stored. */
  keys(): IterableIterator<Keys<Data>> {
    const keys = workOf(this).changes.keys()
    return keys.filter((key) => !isReserved(key)).values() as IterableIterator<Keys<Data>>
  }

  /** The keys with their values. */
  *entries(): IterableIterator<[Keys<Data>, unknown]> {
    for (const key of this.keys()) yield [key, workOf(this).changes.get(key)]
  }

  [Symbol.iterator](): IterableIterator<[Keys<Data>, unknown]> {
    return this.entries()
  }

  /**
   * Stores a value. `undefined` deletes the key.
   *
   * @throws {SerializationError} At once, when the format cannot hold the value.
   */
  set<K extends Keys<Data>>(key: K, value: Data[K]): void {
    const { changes } = this.#writing(key)
    if (value === undefined) changes.remove(key)
    else changes.put(key, value)
  }

  /** The value of a key; when there is none, stores `value` and gives it back, for changes in place. */
  setDefault<K extends Keys<Data>>(
    key: K,
    value: Exclude<Data[K], undefined>,
  ): Exclude<Data[K], undefined> {
    const { changes } = this.#writing(key)
    if (!changes.has(key)) changes.put(key, value)
    return changes.get(key) as Exclude<Data[K], undefined>
  }

  /** Deletes a key; false when there was none. */
  delete(key: Keys<Data>): boolean {
    return this.#writing(key).changes.remove(key)
  }

  /** Reads and deletes. Two requests at once may both read; to have one winner, see `Sessions.claim`. */
  pop<K extends Keys<Data>>(key: K): Data[K] | undefined
  pop<K extends Keys<Data>, F>(key: K, fallback: F): Exclude<Data[K], undefined> | F
  pop(key: string, fallback?: unknown): unknown {
    const { changes } = this.#writing(key)
    const value = changes.get(key)
    changes.remove(key)
    return value === undefined ? fallback : value
  }

  /** The data as a plain object, for `JSON.stringify`. */
  toJSON(): Partial<Data> {
    return Object.fromEntries(this.entries()) as Partial<Data>
  }

  #writing(key: unknown): ReturnType<typeof workOf> {
    return writing(this, key)
  }
}

/** A session with a record in a store: its edits meet those of other requests without losing any. */
export class StoredSession<Data extends object = Fields> extends Session<Data> {
  // As above.
  constructor(work: Work) {
    super(work)
  }

  /**
   * Adds to a number, whatever other requests add meanwhile. A missing one counts from 0. A {@link Float} stays one.
   *
   * @param by @default 1
   * @throws {StateError} When the value is not a number.
   */
  increment(key: KeysOf<Data, number | bigint | Float>, by: number | bigint = 1): void {
    if (typeof by !== 'bigint' && !Number.isFinite(by)) {
      throw new StateError(`increment() adds a finite number, not ${String(by)}.`)
    }
    const { changes, keepsFloats } = writing(this, key)
    changes.apply(key, (value) => sum(value, by, keepsFloats))
  }

  /**
   * Adds items to the end of a list, whatever other requests add meanwhile. A missing one begins empty.
   *
   * @throws {StateError} When the value is not a list.
   * @throws {SerializationError} At once, when the format cannot hold an item.
   */
  append<K extends KeysOf<Data, readonly unknown[]>>(key: K, ...items: Item<Data[K]>[]): void {
    const { changes, serializer } = writing(this, key)
    // Encoded now: what the handler does to an item later must not depend on who else was writing.
    const entry = encodeOf(serializer, key, items)
    changes.apply(key, (value) => {
      if (value !== undefined && !Array.isArray(value)) throw new Misfit('append() needs a list.')
      return [...(value ?? []), ...(serializer.decode(entry) as unknown[])]
    })
  }

  /**
   * Replaces a value by a function of it, whatever other requests write meanwhile.
   *
   * @param change May run again on a newer value: it must be synchronous and have no side effects. Returning
   * `undefined` deletes the key.
   */
  update<K extends Keys<Data>>(
    key: K,
    change: (value: Data[K] | undefined) => Data[K] | undefined,
  ): void {
    writing(this, key).changes.apply(key, (value) => {
      const next: unknown = change(value as Data[K] | undefined)
      if (next instanceof Promise) {
        throw new StateError(
          `update('${key}') takes a synchronous function: await first, then update.`,
        )
      }
      return next
    })
  }
}

function writing(session: AnySession, key: unknown): ReturnType<typeof workOf> {
  const work = workOf(session)
  work.assertOpen()
  if (typeof key !== 'string') throw new StateError('A session key is a text.')
  if (isReserved(key)) {
    throw new StateError(
      `'${key}' belongs to the session itself. Use permanent, flash(), flashes() or login().`,
    )
  }
  return work
}

function sum(value: unknown, by: number | bigint, keepsFloats: boolean): number | bigint | Float {
  if (value === undefined) return by
  if (value instanceof Float) return new Float(value.value + Number(by))
  if (typeof value === 'number' && typeof by === 'number') {
    const total = value + by
    if (keepsFloats && !(isInteger(value) && isInteger(by))) return exactFloat(total)
    // Past 2^53 a number would silently stop counting.
    return Number.isSafeInteger(value) && Number.isSafeInteger(by) && !Number.isSafeInteger(total)
      ? BigInt(value) + BigInt(by)
      : total
  }
  if (typeof value !== 'number' && typeof value !== 'bigint') {
    throw new Misfit(`increment() needs a number, and there is a ${typeof value}.`)
  }
  if (
    (typeof value === 'number' && !Number.isInteger(value)) ||
    (typeof by === 'number' && !Number.isInteger(by))
  ) {
    throw new Misfit('increment() cannot add a fraction to a big integer.')
  }
  return BigInt(value) + BigInt(by)
}
