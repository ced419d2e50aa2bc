/**
 * How Python shows values: its `str()` and `repr()`.
 *
 * @module
 */

import { Float, isInteger, isTuple, pythonFloat, secondsOf } from './values.ts'

/** How an object shows itself that stands for one of a Python class. */
export const PYTHON: unique symbol = Symbol.for('vial.python')

/** An object that stands for one of a Python class. */
interface PythonObject {
  /** Python's `repr()`, made with that of its parts. Without `repr` it is Python's `str()`. */
  [PYTHON](repr?: (value: unknown) => string): string
}

/** Safe HTML as a value, such as `Markup` of `vial/serializers/python-values`. */
export interface SafeHtml {
  readonly html: string
}

/** A plain object comes from the program's own data and does not show that its HTML is safe. */
export function isSafeHtml(value: unknown): value is SafeHtml {
  if (typeof value !== 'object' || value === null) return false
  return typeof (value as SafeHtml).html === 'string' && !isPlain(value)
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** Python's `str(value)`. An object of a class that is not Python's shows its text. */
export function pythonText(value: unknown): string {
  if (typeof value === 'string') return value
  if (isSafeHtml(value)) return value.html
  if (isPythonObject(value)) return value[PYTHON]()
  return value instanceof Date ? `${instantText(value).replace('T', ' ')}+00:00` : pythonRepr(value)
}

function pythonRepr(value: unknown): string {
  if (value === undefined || value === null) return 'None'
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (typeof value === 'string') return quoted(value)
  if (typeof value === 'number' && !isInteger(value)) return floatText(value)
  if (typeof value !== 'object') return String(value)
  if (isPythonObject(value)) return value[PYTHON](pythonRepr)
  if (value instanceof Float) return floatText(value.value)
  if (isSafeHtml(value)) return `Markup(${quoted(value.html)})`
  if (value instanceof Uint8Array) return pythonBytes(value)
  if (value instanceof Set) return value.size === 0 ? 'set()' : `{${listed(value)}}`
  if (isTuple(value)) return tupleText(value)
  if (Array.isArray(value)) return `[${listed(value)}]`
  if (value instanceof Map) return dictText(value)
  if (isPlain(value)) return dictText(Object.entries(value))
  if (value instanceof Date) return dateRepr(instantText(value), 'tzinfo=datetime.timezone.utc')
  return objectText(value)
}

function isPythonObject(value: unknown): value is PythonObject {
  return typeof value === 'object' && value !== null && PYTHON in value
}

/** Python's `repr` of bytes. */
export function pythonBytes(bytes: Uint8Array): string {
  return `b${quoted(latin1(bytes), BYTE_ESCAPES)}`
}

function listed(items: Iterable<unknown>): string {
  return Array.from(items, pythonRepr).join(', ')
}

function tupleText(items: readonly unknown[], show = pythonRepr): string {
  return `(${items.map(show).join(', ')}${items.length === 1 ? ',' : ''})`
}

function dictText(pairs: Iterable<readonly [unknown, unknown]>): string {
  const parts = Array.from(pairs, ([key, item]) => `${keyText(key)}: ${pythonRepr(item)}`)
  return `{${parts.join(', ')}}`
}

/** A list in a key is a tuple in Python, also where the format knows no tuples. */
function keyText(key: unknown): string {
  return Array.isArray(key) ? tupleText(key, keyText) : pythonRepr(key)
}

/**
 * An instant as Python's `isoformat` has it, without the zone: `2024-02-29T12:34:56.789000`.
 *
 * @param offset What the clock there is ahead of UTC, in μs.
 */
export function instantText(date: Date, offset = 0): string {
  const [seconds, nanoseconds] = secondsOf(date)
  const micros = Math.floor(nanoseconds / 1000) + offset
  const whole = Math.floor(micros / 1e6)
  const part = micros - whole * 1e6
  const local = new Date((seconds + whole) * 1000)
  if (Number.isNaN(local.getTime())) return 'Invalid Date'
  const fraction = part === 0 ? '' : `.${String(part).padStart(6, '0')}`
  return `${local.toISOString().replace('.000Z', '')}${fraction}`
}

/** Python's `repr` of a date, a time, or both in their ISO form: `datetime.datetime(2024, 2, 29, 12, 34)`. */
export function dateRepr(text: string, ...more: readonly string[]): string {
  const name = text.includes('T') ? 'datetime' : text.includes(':') ? 'time' : 'date'
  const fields = text.split(/\D/).map(Number)
  // Seconds and microseconds that are zero are left out.
  const least = name === 'datetime' ? 5 : name === 'time' ? 2 : 3
  while (fields.length > least && fields.at(-1) === 0) fields.pop()
  return `datetime.${name}(${[...fields, ...more].join(', ')})`
}

function objectText(value: object): string {
  const name = `<${value.constructor.name} object>`
  try {
    const text = String(value)
    return text === '[object Object]' ? name : text
  } catch {
    return name
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
