/**
 * JSON as text: cutting it at its top level, where only the framing is checked, and writing what its dialects share. What
 * is wrong inside a value shows when it is decoded.
 *
 * @module
 */

import { lengthOf, MAX_DIGITS, refuse, type ValuePath } from '../shared/path.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const OPEN_LIST = 0x5b
const CLOSE_LIST = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

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
  let at = skipSpace(text, 0)
  if (text.charCodeAt(at) !== OPEN_OBJECT) return undefined
  const entries = new Map<string, string>()
  at = skipSpace(text, at + 1)
  if (text.charCodeAt(at) === CLOSE_OBJECT) return endsAt(text, at + 1) ? entries : undefined
  for (;;) {
    if (text.charCodeAt(at) !== QUOTE) return undefined
    const keyEnd = stringEnd(text, at)
    const key = keyEnd < 0 ? undefined : unquote(text.slice(at, keyEnd))
    if (key === undefined) return undefined
    at = skipSpace(text, keyEnd)
    if (text[at] !== ':') return undefined
    at = skipSpace(text, at + 1)
    const end = valueEnd(text, at)
    if (end < 0) return undefined
    entries.set(key, text.slice(at, end))
    at = skipSpace(text, end)
    const next = text.charCodeAt(at)
    if (next === CLOSE_OBJECT) return endsAt(text, at + 1) ? entries : undefined
    if (next !== COMMA) return undefined
    at = skipSpace(text, at + 1)
  }
}

/** Cuts a list into its items as they are written; undefined when `text` is not a list. */
export function cutList(text: string): string[] | undefined {
  let at = skipSpace(text, 0)
  if (text.charCodeAt(at) !== OPEN_LIST) return undefined
  const items: string[] = []
  at = skipSpace(text, at + 1)
  if (text.charCodeAt(at) === CLOSE_LIST) return endsAt(text, at + 1) ? items : undefined
  for (;;) {
    const end = valueEnd(text, at)
    if (end < 0) return undefined
    items.push(text.slice(at, end))
    at = skipSpace(text, end)
    const next = text.charCodeAt(at)
    if (next === CLOSE_LIST) return endsAt(text, at + 1) ? items : undefined
    if (next !== COMMA) return undefined
    at = skipSpace(text, at + 1)
  }
}

function endsAt(text: string, at: number): boolean {
  return skipSpace(text, at) === text.length
}

/** Where the value at `start` ends; -1 when there is none. Brackets are counted, not matched. */
function valueEnd(text: string, start: number): number {
  const first = text.charCodeAt(start)
  if (first === QUOTE) return stringEnd(text, start)
  if (first === OPEN_LIST || first === OPEN_OBJECT) return nestedEnd(text, start)
  let at = start
  while (at < text.length && isScalar(text.charCodeAt(at))) at += 1
  return at > start ? at : -1
}

function nestedEnd(text: string, start: number): number {
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

/** Characters of numbers and of words such as `true` and `NaN`. */
function isScalar(code: number): boolean {
  return (
    (code >= 0x30 && code <= 0x39) ||
    (code >= 0x61 && code <= 0x7a) ||
    (code >= 0x41 && code <= 0x5a) ||
    code === 0x2b ||
    code === 0x2d ||
    code === 0x2e
  )
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
  const parts: string[] = []
  const length = lengthOf(items, path)
  path.enter()
  for (let i = 0; i < length; i++) {
    path.at(i)
    const item = items[i]
    parts.push(item === undefined ? 'null' : write(item, path))
  }
  path.leave()
  return `[${parts.join(',')}]`
}
