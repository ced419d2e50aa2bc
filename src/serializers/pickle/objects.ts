/**
 * What the reader makes of the names in a pickle. A name is compared with the table below and never looked up anywhere
 * else: of a class that is not in the table there are only {@link Foreign} objects, and nothing else of it is called.
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
import { isPlainObject } from '../shared/path.ts'
import { type DateKind, unpackDate } from './dates.ts'
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
    const renamed = OLD_MODULES.get(module)
    this.module = renamed ?? module
    this.name = (renamed && OLD_TYPES.get(name)) ?? name
    this.known = KNOWN.get(`${this.module}\n${this.name}`)
  }

  toString(): string {
    const text = `${this.module}.${this.name}`
    return text.slice(0, SHOWN_CHARACTERS).replace(/[^\x21-\x7e]/g, '?')
  }
}

/** The value of a call, or undefined when the arguments are not what a pickler writes. */
type Known = (args: readonly unknown[]) => unknown

const SHOWN_CHARACTERS = 40

/** Python 2's names, which protocols 0 to 2 keep. */
const OLD_MODULES = new Map([
  ['__builtin__', 'builtins'],
  ['copy_reg', 'copyreg'],
])
const OLD_TYPES = new Map([
  ['unicode', 'str'],
  ['long', 'int'],
])

const never = (): undefined => undefined

/** By module and name, with a line feed between them. */
const KNOWN: ReadonlyMap<string, Known> = new Map<string, Known>([
  ['datetime\ndatetime', (args) => date('datetime', args)],
  ['datetime\ndate', (args) => date('date', args)],
  ['datetime\ntime', (args) => date('time', args)],
  ['datetime\ntimedelta', timedelta],
  ['datetime\ntimezone', timezone],
  ['decimal\nDecimal', (args) => textOf(args, Decimal)],
  ['markupsafe\nMarkup', never],
  ['uuid\nUUID', never],
  ['collections\nOrderedDict', orderedDict],
  ['collections\ndefaultdict', defaultDict],
  ['_codecs\nencode', latin1Encode],
  ['copyreg\n_reconstructor', reconstruct],
  ['copyreg\n__newobj__', ([type, ...args]) => create([type, tupleFrom(args)])],
  ['copyreg\n__newobj_ex__', create],
  ...Array.from(DefaultDict.factories, (name): [string, Known] => [`builtins\n${name}`, never]),
  ['builtins\nset', (args) => (isOneList(args) ? new Set(args[0]) : undefined)],
  ['builtins\nfrozenset', (args) => (isOneList(args) ? new FrozenSet(args[0]) : undefined)],
  ['builtins\nbytearray', byteArray],
  ['builtins\nbytes', ({ length }) => (length === 0 ? new Uint8Array() : undefined)],
])

/**
 * What a call of the name results in. Throws {@link SerializationError} unless that is data.
 *
 * @param spend Accounts for the arguments, as many calls may share them.
 */
export function call([callee, args]: readonly unknown[], spend: (cost: number) => void): unknown {
  if (!(callee instanceof Name) || !isTuple(args)) throw notData('it calls what is no name')
  if (callee.known === undefined) throw notData(`it names ${callee}`)
  for (const arg of args) {
    if (Array.isArray(arg)) spend(arg.length * 64)
    else if (typeof arg === 'string' || arg instanceof Uint8Array) spend(arg.length)
  }
  const value = callee.known(args)
  if (value !== undefined) return value
  throw notData(`it calls ${callee} with other arguments than data has`)
}

/** What `NEWOBJ` makes of a class and its arguments, and `NEWOBJ_EX` also of keyword arguments. */
export function create([type, args, keywords = new Dict()]: readonly unknown[]): unknown {
  const named = pairsIn(keywords)
  if (type instanceof Name && isTuple(args) && named?.every(([key]) => typeof key === 'string')) {
    if (type.known === undefined) {
      const object = Object.fromEntries(named) as Record<string, unknown>
      return foreign(type, { args: [...args], ...(named.length > 0 && { keywords: object }) })
    }
    const value = named.length === 0 ? instance(type, args) : undefined
    if (value !== undefined) return value
  }
  throw notData('it makes an object that is not data')
}

/** What a class of the table makes. Python makes a UUID first and gives it its number afterwards. */
function instance({ name }: Name, args: readonly unknown[]): unknown {
  if (name === 'UUID' && args.length === 0) return Object.create(Uuid.prototype)
  return name === 'Markup' ? textOf(args, Markup) : undefined
}

/** Sets an object's state. Throws {@link SerializationError} when the object can have none. */
export function build(state: unknown, object: unknown): void {
  const isOpen = object instanceof Uuid && object.text === undefined
  const parts = isOpen ? pairsIn(state) : undefined
  if (object instanceof Foreign && object.state === undefined) {
    ;(object as { state?: unknown }).state = state
  } else if (parts !== undefined) {
    for (const [key, value] of parts) {
      const isNumber = typeof value === 'number' || typeof value === 'bigint'
      const fits = isNumber && BigInt(value) >= 0n && BigInt(value) < 1n << 128n
      // What the UUID's maker knew of its safety is no part of its value.
      if (key === 'is_safe' && (isNumber || value === null)) continue
      if (key !== 'int' || !fits) throw notData('a UUID in it is wrong')
      ;(object as { text: string }).text = new Uuid(value.toString(16).padStart(32, '0')).text
    }
  } else throw notData('it sets the state of an object')
}

/** The pairs of a dictionary, however the reader makes them. */
function pairsIn(dict: unknown): [unknown, unknown][] | undefined {
  if (dict instanceof Dict) return [...dict]
  const isObject = typeof dict === 'object' && dict !== null && isPlainObject(dict)
  return isObject ? Object.entries(dict) : undefined
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
  if (!(type instanceof Name && base instanceof Name) || state === undefined || more.length > 0) {
    return undefined
  }
  const { module, name } = base
  if (type.known === undefined) return foreign(type, { args: [state], base: { module, name } })
  if (name === 'object') return state === null ? instance(type, []) : undefined
  return name === 'str' ? instance(type, [state]) : undefined
}

function date(kind: DateKind, [packed, zone, ...more]: readonly unknown[]): unknown {
  // Python 3 packs dates into bytes, Python 2 into a string of them.
  const old = typeof packed === 'string' ? latin1Bytes(packed) : packed
  const bytes = old instanceof OldString ? old.bytes : old
  const hasZone = zone instanceof Timezone && kind !== 'date'
  if (!isBytes(bytes) || more.length > 0 || (zone !== undefined && !hasZone)) return undefined
  const value = attempt(() => unpackDate({ kind, bytes, zone: hasZone ? zone : undefined }))
  if (value === undefined) throw notData(`a ${kind} in it is wrong`)
  return value
}

function timedelta(args: readonly unknown[]): Timedelta | undefined {
  if (args.length > 3 || !args.every(Number.isSafeInteger)) return undefined
  const [days = NaN, seconds = NaN, micros = NaN] = args as readonly number[]
  const isCarried = seconds >= 0 && seconds < 86_400 && micros >= 0 && micros < 1e6
  return isCarried ? attempt(() => new Timedelta(days, seconds, micros)) : undefined
}

function timezone([offset, name, ...more]: readonly unknown[]): Timezone | undefined {
  if (!(offset instanceof Timedelta) || more.length > 0) return undefined
  if (name !== undefined && typeof name !== 'string') return undefined
  return attempt(() => new Timezone(offset, name))
}

function attempt<T>(make: () => T): T | undefined {
  try {
    return make()
  } catch {
    return undefined
  }
}

/** Python 2 passes a list of pairs, Python 3 nothing. */
function orderedDict(args: readonly unknown[]): OrderedDict | undefined {
  if (args.length === 0) return new OrderedDict()
  const isPair = (pair: unknown): boolean => Array.isArray(pair) && pair.length === 2
  if (!isOneList(args) || !args[0].every(isPair)) return undefined
  return new OrderedDict(args[0] as [unknown, unknown][])
}

function defaultDict([factory = null, ...more]: readonly unknown[]): DefaultDict | undefined {
  if (more.length > 0) return undefined
  if (factory === null) return new DefaultDict(null)
  if (!(factory instanceof Name)) return undefined
  if (factory.known === undefined) throw notData(`it names ${factory}`)
  return factory.module === 'builtins' ? new DefaultDict(factory.name) : undefined
}

/** Protocols 0 to 2 write bytes as `_codecs.encode(text, 'latin1')`. */
function latin1Encode([text, codec, ...more]: readonly unknown[]): Uint8Array | undefined {
  if (typeof text !== 'string' || typeof codec !== 'string' || more.length > 0) return undefined
  return /^latin-?1$/.test(codec) ? latin1Bytes(text) : undefined
}

function byteArray(args: readonly unknown[]): ByteArray | undefined {
  if (args.length === 0) return byteArrayOf(new Uint8Array())
  const bytes = args.length === 1 && isBytes(args[0]) ? args[0] : latin1Encode(args)
  return bytes && byteArrayOf(bytes)
}

/** A copy. */
export function byteArrayOf(bytes: Uint8Array): ByteArray {
  const copy = new ByteArray(new ArrayBuffer(bytes.length))
  copy.set(bytes)
  return copy
}

function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array && !(value instanceof ByteArray)
}

/** An object of one text. */
function textOf<T>(args: readonly unknown[], Type: new (text: string) => T): T | undefined {
  return args.length === 1 ? attempt(() => new Type(args[0] as string)) : undefined
}

/** Protocols 0 to 3 make sets of a list. */
function isOneList(args: readonly unknown[]): args is readonly [readonly unknown[]] {
  return args.length === 1 && Array.isArray(args[0]) && !isTuple(args[0])
}
