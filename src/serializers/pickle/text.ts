/** The strings inside a pickle: UTF-8 with halves of surrogate pairs, and the escapes of protocol 0. */

import { Buffer } from 'node:buffer'
import { SerializationError } from '../../errors.ts'
import { decodeUtf8 } from '../shared/text.ts'

/** The error for a pickle that is refused. `how` never holds a value of it. */
export function notData(how: string, cause?: unknown): SerializationError {
  return new SerializationError(
    `Not a pickle of plain data (${how}): keep plain values in the session, or delete the record.`,
    cause === undefined ? {} : { cause },
  )
}

/** Halves of surrogate pairs in UTF-8, one character a byte. No other text has these bytes. */
const ENCODED_HALF = /(\xed[\xa0-\xbf][\x80-\xbf])/
const HALF = /([\ud800-\udfff])/u

/** Decodes UTF-8 with Python's `surrogatepass`. Two halves in a row become one character. */
export function decodeText(bytes: Uint8Array): string {
  const whole = decodeUtf8(bytes)
  if (whole !== undefined) return whole
  const parts = latin1(bytes).split(ENCODED_HALF)
  return parts.map((part, index) => (index % 2 === 1 ? decodeHalf(part) : decode(part))).join('')
}

function decodeHalf(bytes: string): string {
  const [second, third] = [bytes.charCodeAt(1) & 0x3f, bytes.charCodeAt(2) & 0x3f]
  return String.fromCharCode(0xd000 | (second << 6) | third)
}

function decode(bytes: string): string {
  const text = decodeUtf8(Buffer.from(bytes, 'latin1'))
  if (text === undefined) throw notData('a string in it is not UTF-8')
  return text
}

export function isAscii(text: string): boolean {
  return /^[\0-\x7f]*$/.test(text)
}

/** UTF-8, one character a byte, with half of a surrogate pair as three bytes. */
export function encodeText(text: string): string {
  if (isAscii(text)) return text
  const encode = (part: string, index: number): string =>
    index % 2 === 1 ? encodeHalf(part.charCodeAt(0)) : latin1(Buffer.from(part))
  return text.split(HALF).map(encode).join('')
}

function encodeHalf(code: number): string {
  return String.fromCharCode(0xed, 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f))
}

const { latin1Slice } = Buffer.prototype

/** The string whose characters are the bytes. */
export function latin1(bytes: Uint8Array): string {
  return latin1Slice.call(bytes, 0, bytes.length)
}

/** The bytes of a string whose characters are bytes; undefined when one is not. */
export function latin1Bytes(text: string): Uint8Array | undefined {
  return /[^\0-\xff]/.test(text) ? undefined : Buffer.from(text, 'latin1')
}

const RAW_ESCAPE = /\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([^uU]|$))?/g

/** Decodes Python's `raw-unicode-escape`, where only `\u` and `\U` are escapes. */
export function decodeRawEscapes(text: string): string {
  return text.replace(RAW_ESCAPE, (whole, short?: string, long?: string, other?: string) =>
    other === undefined ? character(short ?? long) : whole,
  )
}

/** The character of a code point in hexadecimal digits. */
function character(hex: string | undefined): string {
  const point = Number.parseInt(hex ?? '', 16)
  if (point <= 0x10ffff) return String.fromCodePoint(point)
  throw notData('an escape in it is wrong')
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: CPython escapes it.
const UNSAFE = /[\0\n\r\u001a\\\u0080-\u{10ffff}]/gu

/** Escapes what CPython escapes, and all that is not ASCII: some clients of Memcached take protocol 0 for UTF-8. */
export function encodeRawEscapes(text: string): string {
  return text.replace(UNSAFE, (found) => {
    const point = found.codePointAt(0) as number
    const hex = point.toString(16)
    return point > 0xffff ? `\\U${hex.padStart(8, '0')}` : `\\u${hex.padStart(4, '0')}`
  })
}

const QUOTED = /^(?:'[^\n]*'|"[^\n]*")$/
const STRING_ESCAPE = /\\(?:x([0-9a-fA-F]{2})|([\\'"abfnrtv]))?/g
const SIMPLE: Readonly<Record<string, string>> = {
  ...{ a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' },
  ...{ '\\': '\\', "'": "'", '"': '"' },
}

/** Decodes Python 2's `repr` of a string; each character is a byte. */
export function decodeQuoted(text: string): string {
  if (text.length < 2 || !QUOTED.test(text)) throw notData('a string in it has no quotes')
  return text
    .slice(1, -1)
    .replace(STRING_ESCAPE, (_, hex?: string, simple = '') => SIMPLE[simple] ?? character(hex))
}
