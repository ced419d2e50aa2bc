/**
 * Pickle, as Flask-Session 0.3 to 0.5 and cachelib keep records. It is read as data only: no name in it is ever looked
 * up, and nothing is called.
 *
 * @module
 */

import { Buffer } from 'node:buffer'
import type { Entries } from '../../core/serializer.ts'
import { Float, isTuple, setOwn, tupleFrom } from '../../core/values.ts'
import { SerializationError } from '../../errors.ts'
import {
  DefaultDict,
  type FloatSerializer,
  Foreign,
  FrozenSet,
  OrderedDict,
} from '../python/values.ts'
import { encodeWith, ValuePath } from '../shared/path.ts'
import { Dict } from './objects.ts'
import { parsePickle } from './read.ts'
import { notData } from './text.ts'
import { Writer } from './write.ts'

/** What pickles are written as. */
export interface PickleOptions {
  /**
   * The protocol that is written; all of 0 to 5 are read. cachelib writes 5, which Python 3.8 and later read; 0 is ASCII,
   * as Flask-Session 0.3 to 0.5 kept it in Memcached.
   *
   * @default 4
   */
  readonly protocol?: 0 | 4 | 5
}

/** One entry of a record: the pickle of its value alone, which refers to nothing outside of it. */
export interface PickleEntry {
  readonly bytes: Uint8Array
  /** The pickle of a key that is not a string. */
  readonly key?: PickleEntry
  /** What the entry may cost to read, in bytes more or less. */
  readonly cost: number
  /** Whether there is a `Foreign` in it, which no other format can hold. */
  readonly hasForeign: boolean
}

/**
 * Keeps records as pickles of dictionaries. Values are null, booleans, numbers, bigints, strings, arrays, tuples, plain
 * objects, Uint8Array, Set, Date, Map for a dictionary with a key that is not a string, and all of `python-values`.
 *
 * In a pickle objects refer to each other across keys, so `split` reads the record as a whole and writes each value as a
 * pickle of its own. What comes back has the same value and type in Python; its bytes may differ. A record that holds
 * anything but data is none: a call of an unknown name, code, itself, more than 128 levels inside a key, or more than
 * 32 MiB when what it refers to many times is copied.
 *
 * @throws {SerializationError} On an unknown protocol.
 */
export function pickle(options: PickleOptions = {}): FloatSerializer<PickleEntry> {
  const { protocol = 4 } = options
  const header = headerOf(protocol)
  return {
    name: 'pickle',
    split,
    join: (entries) => withHeader(header, recordOf(entries, protocol === 0)),
    encode: (value) => write(value, false),
    decode: ({ bytes }, exactFloats = false) => present(parsePickle(bytes).value, exactFloats),
    equal: (a, b) => Buffer.compare(a.bytes, b.bytes) === 0,
  }
}

/**
 * The value of one pickle, which may be other than a dictionary.
 *
 * @throws {SerializationError} On anything but data, and on bytes after it; the message says what it is.
 */
export function readPickle(
  bytes: Uint8Array,
  {
    exactFloats = false,
  }: {
    /** Whether a float that is whole, such as Python's `1.0`, is read as a `Float`. */
    readonly exactFloats?: boolean
  } = {},
): unknown {
  const shared = readShared(bytes)
  const writer = new Writer(new ReadPath('pickle'), false)
  const alone = entryOf(writer, () => writer.value(shared))
  return present(parsePickle(alone.bytes).value, exactFloats)
}

/** The pickle of one value. Throws {@link SerializationError} on what pickle cannot hold. */
export function writePickle(value: unknown, { protocol = 4 }: PickleOptions = {}): Uint8Array {
  const header = headerOf(protocol)
  return withHeader(header, write(value, protocol === 0).bytes)
}

/** Where the pickle at `start` ends: old caches put two into a file. Throws {@link SerializationError} when it does not. */
export function pickleEnd(bytes: Uint8Array, start = 0): number {
  return parsePickle(bytes, start).end
}

function headerOf(protocol: unknown): Uint8Array {
  if (protocol === 0) return new Uint8Array()
  if (protocol === 4 || protocol === 5) return new Uint8Array([0x80, protocol])
  throw new SerializationError('pickle writes no such protocol: pass protocol 0, 4 or 5.')
}

function withHeader(header: Uint8Array, body: Uint8Array): Uint8Array {
  if (header.length === 0) return body
  const bytes = new Uint8Array(header.length + body.length)
  bytes.set(header)
  bytes.set(body, header.length)
  return bytes
}

function write(value: unknown, isText: boolean): PickleEntry {
  return encodeWith('pickle', (path) => {
    const writer = new Writer(path, isText)
    return entryOf(writer, () => writer.value(value))
  })
}

function entryOf(writer: Writer, task: () => void): PickleEntry {
  const { cost } = writer
  writer.hasForeign = false
  task()
  writer.op('.')
  return { bytes: writer.take(), cost: writer.cost - cost, hasForeign: writer.hasForeign }
}

/** The place inside of a pickle that is read: what the writer refuses in it is no data. */
class ReadPath extends ValuePath {
  override refusal(wrong: string): SerializationError {
    return notData(`it ${wrong}`)
  }
}

function readShared(bytes: Uint8Array): unknown {
  const { value, end } = parsePickle(bytes)
  if (end !== bytes.length) throw notData('more bytes follow')
  return value
}

function split(bytes: Uint8Array): Entries<PickleEntry> | undefined {
  try {
    const record = readShared(bytes)
    return record instanceof Dict ? entriesOf(record) : undefined
  } catch (error) {
    if (error instanceof SerializationError) return undefined
    throw error
  }
}

/** Writes each value as a pickle of its own. One writer bounds the record as a whole. */
function entriesOf(record: Dict): Entries<PickleEntry> {
  const writer = new Writer(new ReadPath('pickle'), false)
  const entries: Entries<PickleEntry> = new Map()
  for (const [key, value] of record) {
    const pickledKey = entryOf(writer, () => writer.key(key))
    const entry = entryOf(writer, () => writer.value(value))
    if (typeof key === 'string') entries.set(key, entry)
    else entries.set(Symbol('key that is not a string'), { ...entry, key: pickledKey })
  }
  return entries
}

/** A record of the entries, in protocol 0 or in the others. */
function recordOf(entries: Entries<PickleEntry>, isText: boolean): Uint8Array {
  return encodeWith('pickle', (path) => {
    const writer = new Writer(path, isText)
    writer.op('(')
    for (const [name, entry] of entries) {
      if (entry.key === undefined) writer.text(String(name))
      else copyEntry(writer, entry.key)
      copyEntry(writer, entry)
    }
    writer.op('d')
    writer.op('.')
    return writer.take()
  })
}

function copyEntry(writer: Writer, { bytes, cost }: PickleEntry): void {
  if (writer.isText) writer.value(parsePickle(bytes).value)
  else writer.copy(bytes.subarray(0, -1), cost)
}

/** What a session gets for a value as it was read; new but for what cannot change. */
function present(value: unknown, exactFloats: boolean): unknown {
  const inner = (item: unknown): unknown => present(item, exactFloats)
  if (value instanceof Float) return exactFloats ? value : value.value
  if (Array.isArray(value)) {
    const items = value.map(inner)
    return isTuple(value) ? tupleFrom(items) : items
  }
  if (value instanceof Foreign) return presentForeign(value)
  if (value instanceof FrozenSet) return new FrozenSet([...value].map(inner))
  if (value instanceof Set) return new Set([...value].map(inner))
  if (!(value instanceof Map)) return value
  const pairs = [...value].map(([key, item]): [unknown, unknown] => [inner(key), inner(item)])
  if (value instanceof OrderedDict) return new OrderedDict(pairs)
  if (value instanceof DefaultDict) return new DefaultDict(value.factory, pairs)
  return pairs.every(([key]) => typeof key === 'string')
    ? objectOf(pairs as [string, unknown][])
    : new Map(pairs)
}

/** With its whole floats as they are: it shall go back as it came. */
function presentForeign(value: Foreign): Foreign {
  const inner = (item: unknown): unknown => present(item, true)
  const { args, items, pairs, keywords, state } = value
  return new Foreign({
    ...value,
    args: args.map(inner),
    items: items.map(inner),
    pairs: pairs.map(([key, item]) => [inner(key), inner(item)]),
    ...(keywords && {
      keywords: objectOf(Object.entries(keywords).map(([key, item]) => [key, inner(item)])),
    }),
    ...(state !== undefined && { state: inner(state) }),
  })
}

function objectOf(pairs: readonly (readonly [string, unknown])[]): Record<string, unknown> {
  const object: Record<string, unknown> = {}
  for (const [key, value] of pairs) setOwn(object, key, value)
  return object
}
