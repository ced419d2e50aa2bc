/**
 * The messages that a session keeps for the next page, in Flask's format: a list of (category, message).
 *
 * @module
 */

import { Float, isDeepStrictEqual, isInteger, isTuple, pythonFloat } from './values.ts'

/** A message for the next page. */
export interface Flash {
  readonly category: string
  /** The text. Of a value that is none, such as a form's errors in Flask, it is what Python's `str()` shows. */
  readonly message: string
  /** The value of which `message` is the text. Absent: it is the text itself. */
  readonly value?: unknown
  /** The message is HTML that is known to be safe, as Flask's `Markup`. Absent: plain text, to be escaped. */
  readonly html?: true
}

/** Safe HTML as a value, such as `Markup` of `vial/serializers/python-values`. */
export interface SafeHtml {
  readonly html: string
}

/** A message as the record keeps it. */
type Kept = readonly [category: unknown, message: unknown]

/** The messages of an entry. What is not a list of pairs counts as no message. */
export function messagesOf(value: unknown): Kept[] {
  const isKept = (item: unknown): item is Kept => Array.isArray(item) && item.length === 2
  return Array.isArray(value) ? value.filter(isKept) : []
}

/**
 * A kept message as a handler gets it.
 *
 * @param exact The same message, decoded so that whole floats are a `Float`.
 */
export function toFlash(kept: Kept, exact: Kept): Flash {
  const category = pythonText(exact[0])
  const [, value] = kept
  if (typeof value === 'string') return { category, message: value }
  if (isSafeHtml(value)) return { category, message: value.html, html: true }
  return { category, message: pythonText(exact[1]), value }
}

/** A plain object comes from the program's own data and does not show that its HTML is safe. */
function isSafeHtml(value: unknown): value is SafeHtml {
  if (typeof value !== 'object' || value === null) return false
  return typeof (value as SafeHtml).html === 'string' && !isPlain(value)
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** Python's `str(value)`. Objects of a class show their text, also inside others, where Python has their constructor. */
function pythonText(value: unknown): string {
  if (typeof value === 'string') return value
  return isSafeHtml(value) ? value.html : pythonRepr(value)
}

function pythonRepr(value: unknown): string {
  if (value === undefined || value === null) return 'None'
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (typeof value === 'string') return quoted(value)
  if (typeof value === 'number' && !isInteger(value)) return floatText(value)
  if (typeof value !== 'object') return String(value)
  if (value instanceof Float) return floatText(value.value)
  if (isSafeHtml(value)) return `Markup(${quoted(value.html)})`
  if (value instanceof Uint8Array) return pythonBytes(value)
  if (value instanceof Set) return value.size === 0 ? 'set()' : `{${listed(value)}}`
  if (isTuple(value)) return `(${listed(value)}${value.length === 1 ? ',' : ''})`
  if (Array.isArray(value)) return `[${listed(value)}]`
  if (value instanceof Map || isPlain(value)) {
    const pairs = value instanceof Map ? [...value] : Object.entries(value)
    const parts = pairs.map(([key, item]) => `${pythonRepr(key)}: ${pythonRepr(item)}`)
    return `{${parts.join(', ')}}`
  }
  return objectText(value)
}

/** Python's `repr` of bytes. */
export function pythonBytes(bytes: Uint8Array): string {
  return `b${quoted(latin1(bytes), BYTE_ESCAPES)}`
}

function listed(items: Iterable<unknown>): string {
  return Array.from(items, pythonRepr).join(', ')
}

/** As `2024-02-29 12:34:56.789000+00:00` for a date. Python's own classes alone know the text of their objects. */
function objectText(value: object): string {
  try {
    if (!(value instanceof Date)) return String(value)
    const [day = '', time = ''] = value.toISOString().split('T')
    return `${day} ${time
      .replace('.000Z', 'Z')
      .replace(/(\.\d{3})Z/, '$1000Z')
      .replace('Z', '+00:00')}`
  } catch {
    return `<${value.constructor.name} object>`
  }
}

function floatText(value: number): string {
  if (Number.isFinite(value)) return pythonFloat(value)
  return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf'
}

function latin1(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')
}

/** What Python does not print as it is: control and format characters, separators other than a space. */
const ESCAPES = /[\\\p{C}\p{Zl}\p{Zp}\p{Zs}]/gu
const BYTE_ESCAPES = /[\\]|[^ -~]/g
const SHORT: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  ' ': ' ',
}

/** A string in the quotes that Python's `repr` chooses. */
function quoted(text: string, escapes: RegExp = ESCAPES): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'"
  const escaped = text.replace(escapes, (found) => SHORT[found] ?? escaped16(found))
  return `${quote}${escaped.replaceAll(quote, `\\${quote}`)}${quote}`
}

function escaped16(character: string): string {
  const point = character.codePointAt(0) ?? 0
  const hex = point.toString(16)
  if (point < 0x100) return `\\x${hex.padStart(2, '0')}`
  return point < 0x10000 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`
}

/** The list less one occurrence of each message that was shown. Undefined: nothing is left. */
export function without(
  kept: readonly Kept[],
  shown: readonly Kept[],
): readonly Kept[] | undefined {
  const left = [...kept]
  for (const item of shown) {
    const at = left.findIndex((other) => isDeepStrictEqual([...other], [...item]))
    if (at >= 0) left.splice(at, 1)
  }
  return left.length === 0 ? undefined : left
}
