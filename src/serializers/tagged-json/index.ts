/**
 * The JSON of Flask's cookie session (`TaggedJSONSerializer`): a type that JSON lacks is a dictionary of one key, the tag.
 * Keys are sorted and text is ASCII, as inside a Flask application.
 *
 * @module
 */

import type { Entries, Serializer } from '../../core/serializer.ts'
import { floatsLike } from '../../core/values.ts'
import { cutList, cutObject, hasFloat, unquote } from '../json/text.ts'
import { textKey } from '../shared/path.ts'
import { decodeUtf8 } from '../shared/text.ts'
import { decodeTagged, encodeTagged, TAGS, unescapeKey, writeDictionary } from './values.ts'

/**
 * Keeps records as Flask's tagged JSON. Values are null, booleans, numbers with NaN and the infinities, bigints, strings,
 * arrays, tuples, plain objects, Uint8Array, Date without its milliseconds, and `Markup` and `Uuid` of `python-values`.
 * An entry is the text of its value. A record may also be null, or a list of pairs, as Flask makes a dictionary of those.
 *
 * Python's 1.0 is decoded as the number 1. When its entry is written again, a number in its place is a float again; see
 * `float` of `python-values`. Inside a value that is *changed*, and never otherwise, a time zone becomes UTC.
 */
export const taggedJson: Serializer<string> = {
  name: 'tagged-json',
  split,
  join,
  encode: (value, like) =>
    encodeTagged(hasFloat(like) ? floatsLike(value, () => decodeTagged(like, true)) : value),
  decode: decodeTagged,
  equal: (a, b) => a === b,
}

const encoder = new TextEncoder()
const NULL = /^[ \n\r\t]*null[ \n\r\t]*$/

function split(record: Uint8Array): Entries<string> | undefined {
  const text = decodeUtf8(record)
  if (text === undefined) return undefined
  const entries = cutObject(text)
  if (entries === undefined) return NULL.test(text) ? new Map() : cutPairs(text)
  const tag = onlyTag(entries)
  if (tag === undefined) return entries
  const tagged = entries.get(tag) ?? ''
  if (tag === ' di') return escapedEntry(tagged)
  return tag === ' t' ? cutPairs(tagged) : emptyOf(text, tagged)
}

function onlyTag(entries: ReadonlyMap<string, string>): string | undefined {
  const [key = ''] = entries.size === 1 ? entries.keys() : []
  return TAGS.has(key) ? key : undefined
}

function escapedEntry(text: string): Entries<string> | undefined {
  const inner = cutObject(text)
  const [first] = inner ?? []
  // Flask untags from the inside out, so a tag within is not the dictionary that was escaped.
  if (inner === undefined || first === undefined || onlyTag(inner) !== undefined) return undefined
  return new Map([[unescapeKey(first[0]), first[1]]])
}

/** Python's `dict()` of a list of pairs, each a list or a tuple. */
function cutPairs(text: string): Entries<string> | undefined {
  const pairs = cutList(text)
  if (pairs === undefined) return undefined
  const entries: Entries<string> = new Map()
  for (const pair of pairs) {
    const tuple = cutObject(pair)
    const items = tuple?.size === 1 ? tuple.get(' t') : pair
    const [quoted = '', value, ...more] = cutList(items ?? '') ?? []
    const key = quoted.startsWith('"') ? unquote(quoted) : undefined
    if (key === undefined || value === undefined || more.length > 0) return undefined
    entries.set(key, value)
  }
  return entries
}

/** Python's `dict()` of another tagged value is empty for empty text or bytes and for a date that is none. */
function emptyOf(text: string, tagged: string): Entries<string> | undefined {
  if (!tagged.startsWith('"')) return undefined
  try {
    const value = decodeTagged(text)
    const size = value instanceof Uint8Array ? value.length : String(value ?? '').length
    return size === 0 ? new Map() : undefined
  } catch {
    return undefined
  }
}

function join(entries: Entries<string>): Uint8Array {
  const pairs = Array.from(
    entries,
    ([key, text]) => [textKey(key, "Flask's cookie format"), text] as const,
  )
  return encoder.encode(writeDictionary(pairs))
}
