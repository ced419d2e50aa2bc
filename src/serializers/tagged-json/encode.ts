/**
 * Encodes values as Flask's tagged JSON, with the same text as its cookie session writes.
 * Source: `flask.json.tag` and `json.dumps(sort_keys=True, ensure_ascii=True)`.
 *
 * @module
 */

import { Buffer } from 'node:buffer'
import { Float, isInteger, isTuple, pythonFloat } from '../../core/values.ts'
import { writeBigint, writeList } from '../json/text.ts'
import { Markup, Uuid } from '../python/values.ts'
import { encodeWith, isPlainObject, ownPairs, refuse, type ValuePath } from '../shared/path.ts'

/** Keys that mark a dictionary of one key as another type. */
export const TAGS: ReadonlySet<string> = new Set([' di', ' t', ' b', ' m', ' u', ' d'])

/** Encodes one value. Throws {@link SerializationError}, which names the part that the format cannot hold. */
export function encodeTagged(value: unknown): string {
  return encodeWith("Flask's cookie format", (path) => write(value, path))
}

function write(value: unknown, path: ValuePath): string {
  switch (typeof value) {
    case 'string':
      return quoteAscii(value)
    case 'number':
      return isInteger(value) ? String(value) : pythonFloat(value)
    case 'boolean':
      return String(value)
    case 'bigint':
      return writeBigint(value, path)
    case 'object':
      return value === null ? 'null' : writeObject(value, path)
    default:
      throw refuse(value, path)
  }
}

function writeObject(value: object, path: ValuePath): string {
  if (isTuple(value)) return `{" t":${writeList(value, path, write)}}`
  if (Array.isArray(value)) return writeList(value, path, write)
  if (isPlainObject(value)) return writePlain(value, path)
  if (value instanceof Uint8Array) return `{" b":"${Buffer.from(value).toString('base64')}"}`
  if (value instanceof Markup) return `{" m":${quoteAscii(value.html)}}`
  if (value instanceof Uuid) return `{" u":${quoteAscii(value.hex)}}`
  if (value instanceof Float) return pythonFloat(value.value)
  if (value instanceof Date) return `{" d":"${writeDate(value, path)}"}`
  throw refuse(value, path)
}

function writePlain(object: Record<string, unknown>, path: ValuePath): string {
  path.enter()
  const pairs = ownPairs(object, path).map(([key, value]) => {
    path.at(key)
    return [key, write(value, path)] as const
  })
  path.leave()
  return writeDictionary(pairs)
}

/** `Thu, 29 Feb 2024 12:34:56 GMT`: milliseconds are dropped, as Flask drops microseconds. */
function writeDate(date: Date, path: ValuePath): string {
  const year = Date.prototype.getUTCFullYear.call(date)
  if (Number.isNaN(year)) throw path.refusal('is an invalid Date', 'store null or a valid Date')
  if (year >= 1 && year <= 9999) return Date.prototype.toUTCString.call(date)
  throw path.refusal('is a Date outside the years 1 to 9999', 'store its text or number')
}

/** Writes a JSON string of printable ASCII. Half of a surrogate pair is escaped, not refused. */
function quoteAscii(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** Writes an object with sorted keys, whose values are JSON already. Where it would look like a tag, `" di"` escapes it. */
export function writeDictionary(pairs: readonly (readonly [key: string, text: string])[]): string {
  const [[key, text] = ['', '']] = pairs
  if (pairs.length === 1 && TAGS.has(key)) return `{" di":{${quoteAscii(`${key}__`)}:${text}}}`
  const sorted = [...pairs].sort(([a], [b]) => compareCodePoints(a, b))
  return `{${sorted.map(([key, text]) => `${quoteAscii(key)}:${text}`).join(',')}}`
}

/** Compares as Python does, by code points. JavaScript's `<` puts those beyond U+FFFF before U+E000. */
export function compareCodePoints(a: string, b: string): number {
  for (let at = 0; ; ) {
    const point = a.codePointAt(at) ?? -1
    const other = b.codePointAt(at) ?? -1
    if (point !== other || point === -1) return point - other
    at += point > 0xffff ? 2 : 1
  }
}
