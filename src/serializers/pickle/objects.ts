/**
 * What the reader makes of the names in a pickle. A name is compared with the table below and never looked up anywhere
 * else: of a class that is not in the table there are only {@link Foreign} objects, and nothing else of it is called.
 *
 * @module
 */

import { isTuple, tupleFrom } from '../../core/values.ts'
import {
  ByteArray,
  Decimal,
  DefaultDict,
  Foreign,
  FrozenSet,
  Markup,
  OrderedDict,
  Timedelta,
  Timezone,
  Uuid,
} from '../python/values.ts'
import { unpackDate } from './dates.ts'
import { latin1Bytes, notData } from './text.ts'

/** A `dict` as it is read: a Map, whatever its keys are. Values given to a session have plain objects where they can. */
export class Dict extends Map<unknown, unknown> {}

/** A string of Python 2 that is not ASCII: data only as the inside of a date. */
export class OldString {
  readonly bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }
}

/** The name of a class or function. It is no value of its own. */
export class Name {
  readonly module: string
  readonly name: string
  /** Undefined: a name that is not in the table. */
  readonly known: Known | undefined

  constructor(module: string, name: string) {
    const isOld = Object.hasOwn(OLD_MODULES, module)
    this.module = isOld ? (OLD_MODULES[module] as string) : module
    this.name = isOld && Object.hasOwn(OLD_TYPES, name) ? (OLD_TYPES[name] as string) : name
    this.known = KNOWN.get(`${this.module}\n${this.name}`)
  }

  toString(): string {
    const text = `${this.module}.${this.name}`
    return text.slice(0, SHOWN_CHARACTERS).replace(/[^\x21-\x7e]/g, '?')
  }
}

/** Accounts for work that the size of the pickle does not bound. */
export type Spend = (cost: number) => void

/** The value of a call, or undefined when the arguments are not what a pickler writes. */
type Known = (args: readonly unknown[], spend: Spend) => unknown

const SHOWN_CHARACTERS = 40

/** Python 2's names, which protocols 0 to 2 keep. */
const OLD_MODULES: Readonly<Record<string, string>> = {
  __builtin__: 'builtins',
  copy_reg: 'copyreg',
}
const OLD_TYPES: Readonly<Record<string, string>> = { unicode: 'str', long: 'int' }

const never = (): undefined => undefined

/** By module and name, with a line feed between them. */
const KNOWN: ReadonlyMap<string, Known> = new Map<string, Known>([
  ['datetime\ndatetime', (args) => date('datetime', args)],
  ['datetime\ndate', (args) => date('date', args)],
  ['datetime\ntime', (args) => date('time', args)],
  ['datetime\ntimedelta', timedelta],
  ['datetime\ntimezone', timezone],
  ['decimal\nDecimal', decimal],
  ['markupsafe\nMarkup', never],
  ['uuid\nUUID', never],
  ['collections\nOrderedDict', orderedDict],
  ['collections\ndefaultdict', defaultDict],
  ['_codecs\nencode', latin1Encode],
  ['copyreg\n_reconstructor', reconstruct],
  ['copyreg\n__newobj__', ([type, ...args]) => create([type, tupleFrom(args)])],
  ['copyreg\n__newobj_ex__', createWith],
  ...Array.from(DefaultDict.factories, (name): [string, Known] => [`builtins\n${name}`, never]),
  ['builtins\nset', (args, spend) => setOf(Set, args, spend)],
  ['builtins\nfrozenset', (args, spend) => setOf(FrozenSet, args, spend)],
  ['builtins\nbytearray', byteArray],
  ['builtins\nbytes', ({ length }) => (length === 0 ? new Uint8Array() : undefined)],
])

/** What a call of the name results in. Throws {@link SerializationError} unless that is data. */
export function call([callee, args]: readonly unknown[], spend: Spend): unknown {
  if (!(callee instanceof Name) || !isTuple(args)) throw notData('it calls what is no name')
  if (callee.known === undefined) throw notData(`it names ${callee}`)
  const value = callee.known(args, spend)
  if (value !== undefined) return value
  throw notData(`it calls ${callee} with other arguments than data has`)
}

/** What `NEWOBJ` makes of a class and its arguments. Throws {@link SerializationError} unless that is data. */
export function create([type, args]: readonly unknown[]): unknown {
  if (type instanceof Name && isTuple(args)) {
    const [text, ...more] = args
    if (type.known === undefined) return foreign(type, { args })
    if (type.name === 'UUID' && args.length === 0) return uuidWithoutNumber()
    if (type.name === 'Markup' && typeof text === 'string' && more.length === 0) {
      return new Markup(text)
    }
  }
  throw notData('it makes an object that is not data')
}

/** What `NEWOBJ_EX` makes, also of keyword arguments. Throws {@link SerializationError} unless that is data. */
export function createWith([type, args, keywords]: readonly unknown[]): unknown {
  if (type instanceof Name && isTuple(args) && keywords instanceof Dict) {
    const named = [...keywords] as [string, unknown][]
    if (named.length === 0) return create([type, args])
    if (type.known === undefined && named.every(([key]) => typeof key === 'string')) {
      return foreign(type, { args, keywords: Object.fromEntries(named) })
    }
  }
  throw notData('it makes an object that is not data')
}

/** Sets an object's state. Throws {@link SerializationError} when the object can have none. */
export function build(object: unknown, state: unknown): void {
  if (object instanceof Foreign && object.state === undefined) {
    ;(object as { state?: unknown }).state = state
  } else if (object instanceof Uuid && object.text === undefined && state instanceof Dict) {
    for (const [key, value] of state) {
      const isNumber = typeof value === 'number' || typeof value === 'bigint'
      const fits = isNumber && BigInt(value) >= 0 && BigInt(value) < 1n << 128n
      // What the UUID's maker knew of its safety is no part of its value.
      if (key === 'is_safe' && (isNumber || value === null)) continue
      if (key !== 'int' || !fits) throw notData('a UUID in it is wrong')
      ;(object as { text: string }).text = new Uuid(value.toString(16).padStart(32, '0')).text
    }
  } else throw notData('it sets the state of an object')
}

/** Python makes a UUID first and gives it its number afterwards. */
function uuidWithoutNumber(): object {
  return Object.create(Uuid.prototype) as object
}

function foreign(
  { module, name }: Name,
  parts: Pick<Foreign, 'args'> & Partial<Pick<Foreign, 'keywords' | 'base'>>,
): Foreign {
  try {
    // Items are added to these lists as they are read.
    return new Foreign({ class: { module, name }, ...parts, items: [], pairs: [] })
  } catch (cause) {
    throw notData('it names what cannot be a name', cause)
  }
}

/** Protocols 0 and 1 make objects by `_reconstructor(type, base, state)`. */
function reconstruct([type, base, state, ...more]: readonly unknown[]): unknown {
  if (!(type instanceof Name) || !(base instanceof Name) || more.length > 0) return undefined
  if (type.known === undefined) {
    const { module, name } = base
    return state === undefined
      ? undefined
      : foreign(type, { args: [state], base: { module, name } })
  }
  if (type.name === 'UUID' && base.name === 'object' && state === null) return uuidWithoutNumber()
  const isMarkup = type.name === 'Markup' && base.name === 'str' && typeof state === 'string'
  return isMarkup ? new Markup(state) : undefined
}

function date(
  kind: 'datetime' | 'date' | 'time',
  [packed, zone, ...more]: readonly unknown[],
): unknown {
  const state = packedBytes(packed)
  const hasZone = zone instanceof Timezone && kind !== 'date'
  if (state === undefined || more.length > 0 || (zone !== undefined && !hasZone)) return undefined
  const value = unpackDate(kind, state, hasZone ? zone : undefined)
  if (value === undefined) throw notData(`a ${kind} in it is wrong`)
  return value
}

/** Python 3 packs dates into bytes, Python 2 into a string of them. */
function packedBytes(packed: unknown): Uint8Array | undefined {
  if (packed instanceof OldString) return packed.bytes
  return typeof packed === 'string' ? latin1Bytes(packed) : bytesOrNothing(packed)
}

function bytesOrNothing(value: unknown): Uint8Array | undefined {
  return value instanceof Uint8Array && !(value instanceof ByteArray) ? value : undefined
}

function timedelta(args: readonly unknown[]): Timedelta | undefined {
  const [days = NaN, seconds = NaN, microseconds = NaN, ...more] = args.map((value) =>
    Number.isSafeInteger(value) ? (value as number) : NaN,
  )
  const fits =
    Math.abs(days) <= 999_999_999 &&
    seconds >= 0 &&
    seconds < 86_400 &&
    microseconds >= 0 &&
    microseconds < 1e6
  return fits && more.length === 0 ? new Timedelta(days, seconds, microseconds) : undefined
}

function timezone([offset, name, ...more]: readonly unknown[]): Timezone | undefined {
  if (!(offset instanceof Timedelta) || more.length > 0) return undefined
  if (name !== undefined && typeof name !== 'string') return undefined
  return orNothing(() => new Timezone(offset, name))
}

function decimal([text, ...more]: readonly unknown[]): Decimal | undefined {
  if (typeof text !== 'string' || more.length > 0) return undefined
  return orNothing(() => new Decimal(text))
}

function orNothing<T>(make: () => T): T | undefined {
  try {
    return make()
  } catch {
    return undefined
  }
}

/** Python 2 passes a list of pairs, Python 3 nothing. */
function orderedDict(
  [pairs = [], ...more]: readonly unknown[],
  spend: Spend,
): OrderedDict | undefined {
  if (!isList(pairs) || more.length > 0) return undefined
  spend(pairs.length * 64)
  const isPair = (pair: unknown): boolean => Array.isArray(pair) && pair.length === 2
  return pairs.every(isPair) ? new OrderedDict(pairs as [unknown, unknown][]) : undefined
}

function defaultDict([factory = null, ...more]: readonly unknown[]): DefaultDict | undefined {
  if (more.length > 0) return undefined
  if (factory === null) return new DefaultDict(null)
  if (!(factory instanceof Name)) return undefined
  if (factory.known === undefined) throw notData(`it names ${factory}`)
  return factory.module === 'builtins' ? new DefaultDict(factory.name) : undefined
}

/** Protocols 0 to 2 write bytes as `_codecs.encode(text, 'latin1')`. */
function latin1Encode(
  [text, codec, ...more]: readonly unknown[],
  spend: Spend,
): Uint8Array | undefined {
  if (typeof text !== 'string' || typeof codec !== 'string' || more.length > 0) return undefined
  spend(text.length)
  return /^latin-?1$/.test(codec) ? latin1Bytes(text) : undefined
}

/** Protocols 0 to 3 make sets of a list. */
function setOf<T>(
  type: new (items: readonly unknown[]) => T,
  [list, ...more]: readonly unknown[],
  spend: Spend,
): T | undefined {
  if (!isList(list) || more.length > 0) return undefined
  spend(list.length * 8)
  return new type(list)
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value) && !isTuple(value)
}

function byteArray(args: readonly unknown[], spend: Spend): ByteArray | undefined {
  const [content] = args
  if (content === undefined) return byteArrayOf(new Uint8Array())
  const bytes = args.length === 1 ? bytesOrNothing(content) : latin1Encode(args, spend)
  if (bytes === undefined) return undefined
  spend(bytes.length)
  return byteArrayOf(bytes)
}

/** A copy. */
export function byteArrayOf(bytes: Uint8Array): ByteArray {
  const copy = new ByteArray(new ArrayBuffer(bytes.length))
  copy.set(bytes)
  return copy
}
