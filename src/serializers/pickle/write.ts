/**
 * The values of entries to the opcodes of a pickle. There is no memo. Every protocol has the same opcodes, but for text
 * and bytes.
 *
 * @module
 */

import { Buffer } from 'node:buffer'
import { Float, isInteger, isTuple, tupleFrom } from '../../core/values.ts'
import { SerializationError } from '../../errors.ts'
import {
  ByteArray,
  Decimal,
  DefaultDict,
  Foreign,
  type ForeignClass,
  FrozenSet,
  Markup,
  OrderedDict,
  type PlainDate,
  type PlainDateTime,
  type PlainTime,
  Timedelta,
  Timezone,
  Uuid,
} from '../python/values.ts'
import { pythonFloat } from '../shared/text.ts'
import { type PackedDate, packDate, withoutFold } from './dates.ts'
import { Dict, Name } from './objects.ts'
import { encodeRawEscapes, encodeText, latin1 } from './text.ts'

/** The name of what Python calls, and its arguments. */
type Call = readonly [module: string, name: string, args: readonly unknown[]]

/** Writes values that {@link Copier} made for an entry, so each of them is complete and sound. */
export class Writer {
  /** Protocol 0: ASCII throughout, with the names of Python 2, which every version reads. */
  readonly #isText: boolean
  /** What was written, one character a byte. */
  #out: string

  constructor(protocol: 0 | 4 | 5) {
    this.#isText = protocol === 0
    this.#out = this.#isText ? '' : `\x80${String.fromCharCode(protocol)}`
  }

  /** The pickle of what was written. */
  finish(): Uint8Array {
    const bytes = Buffer.from(`${this.#out}.`, 'latin1')
    // Not a Buffer, whose slices and copies behave otherwise.
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  /** Throws {@link SerializationError} on an object of a nested class, for which protocol 0 has no name. */
  value(value: unknown): void {
    if (value === null) this.#out += 'N'
    else if (typeof value === 'string') this.#text(value)
    else if (typeof value === 'number') {
      this.#out += isInteger(value) ? `I${value}\n` : `F${pythonFloat(value)}\n`
    } else if (typeof value === 'boolean') this.#out += value ? 'I01\n' : 'I00\n'
    else if (typeof value === 'bigint') this.#out += `L${value}L\n`
    else if (value instanceof Float) this.#out += `F${pythonFloat(value.value)}\n`
    else if (Array.isArray(value)) this.#marked(value, isTuple(value) ? 't' : 'l')
    else if (value instanceof Dict) this.dict(value)
    else if (value instanceof Uint8Array && !(value instanceof ByteArray)) this.#bytes(value)
    else if (value instanceof Name) this.#name(value)
    else if (value instanceof Foreign) this.#foreign(value)
    else {
      this.#call(this.#callOf(value))
      if (value instanceof Uuid) {
        this.dict([['int', BigInt(`0x${value.hex}`)]])
        this.#out += 'b'
      } else if (value instanceof Map) this.#pairs(value, 's')
    }
  }

  dict(pairs: Iterable<readonly [unknown, unknown]>): void {
    this.#out += '('
    this.#pairs(pairs, '')
    this.#out += 'd'
  }

  #callOf(value: unknown): Call {
    if (value instanceof OrderedDict) return ['collections', 'OrderedDict', []]
    if (value instanceof DefaultDict) {
      const { factory } = value
      const args = factory === null ? [] : [new Name('builtins', factory)]
      return ['collections', 'defaultdict', args]
    }
    if (value instanceof Set) {
      return ['builtins', value instanceof FrozenSet ? 'frozenset' : 'set', [[...value]]]
    }
    if (value instanceof ByteArray) {
      return ['builtins', 'bytearray', value.length > 0 ? [new Uint8Array(value)] : []]
    }
    if (value instanceof Markup) {
      const args = [new Name('markupsafe', 'Markup'), new Name('builtins', 'str'), value.html]
      return ['copyreg', '_reconstructor', args]
    }
    if (value instanceof Uuid) {
      const args = [new Name('uuid', 'UUID'), new Name('builtins', 'object'), null]
      return ['copyreg', '_reconstructor', args]
    }
    if (value instanceof Decimal) return ['decimal', 'Decimal', [value.text]]
    if (value instanceof Timedelta) {
      return ['datetime', 'timedelta', [value.days, value.seconds, value.microseconds]]
    }
    if (value instanceof Timezone) {
      const { offset, label } = value
      return ['datetime', 'timezone', label === undefined ? [offset] : [offset, label]]
    }
    const packed = packDate(value as Date | PlainDate | PlainTime | PlainDateTime) as PackedDate
    const bytes = this.#isText ? withoutFold(packed) : packed.bytes
    return ['datetime', packed.kind, packed.zone === undefined ? [bytes] : [bytes, packed.zone]]
  }

  /** By the functions of `copyreg`, which all protocols have. */
  #foreign({ class: type, args, keywords, base, state, items, pairs }: Foreign): void {
    const name = this.#foreignName(type)
    if (base !== undefined) {
      this.#call(['copyreg', '_reconstructor', [name, this.#foreignName(base), ...args]])
    } else if (keywords !== undefined) {
      const named = new Dict(Object.entries(keywords))
      this.#call(['copyreg', '__newobj_ex__', [name, tupleFrom([...args]), named]])
    } else this.#call(['copyreg', '__newobj__', [name, ...args]])
    for (const item of items) {
      this.value(item)
      this.#out += 'a'
    }
    this.#pairs(pairs, 's')
    if (state !== undefined) {
      this.value(state)
      this.#out += 'b'
    }
  }

  #foreignName({ module, name }: ForeignClass): Name {
    if (!this.#isText || !name.includes('.')) return new Name(module, name)
    throw new SerializationError(
      'The value is of a nested class, which protocol 0 cannot name: write protocol 4 or 5.',
    )
  }

  #call([module, name, args]: Call): void {
    this.#name({ module, name })
    this.#marked(args, 't')
    this.#out += 'R'
  }

  #name({ module, name }: ForeignClass): void {
    const parts = this.#isText ? oldName(module, name) : [module, name]
    this.#out += `c${parts.map((part) => `${encodeText(part)}\n`).join('')}`
  }

  /** Values between a MARK and the opcode that gathers them. */
  #marked(values: readonly unknown[], opcode: string): void {
    this.#out += '('
    for (const value of values) this.value(value)
    this.#out += opcode
  }

  /** Keys and values, with an opcode behind each pair. */
  #pairs(pairs: Iterable<readonly [unknown, unknown]>, opcode: string): void {
    for (const [key, value] of pairs) {
      this.value(key)
      this.value(value)
      this.#out += opcode
    }
  }

  #text(text: string): void {
    this.#out += this.#isText
      ? `V${encodeRawEscapes(text)}\n`
      : sized(encodeText(text), '\x8c', 'X')
  }

  #bytes(bytes: Uint8Array): void {
    if (!this.#isText) this.#out += sized(latin1(bytes), 'C', 'B')
    else if (bytes.length === 0) this.#call(['builtins', 'bytes', []])
    else this.#call(['_codecs', 'encode', [latin1(bytes), 'latin1']])
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
