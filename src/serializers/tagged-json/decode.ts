/**
 * Decodes Flask's tagged JSON to values.
 *
 * @module
 */

import { Buffer } from 'node:buffer'
import { Float, setOwn, type Tuple, tupleFrom } from '../../core/values.ts'
import { SerializationError } from '../../errors.ts'
import { damaged, parseJson } from '../json/parse.ts'
import { Markup, Uuid } from '../python/values.ts'
import { isPlainObject, MAX_DEPTH } from '../shared/path.ts'
import { TAGS } from './encode.ts'
import { parseRfc2822 } from './rfc2822.ts'

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
    throw new SerializationError(damaged('a UUID in it is wrong').message, { cause })
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
