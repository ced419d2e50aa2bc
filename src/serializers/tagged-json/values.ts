/**
 * Values as Flask's tagged JSON, with the same text as its cookie session writes, and back.
 * Source: `flask.json.tag` and `json.dumps(sort_keys=True, ensure_ascii=True)`.
 */

import { Buffer } from 'node:buffer'
import {
  Float,
  isInteger,
  isTuple,
  pythonFloat,
  setOwn,
  type Tuple,
  tupleFrom,
} from '../../core/values.ts'
import { parseJson } from '../json/parse.ts'
import { writeBigint, writeList } from '../json/text.ts'
import { Markup, Uuid } from '../python/values.ts'
import {
  damaged,
  encodeWith,
  isPlainObject,
  MAX_DEPTH,
  ownPairs,
  refuse,
  refuseDate,
  type ValuePath,
} from '../shared/path.ts'
import { parseRfc2822 } from './rfc2822.ts'

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
  if (year >= 1 && year <= 9999) return Date.prototype.toUTCString.call(date)
  throw refuseDate(date, path)
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

/**
 * Decodes one value. Throws {@link SerializationError} when it is damaged or too deep.
 *
 * @param exactFloats Whether a float that is whole becomes a `Float`.
 */
export function decodeTagged(text: string, exactFloats = false): unknown {
  // A tuple takes two levels of text, as does an escaped dictionary. A value in one may take a third.
  return untag(parseJson(text, { maxDepth: 2 * MAX_DEPTH + 1, lenient: true, exactFloats }), 0)
}

/** Replaces tagged dictionaries by their values, in place and from the inside out. */
function untag(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Float) return value
  const object = value as Record<string, unknown>
  const keys = Array.isArray(value) ? undefined : Object.keys(object)
  const tag = keys?.length === 1 ? keys[0] : undefined
  if (tag !== undefined && TAGS.has(tag)) return fromTag(tag, untag(object[tag], depth))
  if (depth === MAX_DEPTH) throw damaged(`it nests deeper than ${MAX_DEPTH} levels`)
  for (const key of keys ?? (value as unknown[]).keys()) {
    const inner = object[key]
    if (typeof inner === 'object' && inner !== null) object[key] = untag(inner, depth + 1)
  }
  return value
}

function fromTag(tag: string, value: unknown): unknown {
  if (tag === ' t') return toTuple(value)
  if (tag === ' di') return unescaped(value)
  if (tag === ' d') return typeof value === 'string' ? (parseRfc2822(value) ?? null) : null
  if (typeof value !== 'string') throw damaged(`the tag "${tag}" in it has no text`)
  if (tag === ' b') return fromBase64(value)
  if (tag === ' m') return new Markup(value)
  try {
    return new Uuid(value)
  } catch (cause) {
    throw damaged('a UUID in it is wrong', cause)
  }
}

function toTuple(value: unknown): Tuple {
  if (Array.isArray(value)) return tupleFrom(value)
  if (typeof value === 'string') return tupleFrom(Array.from(value))
  return tupleFrom(Object.keys(dictionary(value, 'a tuple in it is not a list')))
}

function unescaped(value: unknown): Record<string, unknown> {
  const wrong = 'an escaped dictionary in it is empty'
  const [pair] = Object.entries(dictionary(value, wrong))
  if (pair === undefined) throw damaged(wrong)
  const object: Record<string, unknown> = {}
  setOwn(object, unescapeKey(pair[0]), pair[1])
  return object
}

function dictionary(value: unknown, wrong: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && isPlainObject(value)) return value
  throw damaged(wrong)
}

/** As Python's `b64decode`: skips foreign characters, ends at the padding, and insists that the padding is there. */
function fromBase64(text: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64')
  if (bytes.toString('base64') === text) return new Uint8Array(bytes)
  let digits = ''
  let padding = 0
  for (const character of text) {
    if (character > '\u007f') throw damaged('bytes in it are not base64')
    if (character === '=') {
      padding += 1
      if (digits.length % 4 >= 2 && (digits.length % 4) + padding >= 4) return bytesOf(digits)
    } else if (/[A-Za-z0-9+/]/.test(character)) {
      digits += character
      padding = 0
    }
  }
  if (digits.length % 4 !== 0) throw damaged('bytes in it are not base64')
  return bytesOf(digits)
}

function bytesOf(digits: string): Uint8Array {
  return new Uint8Array(Buffer.from(digits, 'base64'))
}

/** Unescapes `" t__"` to `" t"`: the last two code points go, whatever they are, as in Flask. */
export function unescapeKey(key: string): string {
  return Array.from(key).slice(0, -2).join('')
}
