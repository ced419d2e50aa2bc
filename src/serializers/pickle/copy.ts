/**
 * Copies of values: from a program or the reader into an entry, and from an entry to a program. A copy is checked, shares
 * nothing with its original, and has no part twice.
 *
 * @module
 */

import { Buffer } from 'node:buffer'
import { exactFloat, Float, isTuple, setOwn, tupleFrom } from '../../core/values.ts'
import type { SerializationError } from '../../errors.ts'
import {
  ByteArray,
  Decimal,
  DefaultDict,
  Foreign,
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
import { isPlainObject, lengthOf, MAX_DIGITS, ownPairs, refuse, ValuePath } from '../shared/path.ts'
import { packDate, unpackDate } from './dates.ts'
import { byteArrayOf, Dict, Name, OldString } from './objects.ts'
import { BUDGET, OPCODE_COST } from './read.ts'
import { notData } from './text.ts'

/** What a record may cost; reading it again costs at most twice as much. */
const MAX_COST = BUDGET / 2
/** How many opcodes a list or dictionary takes at most, and an object that is made by a call. */
const CONTAINER = 3
const OBJECT = 20

/**
 * What a copy is for. An entry has a {@link Dict} for each dictionary and exact floats; a program gets plain objects
 * where it can, and whole floats as numbers or as `Float`.
 */
export type Purpose = 'entry' | 'numbers' | 'floats'

/** The place inside a pickle that was read: what a copy refuses in it is no data. */
export class ReadPath extends ValuePath {
  override refusal(wrong: string): SerializationError {
    return notData(`it ${wrong}`)
  }
}

/** Makes copies. Each method throws {@link SerializationError}, which names the part that pickle cannot hold. */
export class Copier {
  readonly path: ValuePath
  /** What the copies may cost to write and to read, in bytes more or less. */
  cost = 0
  /** Whether a {@link Foreign} was copied, which no other format can hold. */
  hasForeign = false
  #purpose: Purpose
  /** Whether the next value is a key or in a set, where Python takes only what cannot change. */
  #isKey = false

  constructor(path: ValuePath, purpose: Purpose) {
    this.path = path
    this.#purpose = purpose
  }

  copy(value: unknown): unknown {
    switch (typeof value) {
      case 'string':
        this.spend(1, value.length < 100 ? value.length * 3 : Buffer.byteLength(value))
        return value
      case 'number':
      case 'boolean':
        this.spend(1, 0)
        return value
      case 'bigint':
        this.#bigint(value)
        return value
      case 'object':
        return value === null ? null : this.#object(value)
      default:
        throw refuse(value, this.path)
    }
  }

  key(value: unknown): unknown {
    const outer = this.#isKey
    this.#isKey = true
    const copy = this.copy(value)
    this.#isKey = outer
    return copy
  }

  /** Accounts for opcodes and the bytes in them, of which a number has less than 32. */
  spend(opcodes: number, bytes: number): void {
    this.cost += opcodes * (OPCODE_COST + 32) + bytes
    checkCost(this.cost, this.path)
  }

  #bigint(value: bigint): void {
    const text = String(value)
    if (text.length - (value < 0n ? 1 : 0) > MAX_DIGITS) throw refuse(value, this.path)
    this.spend(1, text.length)
  }

  #object(value: object): unknown {
    if (Array.isArray(value)) return this.#list(value)
    if (value instanceof Float) {
      this.spend(1, 0)
      return this.#purpose === 'numbers' ? value.value : exactFloat(value.value)
    }
    if (value instanceof Map) return this.#map(value)
    if (value instanceof Set) return this.#set(value)
    if (value instanceof Foreign) return this.#foreign(value)
    if (isPlainObject(value)) return this.#dict(this.#ownPairs(value))
    this.spend(OBJECT, 0)
    return this.#leaf(value)
  }

  #list(value: readonly unknown[]): readonly unknown[] {
    this.spend(CONTAINER, 0)
    if (isTuple(value)) return tupleFrom(this.#items(value))
    this.#mutable('list')
    return this.#items(value)
  }

  #items(list: readonly unknown[]): unknown[] {
    const length = lengthOf(list, this.path)
    const items: unknown[] = []
    this.path.enter()
    for (let i = 0; i < length; i++) {
      this.path.at(i)
      const item = list[i]
      items.push(this.copy(item === undefined ? null : item))
    }
    this.path.leave()
    return items
  }

  #set(value: Set<unknown>): Set<unknown> {
    this.spend(OBJECT, 0)
    const isFrozen = value instanceof FrozenSet
    if (!isFrozen) this.#mutable('set')
    const outer = this.#isKey
    this.#isKey = true
    const items = this.#items([...value])
    this.#isKey = outer
    return isFrozen ? new FrozenSet(items) : new Set(items)
  }

  #map(value: Map<unknown, unknown>): unknown {
    const content = [...value].filter(([, item]) => item !== undefined)
    if (value instanceof OrderedDict || value instanceof DefaultDict) {
      const isOrdered = value instanceof OrderedDict
      this.spend(OBJECT, 0)
      this.#mutable(isOrdered ? 'OrderedDict' : 'defaultdict')
      const pairs = this.#pairs(content)
      return isOrdered ? new OrderedDict(pairs) : new DefaultDict(value.factory, pairs)
    }
    const isTextual = content.every(([key]) => typeof key === 'string')
    if (isTextual && !(value instanceof Dict)) {
      const fix = 'store a plain object, such as Object.fromEntries(map)'
      throw this.path.refusal('is a Map without any key that is not a string', fix)
    }
    return this.#dict(content)
  }

  #dict(content: readonly (readonly [unknown, unknown])[]): unknown {
    this.spend(CONTAINER, 0)
    this.#mutable('dict')
    const pairs = this.#pairs(content)
    if (this.#purpose === 'entry') return new Dict(pairs)
    const isTextual = pairs.every(([key]) => typeof key === 'string')
    return isTextual ? objectOf(pairs as TextPair[]) : new Map(pairs)
  }

  #pairs(content: readonly (readonly [unknown, unknown])[]): [unknown, unknown][] {
    // An opcode behind each pair of some.
    this.spend(content.length, 0)
    const pairs: [unknown, unknown][] = []
    this.path.enter()
    content.forEach(([key, value], index) => {
      this.path.at(typeof key === 'string' ? key : index)
      pairs.push([this.key(key), this.copy(value)])
    })
    this.path.leave()
    return pairs
  }

  #ownPairs(value: Record<string, unknown>): [string, unknown][] {
    this.path.enter()
    const pairs = ownPairs(value, this.path)
    this.path.leave()
    return pairs
  }

  /** With its whole floats as they are, so that it goes back as it came. */
  #foreign({ class: type, args, keywords, base, state, items, pairs }: Foreign): Foreign {
    this.hasForeign = true
    const outer = [this.#purpose, this.#isKey] as const
    if (this.#purpose === 'numbers') this.#purpose = 'floats'
    this.#isKey = false
    for (const { module, name } of [type, base ?? type])
      this.spend(OBJECT, module.length + name.length)
    this.spend(items.length, 0)
    this.path.enter()
    const each = (values: readonly unknown[]): unknown[] => values.map((item) => this.copy(item))
    const copy = new Foreign({
      class: { ...type },
      args: each(args),
      ...(keywords && { keywords: objectOf(this.#pairs(Object.entries(keywords)) as TextPair[]) }),
      ...(base && { base: { ...base } }),
      ...(state !== undefined && { state: this.copy(state) }),
      items: each(items),
      pairs: this.#pairs(pairs),
    })
    this.path.leave()
    ;[this.#purpose, this.#isKey] = outer
    return copy
  }

  /** Python's types that hold no values of the session's own. */
  #leaf(value: object): unknown {
    if (value instanceof ByteArray) {
      this.#mutable('bytearray')
      this.spend(0, lengthOf(value, this.path))
      return byteArrayOf(value)
    }
    if (value instanceof Uint8Array) {
      this.spend(0, lengthOf(value, this.path))
      return new Uint8Array(value)
    }
    if (value instanceof Date) return this.#date(value)
    if (value instanceof PlainDate || value instanceof PlainDateTime) return this.#date(value)
    if (value instanceof PlainTime) return this.#date(value)
    if (value instanceof Markup) return new Markup(this.#text(value.html))
    if (value instanceof Decimal) return new Decimal(this.#text(value.text))
    if (value instanceof Uuid) return new Uuid(value.text)
    if (value instanceof Timedelta) {
      return new Timedelta(value.days, value.seconds, value.microseconds)
    }
    if (value instanceof Timezone) {
      const { offset, label } = value
      return new Timezone(offset, label === undefined ? label : this.#text(label))
    }
    if (value instanceof Name) {
      throw notData(value.known ? `it holds ${value} as a value` : `it names ${value}`)
    }
    if (value instanceof OldString) throw notData('a string of Python 2 in it is not ASCII')
    throw refuse(value, this.path)
  }

  #text(text: string): string {
    this.spend(0, text.length * 3)
    return text
  }

  #date(value: Date | PlainDate | PlainTime | PlainDateTime): unknown {
    const packed = packDate(value)
    if (packed !== undefined) {
      const { zone } = packed
      return unpackDate({ ...packed, zone: zone && (this.#leaf(zone) as Timezone) })
    }
    throw Number.isNaN(Date.prototype.getTime.call(value))
      ? this.path.refusal('is an invalid Date', 'store null or a valid Date')
      : this.path.refusal('is a Date outside the years 1 to 9999', 'store its text or number')
  }

  #mutable(type: string): void {
    if (!this.#isKey) return
    const fix = 'use text, a number, a tuple or a FrozenSet'
    throw this.path.refusal(`is a ${type} as a key or in a set, which Python refuses`, fix)
  }
}

/** Throws {@link SerializationError} when what costs so much might not be read again. */
export function checkCost(cost: number, path: ValuePath): void {
  if (cost <= MAX_COST) return
  throw path.refusal(`takes more than ${MAX_COST} bytes as a pickle`, 'store less in it')
}

type TextPair = readonly [string, unknown]

function objectOf(pairs: readonly TextPair[]): Record<string, unknown> {
  const object: Record<string, unknown> = {}
  for (const [key, value] of pairs) setOwn(object, key, value)
  return object
}
