/**
 * JSON as text: cutting it at its top level, where only the framing is checked, and writing what its dialects share.
 */

import { lengthOf, MAX_DIGITS, refuse, type ValuePath } from '../shared/path.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const OPEN_LIST = 0x5b
const CLOSE_LIST = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
/** Numbers, and words such as `true` and `NaN`. */
const SCALAR = /[0-9A-Za-z+.-]+/y

const FLOAT = /[0-9][.eE]|NaN|Infinity/

/** Whether there may be a float in an entry. */
export function hasFloat(entry: string | undefined): entry is string {
  return entry !== undefined && FLOAT.test(entry)
}

/** The position of the first character from `start` on that is not white space. */
export function skipSpace(text: string, start: number): number {
  let at = start
  for (;;) {
    const code = text.charCodeAt(at)
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return at
    at += 1
  }
}

/** The position after the string that begins at `start`; -1 when it does not end, or holds a raw control character. */
export function stringEnd(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) return at + 1
    if (code === BACKSLASH) at += 1
    else if (code < 0x20) return -1
  }
  return -1
}

/** The string of a token with quotes; undefined when an escape in it is wrong. */
export function unquote(token: string): string | undefined {
  if (!token.includes('\\')) return token.slice(1, -1)
  try {
    return JSON.parse(token) as string
  } catch {
    return undefined
  }
}

/** Cuts an object into its entries, whose values stay as they are written; undefined when `text` is not an object. */
export function cutObject(text: string): Map<string, string> | undefined {
  const entries = new Map<string, string>()
  const isObject = cut(text, OPEN_OBJECT, CLOSE_OBJECT, (at) => {
    const keyEnd = text.charCodeAt(at) === QUOTE ? stringEnd(text, at) : -1
    const key = keyEnd < 0 ? undefined : unquote(text.slice(at, keyEnd))
    const colon = skipSpace(text, keyEnd)
    if (key === undefined || text[colon] !== ':') return -1
    const start = skipSpace(text, colon + 1)
    const end = valueEnd(text, start)
    if (end >= 0) entries.set(key, text.slice(start, end))
    return end
  })
  return isObject ? entries : undefined
}

/** Cuts a list into its items as they are written; undefined when `text` is not a list. */
export function cutList(text: string): string[] | undefined {
  const items: string[] = []
  const isList = cut(text, OPEN_LIST, CLOSE_LIST, (at) => {
    const end = valueEnd(text, at)
    if (end >= 0) items.push(text.slice(at, end))
    return end
  })
  return isList ? items : undefined
}

/** Cuts between commas. `item` gets where an item starts and returns where it ends; -1 when there is none. */
function cut(text: string, open: number, close: number, item: (at: number) => number): boolean {
  let at = skipSpace(text, 0)
  if (text.charCodeAt(at) !== open) return false
  at = skipSpace(text, at + 1)
  let next = text.charCodeAt(at) === close ? close : COMMA
  while (next === COMMA) {
    const end = item(at)
    if (end < 0) return false
    at = skipSpace(text, end)
    next = text.charCodeAt(at)
    if (next === COMMA) at = skipSpace(text, at + 1)
  }
  return next === close && skipSpace(text, at + 1) === text.length
}

/** Where the value at `start` ends; -1 when there is none. Brackets are counted, not matched. */
export function valueEnd(text: string, start: number): number {
  const first = text.charCodeAt(start)
  if (first === QUOTE) return stringEnd(text, start)
  if (first !== OPEN_LIST && first !== OPEN_OBJECT) {
    SCALAR.lastIndex = start
    return SCALAR.test(text) ? SCALAR.lastIndex : -1
  }
  let depth = 0
  for (let at = start; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) {
      at = stringEnd(text, at) - 1
      if (at < 0) return -1
    } else if (code === OPEN_LIST || code === OPEN_OBJECT) depth += 1
    else if (code === CLOSE_LIST || code === CLOSE_OBJECT) {
      depth -= 1
      if (depth === 0) return at + 1
    }
  }
  return -1
}

/** Writes an integer. Throws {@link SerializationError} when Python would refuse to read so many digits. */
export function writeBigint(value: bigint, path: ValuePath): string {
  const text = String(value)
  if (text.length - (value < 0n ? 1 : 0) > MAX_DIGITS) throw refuse(value, path)
  return text
}

/** Writes a list. Undefined in it, and a hole, is null. */
export function writeList(
  items: readonly unknown[],
  path: ValuePath,
  write: (item: unknown, path: ValuePath) => string,
): string {
  const length = lengthOf(items, path)
  path.enter()
  const parts = Array.from({ length }, (_, i) => {
    path.at(i)
    const item = items[i]
    return item === undefined ? 'null' : write(item, path)
  })
  path.leave()
  return `[${parts.join(',')}]`
}
