/**
 * Values to the opcodes of a pickle. Every value is checked as it is written. There is no memo, so a value that is
 * referred to twice is written twice, and pieces of a pickle can be put together.
 */

import { Buffer } from 'node:buffer'
import { Float, isInteger, isTuple, pythonFloat } from '../../core/values.ts'
import { SerializationError } from '../../errors.ts'
import { ByteArray, DefaultDict, Foreign, FrozenSet, OrderedDict } from '../python/values.ts'
import {
  checkMap,
  isPlainObject,
  lengthOf,
  MAX_DIGITS,
  ownPairs,
  refuse,
  refuseDate,
  ValuePath,
} from '../shared/path.ts'
import { Dict, Name, OldString } from './objects.ts'
import { BUDGET, OPCODE_COST, parseCode } from './read.ts'
import { Reference, reduce } from './reduce.ts'
import { encodeRawEscapes, encodeText, latin1, notData } from './text.ts'

/** What a pickle may cost to read. Reading takes at most twice as much, as a call counts its arguments again. */
const MAX_COST = BUDGET / 2

export type Protocol = 0 | 4 | 5

/** A value as opcodes of protocol 4, which nothing else refers to. */
export interface Code {
  /** The opcodes, one character a byte, with neither header nor STOP. */
  readonly code: string
  /** What they cost to read: their bytes, and 64 for each opcode. */
  readonly cost: number
  /** Whether there is a `Foreign` in it, which no other format can hold. */
  readonly hasForeign: boolean
  /** Whether there is a float in it. */
  readonly hasFloat: boolean
}

type Pairs = Iterable<readonly [unknown, unknown]>

/** The place inside a pickle that was read: what the writer refuses in it is no data. */
export class ReadPath extends ValuePath {
  override refusal(wrong: string): SerializationError {
    return notData(`it ${wrong}`)
  }
}

/** Writes values. Each method throws {@link SerializationError}, which names the part that pickle cannot hold. */
export class Writer {
  readonly #path: ValuePath
  readonly #protocol: Protocol
  #out = ''
  #cost = 0
  /** The cost of what was taken. */
  #taken = 0
  #hasForeign = false
  #hasFloat = false
  /** Whether the next value is a key or in a set, where Python takes only what cannot change. */
  #isKey = false
  /** Whether the next value is in a `Foreign`, where whole floats stay floats whatever is decoded. */
  #isInForeign = false

  /** Protocol 0 is ASCII throughout, with the names of Python 2, which every version reads. */
  constructor(path: ValuePath, protocol: Protocol) {
    this.#path = path
    this.#protocol = protocol
  }

  /** Takes what was written since the last call. The cost of all that was written stays bounded. */
  take(): Code {
    const [code, cost] = [this.#out, this.#cost - this.#taken]
    const [hasForeign, hasFloat] = [this.#hasForeign, this.#hasFloat]
    this.#out = ''
    this.#taken = this.#cost
    this.#hasForeign = false
    this.#hasFloat = false
    return { code, cost, hasForeign, hasFloat }
  }

  /** The pickle of what was written. */
  finish(): Uint8Array {
    const header = this.#protocol === 0 ? '' : `\x80${String.fromCharCode(this.#protocol)}`
    const bytes = Buffer.from(`${header}${this.#out}.`, 'latin1')
    // Not a Buffer, whose slices and copies behave otherwise.
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  /** Writes a dictionary of values that were written before. */
  record(entries: Iterable<readonly [key: string | Code, value: Code]>): void {
    this.#op('(')
    for (const [key, value] of entries) {
      if (typeof key === 'string') this.#text(key)
      else this.#append(key)
      this.#append(value)
    }
    this.#op('d')
  }

  #append({ code, cost }: Code): void {
    if (this.#protocol === 0) this.value(parseCode(code))
    else {
      this.#out += code
      this.#spend(cost)
    }
  }

  value(value: unknown): void {
    if (value === null) this.#op('N')
    else if (typeof value === 'string') this.#text(value)
    else if (typeof value === 'number') {
      if (isInteger(value)) this.#op(`I${value}\n`)
      else this.#float(value)
    } else if (typeof value === 'boolean') this.#op(value ? 'I01\n' : 'I00\n')
    else if (typeof value === 'bigint') this.#bigint(value)
    else if (typeof value !== 'object') throw refuse(value, this.#path)
    else if (Array.isArray(value)) this.#array(value)
    else if (value instanceof Float) this.#float(value.value)
    else if (value instanceof Set) this.#set(value)
    else if (value instanceof OrderedDict || value instanceof DefaultDict) this.#object(value)
    else if (value instanceof Map) this.#map(value)
    else if (value instanceof Uint8Array && !(value instanceof ByteArray)) this.#bytes(value)
    else if (value instanceof Reference) this.#name(value)
    else if (isPlainObject(value)) {
      this.#path.enter()
      const pairs = ownPairs(value, this.#path)
      this.#path.leave()
      this.#dict(pairs)
    } else this.#object(value)
  }

  /** Writes a value where Python takes only what cannot change. */
  key(value: unknown): void {
    const outer = this.#isKey
    this.#isKey = true
    this.value(value)
    this.#isKey = outer
  }

  #array(array: readonly unknown[]): void {
    const isFrozen = isTuple(array)
    if (!isFrozen) this.#mutable('list')
    this.#items(array, isFrozen ? 't' : 'l')
  }

  #set(set: Set<unknown>): void {
    const isFrozen = set instanceof FrozenSet
    if (!isFrozen) this.#mutable('set')
    this.#name(new Reference('builtins', isFrozen ? 'frozenset' : 'set'))
    this.#op('(')
    const outer = this.#isKey
    this.#isKey = true
    this.#items([...set], 'l')
    this.#isKey = outer
    this.#op('tR', 2)
  }

  /** Values between a MARK and the opcode that gathers them. */
  #items(items: readonly unknown[], opcode: string): void {
    const length = lengthOf(items, this.#path)
    this.#op('(')
    this.#path.enter()
    for (let i = 0; i < length; i++) {
      this.#path.at(i)
      const item = items[i]
      this.value(item === undefined ? null : item)
    }
    this.#path.leave()
    this.#op(opcode)
  }

  #map(map: Map<unknown, unknown>): void {
    if (!(map instanceof Dict)) checkMap(map, this.#path)
    this.#dict(map)
  }

  #dict(pairs: Pairs): void {
    this.#mutable('dict')
    this.#op('(')
    this.#pairs(pairs)
    this.#op('d')
  }

  /** Keys and values, with an opcode behind each pair. */
  #pairs(pairs: Pairs, opcode?: string): void {
    let index = 0
    this.#path.enter()
    for (const [key, value] of pairs) {
      this.#path.at(typeof key === 'string' ? key : index)
      index += 1
      if (value === undefined) continue
      this.key(key)
      this.value(value)
      if (opcode !== undefined) this.#op(opcode)
    }
    this.#path.leave()
  }

  /** An object of a class, by the call that makes it. */
  #object(object: object): void {
    const reduced = reduce(object, this.#protocol !== 0)
    if (reduced === undefined) throw this.#refusal(object)
    const { callee, args, items = [], pairs, state } = reduced
    if (object instanceof Map || object instanceof ByteArray) this.#mutable(callee.name)
    const outer = [this.#isKey, this.#isInForeign] as const
    const isForeign = object instanceof Foreign
    this.#isKey = false
    if (isForeign) {
      this.#isInForeign = true
      this.#hasForeign = true
      this.#path.enter()
    }
    this.#call(callee, args)
    this.#each(items, 'a')
    if (pairs !== undefined) this.#pairs(pairs, 's')
    if (state !== undefined) this.#each([state], 'b')
    if (isForeign) this.#path.leave()
    ;[this.#isKey, this.#isInForeign] = outer
  }

  #call(callee: Reference, args: readonly unknown[]): void {
    this.#name(callee)
    this.#op('(')
    this.#each(args)
    this.#op('tR', 2)
  }

  #each(values: readonly unknown[], opcode?: string): void {
    for (const value of values) {
      this.value(value)
      if (opcode !== undefined) this.#op(opcode)
    }
  }

  #refusal(object: object): SerializationError {
    if (object instanceof Name) {
      return notData(object.known ? `it holds ${object} as a value` : `it names ${object}`)
    }
    if (object instanceof OldString) return notData('a string of Python 2 in it is not ASCII')
    return object instanceof Date ? refuseDate(object, this.#path) : refuse(object, this.#path)
  }

  #name({ module, name }: Reference): void {
    if (this.#protocol === 0 && name.includes('.')) {
      throw new SerializationError(
        'The value is of a nested class, which protocol 0 cannot name: write protocol 4 or 5.',
      )
    }
    const parts = this.#protocol === 0 ? oldName(module, name) : [module, name]
    this.#op(`c${parts.map((part) => `${encodeText(part)}\n`).join('')}`)
  }

  #bigint(value: bigint): void {
    const text = String(value)
    if (text.replace('-', '').length > MAX_DIGITS) throw refuse(value, this.#path)
    this.#op(`L${text}L\n`)
  }

  /** A decoder makes numbers of whole floats in BINFLOAT, which are outside of a `Foreign`, and a `Float` in FLOAT. */
  #float(value: number): void {
    this.#hasFloat = true
    if (this.#protocol === 0 || this.#isInForeign) this.#op(`F${pythonFloat(value)}\n`)
    else {
      const bytes = Buffer.alloc(8)
      bytes.writeDoubleBE(value)
      this.#op(`G${latin1(bytes)}`)
    }
  }

  #text(text: string): void {
    if (this.#protocol === 0) this.#op(`V${encodeRawEscapes(text)}\n`)
    else this.#op(sized(encodeText(text), '\x8c', 'X'))
  }

  #bytes(bytes: Uint8Array): void {
    if (this.#protocol !== 0) this.#op(sized(latin1(bytes), 'C', 'B'))
    else if (bytes.length === 0) this.#call(new Reference('builtins', 'bytes'), [])
    else this.#call(new Reference('_codecs', 'encode'), [latin1(bytes), 'latin1'])
  }

  #op(text: string, opcodes = 1): void {
    this.#out += text
    this.#spend(opcodes * OPCODE_COST + text.length)
  }

  #spend(cost: number): void {
    this.#cost += cost
    if (this.#cost <= MAX_COST) return
    throw this.#path.refusal(`takes more than ${MAX_COST} bytes as a pickle`, 'store less in it')
  }

  #mutable(type: string): void {
    if (!this.#isKey) return
    const fix = 'use text, a number, a tuple or a FrozenSet'
    throw this.#path.refusal(`is a ${type} as a key or in a set, which Python refuses`, fix)
  }
}

/** Bytes behind their length: one byte of it, or four. */
function sized(bytes: string, short: string, long: string): string {
  const size = bytes.length
  if (size < 0x100) return `${short}${String.fromCharCode(size)}${bytes}`
  const length = [size, size >> 8, size >> 16, size >> 24].map((byte) => byte & 0xff)
  return `${long}${String.fromCharCode(...length)}${bytes}`
}

/** The names of Python 2. */
function oldName(module: string, name: string): [module: string, name: string] {
  if (module === 'copyreg') return ['copy_reg', name]
  return module === 'builtins' ? ['__builtin__', name === 'str' ? 'unicode' : name] : [module, name]
}
