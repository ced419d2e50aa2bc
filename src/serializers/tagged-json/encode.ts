/**
 * Values to Flask's tagged JSON, the same text as its cookie session writes.
 *
 * @module
 */

import { Buffer } from 'node:buffer'
import { isTuple } from '../../core/values.ts'
import { writeBigint, writeList } from '../json/write.ts'
import { pythonFloat } from '../python/float.ts'
import { Float, Markup, Uuid } from '../python/values.ts'
import { encodeWith, isPlainObject, ownPairs, refuse, type ValuePath } from '../shared/path.ts'
import { quoteAscii, writeDictionary } from './text.ts'

/** Encodes one value. Throws {@link SerializationError}, which names the part that the format cannot hold. */
export function encodeTagged(value: unknown): string {
  return encodeWith("Flask's cookie format", (path) => write(value, path))
}

function write(value: unknown, path: ValuePath): string {
  switch (typeof value) {
    case 'string':
      return quoteAscii(value)
    case 'number':
      return Number.isSafeInteger(value) && !Object.is(value, -0)
        ? String(value)
        : pythonFloat(value)
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
  if (value instanceof Uint8Array) return `{" b":"${base64(value)}"}`
  if (value instanceof Markup) return `{" m":${quoteAscii(value.html)}}`
  if (value instanceof Uuid) return `{" u":${quoteAscii(value.hex)}}`
  if (value instanceof Float) return pythonFloat(value.value)
  if (value instanceof Date) return `{" d":"${writeDate(value, path)}"}`
  throw refuse(value, path)
}

function writePlain(object: Record<string, unknown>, path: ValuePath): string {
  path.enter()
  const pairs = ownPairs(object, path).map(([key, value]): [string, string] => {
    path.at(key)
    return [key, write(value, path)]
  })
  path.leave()
  return writeDictionary(pairs)
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}

/** `Thu, 29 Feb 2024 12:34:56 GMT`: milliseconds are dropped, as Flask drops microseconds. */
function writeDate(date: Date, path: ValuePath): string {
  const year = Date.prototype.getUTCFullYear.call(date)
  if (Number.isNaN(year)) throw path.refusal('is an invalid Date', 'store null or a valid Date')
  if (year >= 1 && year <= 9999) return Date.prototype.toUTCString.call(date)
  throw path.refusal('is a Date outside the years 1 to 9999', 'store its text or number')
}
