/**
 * The machine that reads a pickle. It follows the opcodes of data and makes objects by the table of `objects.ts` alone;
 * nothing is imported or called.
 * Source: https://github.com/python/cpython/blob/main/Lib/pickletools.py
 *
 * @module
 */

import { Buffer } from 'node:buffer'
import { exactFloat, isTuple, tupleFrom } from '../../core/values.ts'
import { DefaultDict, Foreign, FrozenSet, OrderedDict } from '../python/values.ts'
import { MAX_DIGITS } from '../shared/path.ts'
import { build, byteArrayOf, call, create, createWith, Dict, Name, OldString } from './objects.ts'
import { decodeQuoted, decodeRawEscapes, decodeText, latin1, notData } from './text.ts'

/** What one pickle may cost to read and to hold, in bytes more or less: 64 MiB. */
export const BUDGET = 2 ** 26
/** What an opcode costs in time and memory, in bytes more or less. */
export const OPCODE_COST = 64

const NEWEST_PROTOCOL = 5
/** As many bytes as {@link MAX_DIGITS} digits take. */
const MAX_LONG_BYTES = Math.ceil((MAX_DIGITS * Math.log2(10)) / 8)
const FLOAT = /^-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[-+]?[0-9]+)?$/i
const FLOAT_WORDS: ReadonlyMap<string, number> = new Map([
  ['nan', Number.NaN],
  ['inf', Number.POSITIVE_INFINITY],
  ['-inf', Number.NEGATIVE_INFINITY],
  ['infinity', Number.POSITIVE_INFINITY],
  ['-infinity', Number.NEGATIVE_INFINITY],
])

interface Parsed {
  /**
   * With Python's types: a whole float is a `Float`, a `dict` is a {@link Dict}. It may still hold itself, be too deep or
   * hold a bare name, all of which the writer refuses.
   */
  readonly value: unknown
  /** Where the pickle ends: after its STOP. */
  readonly end: number
}

/**
 * Reads one pickle of protocols 0 to 5 in linear time. Of what the pickle refers to many times there is one object.
 *
 * @throws {SerializationError} On anything but data.
 */
export function parsePickle(bytes: Uint8Array, start = 0): Parsed {
  const reader = new Reader(bytes, start)
  return { value: reader.run(), end: reader.at }
}

class Reader {
  readonly bytes: Uint8Array
  readonly view: DataView
  at: number
  #budget = BUDGET
  readonly #stack: unknown[] = []
  /** The stack's length at each mark. */
  readonly #marks: number[] = []
  /** A map, so that the number of a billion costs no memory. */
  readonly #memo = new Map<number, unknown>()

  constructor(bytes: Uint8Array, start: number) {
    if (bytes.length > BUDGET) throw notData(`it is larger than ${BUDGET} bytes`)
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.at = start
  }

  run(): unknown {
    const start = this.at
    for (;;) {
      this.spend(OPCODE_COST)
      const opcode = this.u8()
      if (opcode === 0x2e /* STOP */) break
      if (opcode === 0x80 /* PROTO */ && this.at === start + 1) {
        if (this.u8() > NEWEST_PROTOCOL) throw notData('its protocol is newer than 5')
        continue
      }
      const value = this.step(opcode)
      if (value !== undefined) this.#stack.push(value)
    }
    if (this.#stack.length !== 1 || this.#marks.length > 0) throw notData('it ends too early')
    return this.#stack[0]
  }

  /**
   * Follows one opcode. Returns the value that goes onto the stack; undefined when there is none. No pickler writes the
   * opcodes that are missing here (INST, OBJ, EXT1, PERSID, DUP, POP, …) for data.
   */
  step(opcode: number): unknown {
    switch (opcode) {
      case 0x4e: // NONE
        return null
      case 0x88: // NEWTRUE
        return true
      case 0x89: // NEWFALSE
        return false
      case 0x4a: // BININT
        return this.i32()
      case 0x4b: // BININT1
        return this.u8()
      case 0x4d: // BININT2
        return this.view.getUint16(this.skip(2), true)
      case 0x8a: // LONG1
        return this.long(this.u8())
      case 0x8b: // LONG4
        return this.long(this.size32())
      case 0x49: // INT
        return integerLine(this.line())
      case 0x4c: // LONG
        return digits(latin1(this.line()).replace(/L$/, ''))
      case 0x47: // BINFLOAT
        return exactFloat(this.view.getFloat64(this.skip(8)))
      case 0x46: // FLOAT
        return floatLine(this.line())
      case 0x56: // UNICODE
        return decodeRawEscapes(this.line())
      case 0x8c: // SHORT_BINUNICODE
        return decodeText(this.take(this.u8()))
      case 0x58: // BINUNICODE
        return decodeText(this.take(this.u32()))
      case 0x8d: // BINUNICODE8
        return decodeText(this.take(this.u64()))
      case 0x53: // STRING
        return oldString(decodeQuoted(this.line()))
      case 0x55: // SHORT_BINSTRING
        return oldString(latin1(this.take(this.u8())))
      case 0x54: // BINSTRING
        return oldString(latin1(this.take(this.size32())))
      case 0x43: // SHORT_BINBYTES
        return new Uint8Array(this.take(this.u8()))
      case 0x42: // BINBYTES
        return new Uint8Array(this.take(this.u32()))
      case 0x8e: // BINBYTES8
        return new Uint8Array(this.take(this.u64()))
      case 0x96: // BYTEARRAY8
        return byteArrayOf(this.take(this.u64()))

      case 0x28: // MARK
        this.#marks.push(this.#stack.length)
        return undefined
      case 0x29: // EMPTY_TUPLE
        return tupleFrom([])
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: // TUPLE3
        return tupleFrom(this.pop(opcode - 0x84))
      case 0x74: // TUPLE
        return tupleFrom(this.popToMark())
      case 0x5d: // EMPTY_LIST
        return []
      case 0x6c: // LIST
        return this.popToMark()
      case 0x61: // APPEND
        return this.append(this.pop(1))
      case 0x65: // APPENDS
        return this.append(this.popToMark())
      case 0x7d: // EMPTY_DICT
        return new Dict()
      case 0x64: // DICT
        return new Dict(pairs(this.popToMark()))
      case 0x73: // SETITEM
        return this.setItems(this.pop(2))
      case 0x75: // SETITEMS
        return this.setItems(this.popToMark())
      case 0x8f: // EMPTY_SET
        return new Set()
      case 0x90: // ADDITEMS
        return this.addItems(this.popToMark())
      case 0x91: // FROZENSET
        return new FrozenSet(this.popToMark())

      case 0x63: // GLOBAL
        return new Name(decodeText(this.line()), decodeText(this.line()))
      case 0x93: // STACK_GLOBAL
        return stackGlobal(this.pop(2))
      case 0x52: // REDUCE
        return call(this.pop(2), (cost) => this.spend(cost))
      case 0x81: // NEWOBJ
        return create(this.pop(2))
      case 0x92: // NEWOBJ_EX
        return createWith(this.pop(3))
      case 0x62: {
        // BUILD
        const [state] = this.pop(1)
        return build(this.top(), state)
      }

      case 0x94: // MEMOIZE
        return this.put(this.#memo.size)
      case 0x70: // PUT
        return this.put(this.index())
      case 0x71: // BINPUT
        return this.put(this.u8())
      case 0x72: // LONG_BINPUT
        return this.put(this.u32())
      case 0x67: // GET
        return this.get(this.index())
      case 0x68: // BINGET
        return this.get(this.u8())
      case 0x6a: // LONG_BINGET
        return this.get(this.u32())
      case 0x95: // FRAME
        if (this.u64() > this.bytes.length - this.at) throw notData('it is cut off')
        return undefined
      default:
        throw notData(`it holds the opcode 0x${opcode.toString(16).padStart(2, '0')}`)
    }
  }

  // The bytes, with every length checked.

  /** Accounts for work or memory that does not follow from the number of bytes. */
  spend(cost: number): void {
    this.#budget -= cost
    if (this.#budget < 0) throw notData('it takes too much to read')
  }

  /** Steps over `size` bytes and returns where they began. */
  skip(size: number): number {
    const start = this.at
    if (size > this.bytes.length - start) throw notData('it is cut off')
    this.at += size
    return start
  }

  u8(): number {
    return this.view.getUint8(this.skip(1))
  }

  i32(): number {
    return this.view.getInt32(this.skip(4), true)
  }

  u32(): number {
    return this.view.getUint32(this.skip(4), true)
  }

  /** Beyond 2^53 the number is not exact, but no such length fits. */
  u64(): number {
    return Number(this.view.getBigUint64(this.skip(8), true))
  }

  /** A length that its format keeps with a sign. */
  size32(): number {
    const size = this.i32()
    if (size < 0) throw notData('a length in it is negative')
    return size
  }

  /** A view of the next `size` bytes. */
  take(size: number): Uint8Array {
    const start = this.skip(size)
    this.spend(size)
    return this.bytes.subarray(start, this.at)
  }

  /** The bytes before the next line feed, which is stepped over. */
  line(): Uint8Array {
    const end = this.bytes.indexOf(0x0a, this.at)
    if (end < 0) throw notData('a line in it does not end')
    const line = this.take(end - this.at)
    this.at += 1
    return line
  }

  /** A number of the memo in protocol 0. */
  index(): number {
    const line = latin1(this.line())
    if (!/^[0-9]{1,10}$/.test(line)) throw notData('a number in it is wrong')
    return Number(line)
  }

  /** An int in two's complement, little-endian. */
  long(size: number): number | bigint {
    if (size > MAX_LONG_BYTES) throw tooLong()
    const hex = Buffer.from(this.take(size)).reverse().toString('hex')
    return size === 0 ? 0 : integer(BigInt.asIntN(size * 8, BigInt(`0x${hex}`)))
  }

  // The stack, its marks and the memo.

  top(): unknown {
    if (this.#stack.length <= (this.#marks.at(-1) ?? 0)) throw notData('its stack is empty')
    return this.#stack.at(-1)
  }

  /** Takes off the last `count` values, in their order. */
  pop(count: number): unknown[] {
    if (this.#stack.length - count < (this.#marks.at(-1) ?? 0)) throw notData('its stack is empty')
    return this.#stack.splice(this.#stack.length - count)
  }

  /** Takes off the last mark, and the values above it. */
  popToMark(): unknown[] {
    const mark = this.#marks.pop()
    if (mark === undefined) throw notData('it has no mark')
    return this.#stack.splice(mark)
  }

  put(index: number): void {
    this.#memo.set(index, this.top())
  }

  get(index: number): unknown {
    const value = this.#memo.get(index)
    if (value === undefined) throw notData('it refers to nothing')
    return value
  }

  // Containers and objects.

  append(items: readonly unknown[]): void {
    const target = this.top()
    const list = isOpenForeign(target) ? target.items : target
    if (!Array.isArray(list) || isTuple(list)) throw notData('it adds to what is no list')
    for (const item of items) list.push(item)
  }

  setItems(items: readonly unknown[]): void {
    const target = this.top()
    const isDict = [Dict, OrderedDict, DefaultDict].some((type) => target instanceof type)
    if (isOpenForeign(target)) {
      for (const pair of pairs(items)) (target.pairs as unknown[]).push(pair)
    } else if (isDict) {
      for (const [key, value] of pairs(items)) (target as Dict).set(key, value)
    } else throw notData('it adds to what is no dict')
  }

  addItems(items: readonly unknown[]): void {
    const target = this.top()
    if (!(target instanceof Set) || target instanceof FrozenSet) {
      throw notData('it adds to what is no set')
    }
    for (const item of items) target.add(item)
  }
}

function stackGlobal([module, name]: readonly unknown[]): Name {
  if (typeof module === 'string' && typeof name === 'string') return new Name(module, name)
  throw notData('it names what is no name')
}

/** Picklers write the items of an object before its state. */
function isOpenForeign(value: unknown): value is Foreign {
  return value instanceof Foreign && value.state === undefined
}

function pairs(items: readonly unknown[]): [unknown, unknown][] {
  if (items.length % 2 === 1) throw notData('a key in it has no value')
  const found: [unknown, unknown][] = []
  for (let at = 0; at < items.length; at += 2) found.push([items[at], items[at + 1]])
  return found
}

/** Python 2's `str`: text when it is ASCII, as Python 3 reads it. */
function oldString(text: string): unknown {
  return /^[\0-\x7f]*$/.test(text) ? text : new OldString(Buffer.from(text, 'latin1'))
}

/** `I01` and `I00` are the booleans of protocol 0. */
function integerLine(line: Uint8Array): number | bigint | boolean {
  const text = latin1(line)
  return text === '01' || (text === '00' ? false : digits(text))
}

function digits(text: string): number | bigint {
  if (text.length > MAX_DIGITS + 1) throw tooLong()
  if (!/^-?[0-9]+$/.test(text)) throw notData('a number in it is wrong')
  return text.length < 16 ? Number(text) + 0 : integer(BigInt(text))
}

/** A `bigint` only where a number cannot hold it. */
function integer(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

function tooLong(): Error {
  return notData(`an integer in it is longer than ${MAX_DIGITS} digits`)
}

function floatLine(line: Uint8Array): unknown {
  const text = latin1(line)
  const value = FLOAT.test(text) ? Number(text) : FLOAT_WORDS.get(text.toLowerCase())
  if (value === undefined) throw notData('a number in it is wrong')
  return exactFloat(value)
}
