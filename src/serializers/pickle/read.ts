/**
 * The machine that reads a pickle. It follows the opcodes of data and makes objects by the table of `objects.ts` alone;
 * nothing is imported or called.
 * Source: https://github.com/python/cpython/blob/main/Lib/pickletools.py
 */

import { Buffer } from 'node:buffer'
import { exactFloat, isTuple, setOwn, tupleFrom } from '../../core/values.ts'
import { DefaultDict, Foreign, FrozenSet, OrderedDict } from '../python/values.ts'
import { MAX_DIGITS } from '../shared/path.ts'
import { build, byteArrayOf, call, create, Dict, Name, OldString } from './objects.ts'
import { decodeQuoted, decodeRawEscapes, decodeText, isAscii, latin1, notData } from './text.ts'

/** What one pickle may cost to read and to hold, in bytes more or less: 64 MiB. */
export const BUDGET = 2 ** 26
/** What an opcode costs in time and memory, in bytes more or less. */
export const OPCODE_COST = 64

const NEWEST_PROTOCOL = 5
/** As many bytes as {@link MAX_DIGITS} digits take. */
const MAX_LONG_BYTES = Math.ceil((MAX_DIGITS * Math.log2(10)) / 8)
const WRONG_NUMBER = 'a number in it is wrong'
const LONG_INTEGER = `an integer in it is longer than ${MAX_DIGITS} digits`
const FLOAT = /^-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[-+]?[0-9]+)?$/i
const FLOAT_WORD = /^(?:nan|(-?)inf(?:inity)?)$/i

/**
 * What values are made of dictionaries and floats. `python`: a {@link Dict}, and a `Float` of each whole float. `floats`
 * and `numbers`, for a program: a plain object where the keys are strings, and whole floats as `Float` or as numbers.
 */
type Types = 'python' | 'floats' | 'numbers'

/**
 * Reads one pickle of protocols 0 to 5 in linear time, with Python's types. Of what the pickle refers to many times there
 * is one object. The value may still hold itself, be too deep or hold a bare name, all of which the writer refuses.
 *
 * @throws {SerializationError} On anything but data.
 */
export function parsePickle(bytes: Uint8Array, start = 0): { value: unknown; end: number } {
  const reader = new Reader(bytes, start, 'python')
  return { value: reader.run(), end: reader.at }
}

/** Reads what the writer wrote, which is one value. */
export function parseCode(code: string, types: Types = 'python'): unknown {
  return new Reader(Buffer.from(`${code}.`, 'latin1'), 0, types).run()
}

/**
 * Each follows one opcode and returns the value that goes onto the stack; undefined when there is none. No pickler writes
 * the opcodes that are missing here (INST, OBJ, EXT1, PERSID, DUP, POP, …) for data.
 */
const OPCODES: Readonly<Record<number, (reader: Reader) => unknown>> = {
  78: () => null, // NONE
  136: () => true, // NEWTRUE
  137: () => false, // NEWFALSE
  74: (r) => r.i32(), // BININT
  75: (r) => r.u8(), // BININT1
  77: (r) => r.view.getUint16(r.skip(2), true), // BININT2
  138: (r) => longOf(r, r.u8()), // LONG1
  139: (r) => longOf(r, r.size32()), // LONG4
  73: (r) => integerOf(r.line()), // INT
  76: (r) => digitsOf(r.line().replace(/L$/, '')), // LONG
  71: (r) => r.float(r.view.getFloat64(r.skip(8))), // BINFLOAT
  70: (r) => exactFloat(floatOf(r.line())), // FLOAT
  86: (r) => decodeRawEscapes(r.line()), // UNICODE
  140: (r) => decodeText(r.take(r.u8())), // SHORT_BINUNICODE
  88: (r) => decodeText(r.take(r.u32())), // BINUNICODE
  141: (r) => decodeText(r.take(r.u64())), // BINUNICODE8
  83: (r) => oldString(decodeQuoted(r.line())), // STRING
  85: (r) => oldString(latin1(r.take(r.u8()))), // SHORT_BINSTRING
  84: (r) => oldString(latin1(r.take(r.size32()))), // BINSTRING
  67: (r) => new Uint8Array(r.take(r.u8())), // SHORT_BINBYTES
  66: (r) => new Uint8Array(r.take(r.u32())), // BINBYTES
  142: (r) => new Uint8Array(r.take(r.u64())), // BINBYTES8
  150: (r) => byteArrayOf(r.take(r.u64())), // BYTEARRAY8

  40: (r) => void r.marks.push(r.stack.length), // MARK
  41: () => tupleFrom([]), // EMPTY_TUPLE
  133: (r) => tupleFrom(r.pop(1)), // TUPLE1
  134: (r) => tupleFrom(r.pop(2)), // TUPLE2
  135: (r) => tupleFrom(r.pop(3)), // TUPLE3
  116: (r) => tupleFrom(r.popToMark()), // TUPLE
  93: () => [], // EMPTY_LIST
  108: (r) => r.popToMark(), // LIST
  97: (r) => append(r.pop(1), r.top()), // APPEND
  101: (r) => append(r.popToMark(), r.top()), // APPENDS
  125: () => new Dict(), // EMPTY_DICT
  100: (r) => r.dict(pairsOf(r.popToMark())), // DICT
  115: (r) => setItems(r.pop(2), r.top()), // SETITEM
  117: (r) => setItems(r.popToMark(), r.top()), // SETITEMS
  143: () => new Set(), // EMPTY_SET
  144: (r) => addItems(r.popToMark(), r.top()), // ADDITEMS
  145: (r) => new FrozenSet(r.popToMark()), // FROZENSET

  99: (r) => new Name(decodeText(r.lineBytes()), decodeText(r.lineBytes())), // GLOBAL
  147: (r) => nameOf(r.pop(2)), // STACK_GLOBAL
  82: (r) => call(r.pop(2), (cost) => r.spend(cost)), // REDUCE
  129: (r) => create(r.pop(2)), // NEWOBJ
  146: (r) => create(r.pop(3)), // NEWOBJ_EX
  98: (r) => build(r.pop(1)[0], r.top()), // BUILD

  148: (r) => r.put(r.memo.size), // MEMOIZE
  112: (r) => r.put(digitsOf(r.line())), // PUT
  113: (r) => r.put(r.u8()), // BINPUT
  114: (r) => r.put(r.u32()), // LONG_BINPUT
  103: (r) => r.get(digitsOf(r.line())), // GET
  104: (r) => r.get(r.u8()), // BINGET
  106: (r) => r.get(r.u32()), // LONG_BINGET
  149: (r) => r.ensure(r.u64()), // FRAME
}

class Reader {
  readonly bytes: Uint8Array
  readonly view: DataView
  at: number
  #budget = BUDGET
  readonly stack: unknown[] = []
  /** The stack's length at each mark. */
  readonly marks: number[] = []
  /** A map, so that the number of a billion costs no memory. */
  readonly memo = new Map<number | bigint, unknown>()

  readonly #types: Types

  constructor(bytes: Uint8Array, start: number, types: Types) {
    if (bytes.length > BUDGET) throw notData(`it is larger than ${BUDGET} bytes`)
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.at = start
    this.#types = types
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
      const follow = OPCODES[opcode]
      if (follow === undefined) {
        throw notData(`it holds the opcode 0x${opcode.toString(16).padStart(2, '0')}`)
      }
      const value = follow(this)
      if (value !== undefined) this.stack.push(value)
    }
    if (this.stack.length !== 1 || this.marks.length > 0) throw notData('it ends too early')
    return this.stack[0]
  }

  /** Accounts for work or memory that does not follow from the number of bytes. */
  spend(cost: number): void {
    this.#budget -= cost
    if (this.#budget < 0) throw notData('it takes too much to read')
  }

  ensure(size: number): void {
    if (size > this.bytes.length - this.at) throw notData('it is cut off')
  }

  /** Steps over `size` bytes and returns where they began. */
  skip(size: number): number {
    this.ensure(size)
    this.at += size
    return this.at - size
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
  lineBytes(): Uint8Array {
    const end = this.bytes.indexOf(0x0a, this.at)
    if (end < 0) throw notData('a line in it does not end')
    const line = this.take(end - this.at)
    this.at += 1
    return line
  }

  /** The same line, one character a byte. */
  line(): string {
    return latin1(this.lineBytes())
  }

  float(value: number): unknown {
    return this.#types === 'numbers' ? value : exactFloat(value)
  }

  dict(pairs: readonly (readonly [unknown, unknown])[]): unknown {
    if (this.#types === 'python') return new Dict(pairs)
    const object: Record<string, unknown> = {}
    for (const [key, value] of pairs) {
      if (typeof key !== 'string') return new Map(pairs)
      setOwn(object, key, value)
    }
    return object
  }

  top(): unknown {
    if (this.stack.length <= (this.marks.at(-1) ?? 0)) throw notData('its stack is empty')
    return this.stack.at(-1)
  }

  /** Takes off the last `count` values, in their order. */
  pop(count: number): unknown[] {
    const start = this.stack.length - count
    if (start < (this.marks.at(-1) ?? 0)) throw notData('its stack is empty')
    return this.stack.splice(start)
  }

  /** Takes off the last mark, and the values above it. */
  popToMark(): unknown[] {
    const mark = this.marks.pop()
    if (mark === undefined) throw notData('it has no mark')
    return this.stack.splice(mark)
  }

  put(index: number | bigint): void {
    if (index < 0) throw notData(WRONG_NUMBER)
    this.memo.set(index, this.top())
  }

  get(index: number | bigint): unknown {
    const value = this.memo.get(index)
    if (value === undefined) throw notData('it refers to nothing')
    return value
  }
}

function append(items: readonly unknown[], target: unknown): void {
  const list = isOpenForeign(target) ? target.items : target
  if (!Array.isArray(list) || isTuple(list)) throw notData('it adds to what is no list')
  for (const item of items) list.push(item)
}

function setItems(items: readonly unknown[], target: unknown): void {
  const isDict = [Dict, OrderedDict, DefaultDict].some((type) => target instanceof type)
  if (isOpenForeign(target)) append(pairsOf(items), target.pairs)
  else if (!isDict) throw notData('it adds to what is no dict')
  else for (const [key, value] of pairsOf(items)) (target as Dict).set(key, value)
}

function addItems(items: readonly unknown[], target: unknown): void {
  if (!(target instanceof Set) || target instanceof FrozenSet) {
    throw notData('it adds to what is no set')
  }
  for (const item of items) target.add(item)
}

/** Picklers write the items of an object before its state. */
function isOpenForeign(value: unknown): value is Foreign {
  return value instanceof Foreign && value.state === undefined
}

function pairsOf(items: readonly unknown[]): [unknown, unknown][] {
  if (items.length % 2 === 1) throw notData('a key in it has no value')
  const pairs: [unknown, unknown][] = []
  for (let at = 0; at < items.length; at += 2) pairs.push([items[at], items[at + 1]])
  return pairs
}

function nameOf([module, name]: readonly unknown[]): Name {
  if (typeof module === 'string' && typeof name === 'string') return new Name(module, name)
  throw notData('it names what is no name')
}

/** Python 2's `str`: text when it is ASCII, as Python 3 reads it. */
function oldString(text: string): unknown {
  return isAscii(text) ? text : new OldString(Buffer.from(text, 'latin1'))
}

/** An int in two's complement, little-endian. */
function longOf(reader: Reader, size: number): number | bigint {
  if (size > MAX_LONG_BYTES) throw notData(LONG_INTEGER)
  const hex = Buffer.from(reader.take(size)).reverse().toString('hex')
  return size === 0 ? 0 : integer(BigInt.asIntN(size * 8, BigInt(`0x${hex}`)))
}

/** `I01` and `I00` are the booleans of protocol 0. */
function integerOf(line: string): number | bigint | boolean {
  return line === '01' || (line === '00' ? false : digitsOf(line))
}

function digitsOf(text: string): number | bigint {
  if (text.length > MAX_DIGITS + 1) throw notData(LONG_INTEGER)
  if (!/^-?[0-9]+$/.test(text)) throw notData(WRONG_NUMBER)
  return text.length < 16 ? Number(text) + 0 : integer(BigInt(text))
}

/** A `bigint` only where a number cannot hold it. */
function integer(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

function floatOf(line: string): number {
  if (FLOAT.test(line)) return Number(line)
  const [word, sign] = FLOAT_WORD.exec(line) ?? []
  if (word === undefined) throw notData(WRONG_NUMBER)
  return sign === undefined ? Number.NaN : Number(`${sign}Infinity`)
}
