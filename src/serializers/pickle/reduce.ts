/** What Python's `__reduce_ex__` gives: the call that makes an object, and what is put into it. */

import { tupleFrom } from '../../core/values.ts'
import {
  ByteArray,
  Decimal,
  DefaultDict,
  Foreign,
  type ForeignClass,
  Markup,
  OrderedDict,
  PlainDate,
  PlainDateTime,
  PlainTime,
  Timedelta,
  Timezone,
  Uuid,
} from '../python/values.ts'
import { packDate } from './dates.ts'
import { Dict } from './objects.ts'

/** The name of a class or function that is written. No value of a session is one. */
export class Reference {
  readonly module: string
  readonly name: string

  constructor(module: string, name: string) {
    this.module = module
    this.name = name
  }
}

export interface Reduced {
  readonly callee: Reference
  readonly args: readonly unknown[]
  readonly items?: readonly unknown[]
  readonly pairs?: Iterable<readonly [unknown, unknown]>
  readonly state?: unknown
}

/**
 * Reduces an object of Python's types that have no opcode. Undefined: it is another object, or a date that Python cannot
 * hold.
 *
 * @param hasFold Whether dates have a `fold`.
 */
export function reduce(value: object, hasFold: boolean): Reduced | undefined {
  if (value instanceof Foreign) return reduceForeign(value)
  if (value instanceof OrderedDict) return { ...call('collections', 'OrderedDict'), pairs: value }
  if (value instanceof DefaultDict) {
    const { factory } = value
    const args = factory === null ? [] : [new Reference('builtins', factory)]
    return { ...call('collections', 'defaultdict', ...args), pairs: value }
  }
  if (value instanceof ByteArray) {
    return call('builtins', 'bytearray', ...(value.length > 0 ? [new Uint8Array(value)] : []))
  }
  if (value instanceof Markup) {
    const [type, base] = [new Reference('markupsafe', 'Markup'), new Reference('builtins', 'str')]
    return call('copyreg', '_reconstructor', type, base, value.html)
  }
  if (value instanceof Uuid) {
    const [type, base] = [new Reference('uuid', 'UUID'), new Reference('builtins', 'object')]
    // The reader may have made a UUID without a number, which is refused.
    const state = new Dict([['int', BigInt(`0x${new Uuid(value.text).hex}`)]])
    return { ...call('copyreg', '_reconstructor', type, base, null), state }
  }
  if (value instanceof Decimal) return call('decimal', 'Decimal', value.text)
  if (value instanceof Timedelta) {
    return call('datetime', 'timedelta', value.days, value.seconds, value.microseconds)
  }
  if (value instanceof Timezone) {
    const { offset, label } = value
    return call('datetime', 'timezone', offset, ...(label === undefined ? [] : [label]))
  }
  const isPlain = [PlainDate, PlainTime, PlainDateTime].some((type) => value instanceof type)
  if (!isPlain && !(value instanceof Date)) return undefined
  const packed = packDate(value as Date | PlainDate | PlainTime | PlainDateTime, hasFold)
  if (packed === undefined) return undefined
  const { kind, bytes, zone } = packed
  return call('datetime', kind, bytes, ...(zone === undefined ? [] : [zone]))
}

function call(module: string, name: string, ...args: readonly unknown[]): Reduced {
  return { callee: new Reference(module, name), args }
}

/** By the functions of `copyreg`, which all protocols have. */
function reduceForeign({ class: type, args, keywords, base, ...content }: Foreign): Reduced {
  const name = foreignName(type)
  if (base !== undefined) {
    return { ...call('copyreg', '_reconstructor', name, foreignName(base), ...args), ...content }
  }
  if (keywords === undefined) return { ...call('copyreg', '__newobj__', name, ...args), ...content }
  const named = new Dict(Object.entries(keywords))
  return { ...call('copyreg', '__newobj_ex__', name, tupleFrom([...args]), named), ...content }
}

/** Checks the name again, as its object may have changed since. */
function foreignName(type: ForeignClass): Reference {
  const { module, name } = new Foreign({ class: { ...type } }).class
  return new Reference(module, name)
}
