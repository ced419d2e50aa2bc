/**
 * Values to the opcodes of a pickle. There is no memo, so what a value refers to many times is written as often: values
 * here share nothing. Every protocol has the same opcodes, but for text and bytes.
 *
 * @module
 */

import { Buffer } from 'node:buffer'
import { Float, isInteger, isTuple } from '../../core/values.ts'
import { pythonFloat } from '../python/float-text.ts'
import {
  ByteArray,
  Decimal,
  DefaultDict,
  Foreign,
  type ForeignClass,
  FrozenSet,
  Markup,
  OrderedDict,
  PlainDate,
  PlainDateTime,
  PlainTime,
  Timedelta,
  Timezone,
  Uuid,
} from '../python/values.ts'
import {
  isPlainObject,
  lengthOf,
  MAX_DIGITS,
  ownPairs,
  refuse,
  type ValuePath,
} from '../shared/path.ts'
import { type PackedDate, packInstant, packPlainDate, withoutFold } from './dates.ts'
import { Dict, Name, OldString } from './objects.ts'
import { BUDGET, OPCODE_COST } from './read.ts'
import { encodeRawEscapes, encodeText, latin1, notData } from './text.ts'

/** What a record may cost; reading it again costs at most twice as much. */
const MAX_COST = BUDGET / 2

/** Writes values one after another, each of them complete. */
export class Writer {
  readonly path: ValuePath
  /** Protocol 0: ASCII throughout, with the names of Python 2, which every version reads. */
  readonly isText: boolean
  /** What was written may cost to read, in bytes more or less. */
  cost = 0
  /** Whether a {@link Foreign} was written. */
  hasForeign = false
  /** Whether the next value is a key or in a set, where Python takes only what cannot change. */
  #isKey = false
  #parts: string[] = []

  constructor(path: ValuePath, isText: boolean) {
    this.path = path
    this.isText = isText
  }

  /** The bytes written since the last call. */
  take(): Uint8Array {
    const text = this.#parts.join('')
    this.#parts = []
    const bytes = Buffer.from(text, 'latin1')
    // Not a Buffer, whose slices and copies behave otherwise.
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  /** One opcode with what belongs to it, each character a byte. */
  op(text: string): void {
    this.cost += OPCODE_COST + text.length
    if (this.cost > MAX_COST) {
      throw this.path.refusal(`takes more than ${MAX_COST} bytes as a pickle`, 'store less in it')
    }
    this.#parts.push(text)
  }

  /** What another writer wrote, without its STOP. */
  copy(bytes: Uint8Array, cost: number): void {
    this.op(latin1(bytes))
    this.cost += cost - bytes.length - OPCODE_COST
  }

  /** A value that is a key. */
  key(value: unknown): void {
    this.#asKey(() => this.value(value))
  }

  /** Throws {@link SerializationError}, which names the part that pickle cannot hold. */
  value(value: unknown): void {
    switch (typeof value) {
      case 'string':
        this.text(value)
        break
      case 'number':
        this.op(isInteger(value) ? `I${value}\n` : `F${pythonFloat(value)}\n`)
        break
      case 'boolean':
        this.op(value ? 'I01\n' : 'I00\n')
        break
      case 'bigint':
        this.bigint(value)
        break
      case 'object':
        if (value === null) this.op('N')
        else if (!this.leaf(value)) this.container(value)
        break
      default:
        throw refuse(value, this.path)
    }
  }

  bigint(value: bigint): void {
    const text = String(value)
    if (text.length - (value < 0n ? 1 : 0) > MAX_DIGITS) throw refuse(value, this.path)
    this.op(`L${text}L\n`)
  }

  text(text: string): void {
    if (this.isText) this.op(`V${encodeRawEscapes(text)}\n`)
    else this.sized(encodeText(text), '\x8c', 'X')
  }

  bytes(bytes: Uint8Array): void {
    lengthOf(bytes, this.path)
    if (!this.isText) this.sized(bytes, 'C', 'B')
    else if (bytes.length === 0) this.call('builtins', 'bytes', () => undefined)
    else {
      this.call('_codecs', 'encode', () => {
        this.text(latin1(bytes))
        this.text('latin1')
      })
    }
  }

  /** Bytes behind their length: one byte of it, or four. */
  sized(bytes: Uint8Array, short: string, long: string): void {
    const size = bytes.length
    const isShort = size < 0x100
    const length = isShort ? [size] : [size, size >> 8, size >> 16, size >> 24]
    const prefix = String.fromCharCode(...length.map((byte) => byte & 0xff))
    this.op(`${isShort ? short : long}${prefix}${latin1(bytes)}`)
  }

  /** Python's types that hold no values of the session's own; false, and nothing is written, for others. */
  leaf(value: object): boolean {
    if (value instanceof ByteArray) {
      this.#mutable('bytearray')
      this.call('builtins', 'bytearray', () => value.length > 0 && this.bytes(value))
    } else if (value instanceof Uint8Array) this.bytes(value)
    else if (value instanceof Date) this.date(this.#instant(value))
    else if (value instanceof Float) this.op(`F${pythonFloat(value.value)}\n`)
    else if (value instanceof Markup) {
      this.call('copyreg', '_reconstructor', () => {
        this.name('markupsafe', 'Markup')
        this.name('builtins', 'str')
        this.text(value.html)
      })
    } else if (value instanceof Decimal) {
      this.call('decimal', 'Decimal', () => this.text(value.text))
    } else if (value instanceof Uuid) this.uuid(value)
    else if (value instanceof Timedelta) {
      const { days, seconds, microseconds } = value
      this.call('datetime', 'timedelta', () => this.#each([days, seconds, microseconds]))
    } else if (value instanceof Timezone) {
      const { offset, label } = value
      this.call('datetime', 'timezone', () =>
        this.#each(label === undefined ? [offset] : [offset, label]),
      )
    } else if (
      value instanceof PlainDate ||
      value instanceof PlainTime ||
      value instanceof PlainDateTime
    ) {
      this.date(packPlainDate(value))
    } else if (value instanceof Name) {
      throw notData(value.known ? `it holds ${value} as a value` : `it names ${value}`)
    } else if (value instanceof OldString) {
      throw notData('a string of Python 2 in it is not ASCII')
    } else return false
    return true
  }

  date(packed: PackedDate): void {
    this.call('datetime', packed.kind, () => {
      this.bytes(this.isText ? withoutFold(packed) : packed.bytes)
      if (packed.zone !== undefined) this.value(packed.zone)
    })
  }

  #instant(value: Date): PackedDate {
    const packed = packInstant(value)
    if (packed !== undefined) return packed
    throw Number.isNaN(Date.prototype.getTime.call(value))
      ? this.path.refusal('is an invalid Date', 'store null or a valid Date')
      : this.path.refusal('is a Date outside the years 1 to 9999', 'store its text or number')
  }

  uuid(value: Uuid): void {
    if (value.text === undefined) throw notData('a UUID in it has no number')
    this.call('copyreg', '_reconstructor', () => {
      this.name('uuid', 'UUID')
      this.name('builtins', 'object')
      this.op('N')
    })
    this.op('(')
    this.text('int')
    this.bigint(BigInt(`0x${value.hex}`))
    this.op('d')
    this.op('b')
  }

  container(value: object): void {
    if (Array.isArray(value)) {
      const isList = !isTuple(value)
      if (isList) this.#mutable('list')
      this.op('(')
      this.items(value)
      this.op(isList ? 'l' : 't')
    } else if (value instanceof Foreign) this.foreign(value)
    else if (value instanceof Set) this.set(value)
    else if (value instanceof Map) this.map(value)
    else if (isPlainObject(value)) {
      this.#mutable('dict')
      this.path.enter()
      const content = ownPairs(value, this.path)
      this.path.leave()
      this.op('(')
      this.pairs(content, '')
      this.op('d')
    } else throw refuse(value, this.path)
  }

  set(value: Set<unknown>): void {
    const isFrozen = value instanceof FrozenSet
    if (!isFrozen) this.#mutable('set')
    this.call('builtins', isFrozen ? 'frozenset' : 'set', () => {
      this.op('(')
      this.#asKey(() => this.items([...value]))
      this.op('l')
    })
  }

  map(value: Map<unknown, unknown>): void {
    const content = [...value].filter(([, item]) => item !== undefined)
    if (value instanceof OrderedDict) {
      this.#mutable('OrderedDict')
      this.call('collections', 'OrderedDict', () => undefined)
      this.pairs(content, 's')
    } else if (value instanceof DefaultDict) {
      const { factory } = value
      this.#mutable('defaultdict')
      this.call('collections', 'defaultdict', () => {
        if (factory !== null) this.name('builtins', factory)
      })
      this.pairs(content, 's')
    } else {
      this.#mutable('dict')
      if (!(value instanceof Dict) && content.every(([key]) => typeof key === 'string')) {
        const fix = 'store a plain object, such as Object.fromEntries(map)'
        throw this.path.refusal('is a Map without any key that is not a string', fix)
      }
      this.op('(')
      this.pairs(content, '')
      this.op('d')
    }
  }

  /** By the functions of `copyreg`, which all protocols have. */
  foreign(value: Foreign): void {
    const { class: type, args, keywords, base, state, items, pairs } = value
    this.hasForeign = true
    this.#unlessKey(() => {
      this.path.enter()
      if (base !== undefined) {
        this.call('copyreg', '_reconstructor', () => {
          this.foreignName(type)
          this.foreignName(base)
          this.#each(args)
        })
      } else if (keywords !== undefined) {
        this.call('copyreg', '__newobj_ex__', () => {
          this.foreignName(type)
          this.op('(')
          this.#each(args)
          this.op('t')
          this.value(keywords)
        })
      } else {
        this.call('copyreg', '__newobj__', () => {
          this.foreignName(type)
          this.#each(args)
        })
      }
      for (const item of items) {
        this.value(item)
        this.op('a')
      }
      this.pairs(pairs, 's')
      if (state !== undefined) {
        this.value(state)
        this.op('b')
      }
      this.path.leave()
    })
  }

  foreignName({ module, name }: ForeignClass): void {
    if (this.isText && name.includes('.')) {
      const fix = 'write protocol 4 or 5'
      throw this.path.refusal('is of a nested class, which protocol 0 cannot name', fix)
    }
    this.name(module, name)
  }

  name(module: string, name: string): void {
    const parts = this.isText ? oldName(module, name) : [module, name]
    this.op(`c${parts.map((part) => `${latin1(encodeText(part))}\n`).join('')}`)
  }

  /** What Python makes by calling a name. */
  call(module: string, name: string, writeArguments: () => void): void {
    this.name(module, name)
    this.op('(')
    writeArguments()
    this.op('t')
    this.op('R')
  }

  items(list: readonly unknown[]): void {
    const length = lengthOf(list, this.path)
    this.path.enter()
    for (let i = 0; i < length; i++) {
      this.path.at(i)
      const item = list[i]
      this.value(item === undefined ? null : item)
    }
    this.path.leave()
  }

  /** Keys and values, with an opcode behind each pair. */
  pairs(content: readonly (readonly [unknown, unknown])[], opcode: string): void {
    this.path.enter()
    content.forEach(([key, value], index) => {
      this.path.at(typeof key === 'string' ? key : index)
      this.key(key)
      this.value(value)
      if (opcode !== '') this.op(opcode)
    })
    this.path.leave()
  }

  #each(values: readonly unknown[]): void {
    for (const value of values) this.value(value)
  }

  #asKey(write: () => void): void {
    const before = this.#isKey
    this.#isKey = true
    write()
    this.#isKey = before
  }

  #unlessKey(write: () => void): void {
    const before = this.#isKey
    this.#isKey = false
    write()
    this.#isKey = before
  }

  #mutable(type: string): void {
    if (!this.#isKey) return
    const fix = 'use text, a number, a tuple or a FrozenSet'
    throw this.path.refusal(`is a ${type} as a key or in a set, which Python refuses`, fix)
  }
}

/** The names of Python 2. */
function oldName(module: string, name: string): [module: string, name: string] {
  if (module === 'copyreg') return ['copy_reg', name]
  return module === 'builtins' ? ['__builtin__', name === 'str' ? 'unicode' : name] : [module, name]
}
