/**
 * What the encoders of all formats share: where they are inside a value, so that a refusal names the part, and the bounds
 * of a value. The bound of the depth also ends the walk of a value that holds itself.
 */

import type { EntryKey } from '../../core/serializer.ts'
import { SerializationError } from '../../errors.ts'

/** How many lists and dictionaries may sit inside each other, written or read. */
export const MAX_DEPTH = 128

/** How many digits of an integer are written or read; Python refuses more. */
export const MAX_DIGITS = 4300

const SHOWN_STEPS = 8
const SHOWN_CHARACTERS = 40

/** The path from the value of a session key to the part that is being encoded. */
export class ValuePath {
  /** The format's name in messages. */
  readonly format: string
  readonly #steps: (string | number | undefined)[] = []
  #depth = 0

  constructor(format: string) {
    this.format = format
  }

  /** Enters a list or dictionary. Throws {@link SerializationError} beyond {@link MAX_DEPTH}. */
  enter(): void {
    if (this.#depth === MAX_DEPTH) {
      throw this.refusal(`nests deeper than ${MAX_DEPTH} levels or holds itself`, 'flatten it')
    }
    this.#steps[this.#depth++] = undefined
  }

  /** Sets the index or key of the next item. */
  at(step: string | number): void {
    this.#steps[this.#depth - 1] = step
  }

  leave(): void {
    this.#depth -= 1
  }

  /** The error for this part: where it is, what is wrong, and the fix. It never shows the value. */
  refusal(wrong: string, fix: string, cause?: unknown): SerializationError {
    const message = `${this} ${wrong}: ${fix}.`
    return new SerializationError(message, cause === undefined ? {} : { cause })
  }

  toString(): string {
    const steps = this.#steps.slice(0, this.#depth).filter((step) => step !== undefined)
    if (steps.length === 0) return 'The value'
    const shown = steps.slice(0, SHOWN_STEPS).map(formatStep).join('')
    const place = shown.startsWith('.') ? shown.slice(1) : shown
    return `The value at ${place}${steps.length > SHOWN_STEPS ? '…' : ''}`
  }
}

function formatStep(step: string | number): string {
  if (typeof step === 'number') return `[${step}]`
  return /^[A-Za-z_$][\w$]*$/.test(step)
    ? `.${shorten(step)}`
    : `[${JSON.stringify(shorten(step))}]`
}

function shorten(text: string): string {
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text
}

/** Runs an encoder. What a getter or proxy inside the value throws becomes a {@link SerializationError}. */
export function encodeWith<T>(format: string, write: (path: ValuePath) => T): T {
  const path = new ValuePath(format)
  try {
    return write(path)
  } catch (error) {
    if (error instanceof SerializationError) throw error
    throw path.refusal(
      'could not be read',
      'store plain data that can be read without errors',
      error,
    )
  }
}

/** Tells a dictionary from an instance of a class. */
export function isPlainObject(value: object): value is Record<string, unknown> {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** The own enumerable string properties that are not undefined, each read once. */
export function ownPairs(object: Record<string, unknown>, path: ValuePath): [string, unknown][] {
  const pairs: [string, unknown][] = []
  for (const key of Object.keys(object)) {
    path.at(key)
    const value = object[key]
    if (value !== undefined) pairs.push([key, value])
  }
  return pairs
}

/** The length of a list or of bytes. A proxy may report any. */
export function lengthOf(items: { readonly length: number }, path: ValuePath): number {
  const { length } = items
  if (Number.isInteger(length) && length >= 0 && length <= 0xffff_ffff) return length
  throw path.refusal(`has a length that ${path.format} cannot hold`, 'store less in one value')
}

/** Refuses a Map that would come back as a plain object, as none of its keys is anything but a string. */
export function checkMap(map: ReadonlyMap<unknown, unknown>, path: ValuePath): void {
  for (const [key, value] of map) if (typeof key !== 'string' && value !== undefined) return
  const fix = 'store a plain object, such as Object.fromEntries(map)'
  throw path.refusal('is a Map without any key that is not a string', fix)
}

/** The refusal of a Date that is invalid, or that Python cannot hold. */
export function refuseDate(date: Date, path: ValuePath): SerializationError {
  return Number.isNaN(Date.prototype.getTime.call(date))
    ? path.refusal('is an invalid Date', 'store null or a valid Date')
    : path.refusal('is a Date outside the years 1 to 9999', 'store its text or number')
}

/** The text of a session key. Throws {@link SerializationError} for a key of Python that is not a string. */
export function textKey(key: EntryKey, format: string): string {
  if (typeof key === 'string') return key
  const message = `${format} cannot hold a session key that is not a string: delete it.`
  throw new SerializationError(message)
}

/** The error for a session key that is not well-formed. */
export function brokenKey(key: string): SerializationError {
  const message = 'A session key holds half of a surrogate pair: use well-formed text.'
  return new SerializationError(message, { key })
}

/** The error for a stored value that cannot be read. */
export function damaged(how: string, cause?: unknown): SerializationError {
  const message = `The stored value is damaged (${how}): delete the key.`
  return new SerializationError(message, cause === undefined ? {} : { cause })
}

/** The refusal of a value for which a format has no type of its own. */
export function refuse(value: unknown, path: ValuePath): SerializationError {
  const [kind, fix] = describe(value)
  return path.refusal(`is ${kind}, which ${path.format} cannot hold`, fix)
}

function describe(value: unknown): [kind: string, fix: string] {
  if (value === undefined) return ['undefined', 'store null, or delete the key']
  if (typeof value === 'function') return ['a function', 'store data only']
  if (typeof value === 'symbol') return ['a symbol', 'store a string']
  if (typeof value === 'bigint') return ['a bigint of that size', 'store a string']
  if (typeof value === 'number') return [String(value), 'store null or a string']
  if (value instanceof Set) return ['a Set', 'store an array, such as [...set]']
  if (value instanceof Map) return ['a Map', 'store a plain object or an array of pairs']
  if (value instanceof Date) return ['a Date', 'store date.toISOString() or date.getTime()']
  if (value instanceof Uint8Array) return ['a Uint8Array', 'store its text in base64']
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
    return ['a view or buffer of bytes', 'store a Uint8Array, or an array of its numbers']
  }
  return [`an instance of ${className(value)}`, 'store a plain object with its data, or its text']
}

function className(value: unknown): string {
  const prototype: unknown = Object.getPrototypeOf(value)
  const maker = Object.getOwnPropertyDescriptor(prototype ?? {}, 'constructor')?.value as unknown
  return typeof maker === 'function' && maker.name !== '' ? shorten(maker.name) : 'a class'
}
