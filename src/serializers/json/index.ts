/**
 * JSON as Flask-Session 0.8 keeps it with `SESSION_SERIALIZATION_FORMAT = 'json'`: the same text as msgspec writes.
 *
 * @module
 */

import type { Entries, Serializer } from '../../core/serializer.ts'
import { Float, floatsLike, isInteger } from '../../core/values.ts'
import {
  brokenKey,
  encodeWith,
  isPlainObject,
  MAX_DEPTH,
  ownPairs,
  refuse,
  textKey,
  type ValuePath,
} from '../shared/path.ts'
import { decodeUtf8, msgspecFloat } from '../shared/text.ts'
import { parseJson } from './parse.ts'
import { cutObject, hasFloat, writeBigint, writeList } from './text.ts'

/**
 * Keeps records as JSON. Values are what JSON brings back: null, booleans, finite numbers, bigints, strings, arrays and
 * plain objects. Others, such as Date and Uint8Array, are refused, because they would come back as text. An entry is the
 * text of its value.
 *
 * Python's 1.0 is decoded as the number 1. When its entry is written again, a number in its place is a float again; see
 * `float` of `python-values`. Inside a value that is *changed*, and never otherwise, keys such as "1" of an object come
 * before its others.
 */
export const json: Serializer<string> = {
  name: 'json',
  split,
  join,
  encode(value, like) {
    const kept = hasFloat(like) ? floatsLike(value, () => decode(like, true)) : value
    return encodeWith('JSON', (path) => write(kept, path))
  },
  decode,
  equal: (a, b) => a === b,
}

function decode(entry: string, exactFloats = false): unknown {
  return parseJson(entry, { maxDepth: MAX_DEPTH, lenient: false, exactFloats })
}

const encoder = new TextEncoder()

function split(record: Uint8Array): Entries<string> | undefined {
  const text = decodeUtf8(record)
  const entries = text === undefined ? undefined : cutObject(text)
  const keys = [...(entries?.keys() ?? [])]
  return keys.every((key) => key.isWellFormed()) ? entries : undefined
}

function join(entries: Entries<string>): Uint8Array {
  const parts = Array.from(entries, ([key, entry]) => {
    const text = textKey(key, 'JSON')
    if (!text.isWellFormed()) throw brokenKey(text)
    return `${JSON.stringify(text)}:${entry}`
  })
  return encoder.encode(`{${parts.join(',')}}`)
}

function write(value: unknown, path: ValuePath): string {
  switch (typeof value) {
    case 'string':
      if (value.isWellFormed()) return JSON.stringify(value)
      throw path.refusal('holds half of a surrogate pair', 'store well-formed text')
    case 'number':
      if (!Number.isFinite(value)) throw refuse(value, path)
      return isInteger(value) ? String(value) : msgspecFloat(value)
    case 'boolean':
      return String(value)
    case 'bigint':
      return writeBigint(value, path)
    case 'object':
      if (value === null) return 'null'
      if (Array.isArray(value)) return writeList(value, path, write)
      if (isPlainObject(value)) return writeObject(value, path)
      if (value instanceof Float && Number.isFinite(value.value)) return msgspecFloat(value.value)
  }
  throw refuse(value, path)
}

function writeObject(object: Record<string, unknown>, path: ValuePath): string {
  path.enter()
  const parts = ownPairs(object, path).map(([key, value]) => {
    path.at(key)
    return `${write(key, path)}:${write(value, path)}`
  })
  path.leave()
  return `{${parts.join(',')}}`
}
