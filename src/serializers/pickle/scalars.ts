/**
 * The opcodes of pickle that carry a value of their own: numbers, texts and bytes.
 *
 * @module
 */

import { Buffer } from 'node:buffer'
import { MAX_DIGITS } from '../json/parse.ts'
import { type Input, notData } from './input.ts'
import { bytesNode, FALSE, intNode, NONE, type Node, strNode, TRUE } from './nodes.ts'
import { OP } from './opcodes.ts'
import { decodeQuoted, decodeRawEscapes, decodeText, latin1 } from './text.ts'

/** As many bytes as {@link MAX_DIGITS} digits take. */
export const MAX_LONG_BYTES: number = Math.ceil((MAX_DIGITS * Math.log2(10)) / 8)

/** How each of them is read. */
export const SCALARS: ReadonlyMap<number, (input: Input) => Node> = new Map<
  number,
  (input: Input) => Node
>([
  [OP.NONE, () => NONE],
  [OP.NEWTRUE, () => TRUE],
  [OP.NEWFALSE, () => FALSE],
  [OP.BININT, (input) => intNode(input.i32())],
  [OP.BININT1, (input) => intNode(input.u8())],
  [OP.BININT2, (input) => intNode(input.u16())],
  [OP.LONG1, (input) => longNode(input, input.u8())],
  [OP.LONG4, (input) => longNode(input, input.i32())],
  [OP.INT, (input) => intLine(latin1(input.line()))],
  [OP.LONG, (input) => digits(latin1(input.line()).replace(/L$/, ''))],
  [OP.BINFLOAT, (input) => ({ kind: 'float', value: input.f64() })],
  [OP.FLOAT, (input) => floatLine(latin1(input.line()))],
  [OP.UNICODE, (input) => strNode(decodeRawEscapes(input.line()))],
  [OP.SHORT_BINUNICODE, (input) => strNode(decodeText(input.take(input.u8())))],
  [OP.BINUNICODE, (input) => strNode(decodeText(input.take(input.u32())))],
  [OP.BINUNICODE8, (input) => strNode(decodeText(input.take(input.u64())))],
  [OP.STRING, (input) => oldString(decodeQuoted(input.line()))],
  [OP.SHORT_BINSTRING, (input) => oldString(latin1(input.take(input.u8())))],
  [OP.BINSTRING, (input) => oldString(latin1(input.take(positive(input.i32()))))],
  [OP.SHORT_BINBYTES, (input) => bytesNode(input.take(input.u8()), true)],
  [OP.BINBYTES, (input) => bytesNode(input.take(input.u32()), true)],
  [OP.BINBYTES8, (input) => bytesNode(input.take(input.u64()), true)],
  [OP.BYTEARRAY8, (input) => ({ kind: 'bytearray', bytes: input.take(input.u64()) })],
])

function positive(size: number): number {
  if (size < 0) throw notData('a length in it is negative')
  return size
}

/** Python 2's `str`: text when it is ASCII, as Python 3 reads it. */
function oldString(text: string): Node {
  if (/^[\0-\x7f]*$/.test(text)) return strNode(text)
  return { kind: 'raw', bytes: new Uint8Array(Buffer.from(text, 'latin1')) }
}

/** Two's complement, little-endian. */
function longNode(input: Input, size: number): Node {
  if (positive(size) > MAX_LONG_BYTES) throw tooLong()
  const bytes = input.take(size)
  if (size === 0) return intNode(0)
  const hex = Buffer.from(bytes).reverse().toString('hex')
  return intNode(BigInt.asIntN(size * 8, BigInt(`0x${hex}`)))
}

/** `I01` and `I00` are the booleans of protocol 0. */
function intLine(line: string): Node {
  if (line === '01') return TRUE
  return line === '00' ? FALSE : digits(line)
}

function digits(text: string): Node {
  if (text.length > MAX_DIGITS + 1) throw tooLong()
  if (!/^-?[0-9]+$/.test(text)) throw notData('a number in it is wrong')
  return intNode(BigInt(text))
}

function tooLong(): Error {
  return notData(`an integer in it is longer than ${MAX_DIGITS} digits`)
}

const FLOAT = /^-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[-+]?[0-9]+)?$/i
const FLOAT_WORDS: ReadonlyMap<string, number> = new Map([
  ['nan', Number.NaN],
  ['inf', Number.POSITIVE_INFINITY],
  ['-inf', Number.NEGATIVE_INFINITY],
])

function floatLine(line: string): Node {
  const value = FLOAT.test(line) ? Number(line) : FLOAT_WORDS.get(line)
  if (value === undefined) throw notData('a number in it is wrong')
  return { kind: 'float', value }
}
