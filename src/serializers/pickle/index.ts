/**
 * Pickle, as Flask-Session 0.3 to 0.5 and cachelib keep records. It is read as data only: no name in it is ever looked
 * up, and nothing is called.
 *
 * @module
 */

import { Buffer } from 'node:buffer'
import type { Entries } from '../../core/serializer.ts'
import { SerializationError } from '../../errors.ts'
import type { FloatSerializer } from '../python/values.ts'
import { encodeWith, ValuePath } from '../shared/path.ts'
import { Copier, checkCost, type Purpose, ReadPath } from './copy.ts'
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

/** One entry of a record: its value with Python's types, which nothing else refers to. */
export interface PickleEntry {
  readonly value: unknown
  /** A key that is not a string. */
  readonly key?: unknown
  /** What the entry may cost to read, in bytes more or less. */
  readonly cost: number
  /** Whether there is a `Foreign` in it, which no other format can hold. */
  readonly hasForeign: boolean
}

/**
 * Keeps records as pickles of dictionaries. Values are null, booleans, numbers, bigints, strings, arrays, tuples, plain
 * objects, Uint8Array, Set, Date, Map for a dictionary with a key that is not a string, and all of `python-values`.
 *
 * In a pickle objects refer to each other across keys, so `split` reads the record as a whole, and an entry is a value.
 * What is written has the same values and types in Python; its bytes may differ. A record that holds anything but data is
 * none: a call of an unknown name, code, itself, more than 128 levels inside a key, or more than 32 MiB when what it
 * refers to many times is copied.
 *
 * @throws {SerializationError} On an unknown protocol.
 */
export function pickle(options: PickleOptions = {}): FloatSerializer<PickleEntry> {
  const protocol = protocolOf(options)
  return {
    name: 'pickle',
    split,
    join: (entries) => join(entries, protocol),
    encode,
    decode: ({ value }, exactFloats) => copyRead(value, exactFloats ? 'floats' : 'numbers'),
    equal: (a, b) => Buffer.compare(write(a, 4), write(b, 4)) === 0,
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
  return copyRead(parseWhole(bytes), exactFloats ? 'floats' : 'numbers')
}

/** The pickle of one value. Throws {@link SerializationError} on what pickle cannot hold. */
export function writePickle(value: unknown, options: PickleOptions = {}): Uint8Array {
  const protocol = protocolOf(options)
  return write(encode(value), protocol)
}

/** Where the pickle at `start` ends: old caches put two into a file. Throws {@link SerializationError} when it does not. */
export function pickleEnd(bytes: Uint8Array, start = 0): number {
  return parsePickle(bytes, start).end
}

function protocolOf({ protocol = 4 }: PickleOptions): 0 | 4 | 5 {
  if (protocol === 0 || protocol === 4 || protocol === 5) return protocol
  throw new SerializationError('pickle writes no such protocol: pass protocol 0, 4 or 5.')
}

function parseWhole(bytes: Uint8Array): unknown {
  const { value, end } = parsePickle(bytes)
  if (end !== bytes.length) throw notData('more bytes follow')
  return value
}

function copyRead(value: unknown, purpose: Purpose): unknown {
  return new Copier(new ReadPath('pickle'), purpose).copy(value)
}

function split(bytes: Uint8Array): Entries<PickleEntry> | undefined {
  try {
    const record = parseWhole(bytes)
    return record instanceof Dict ? entriesOf(record) : undefined
  } catch (error) {
    if (error instanceof SerializationError) return undefined
    throw error
  }
}

function entriesOf(record: Dict): Entries<PickleEntry> {
  const entries: Entries<PickleEntry> = new Map()
  // One copier bounds the record as a whole.
  const copier = new Copier(new ReadPath('pickle'), 'entry')
  for (const [name, value] of record) {
    const { cost } = copier
    const key = copier.key(name)
    copier.hasForeign = false
    const copy = copier.copy(value)
    const entry = { value: copy, cost: copier.cost - cost, hasForeign: copier.hasForeign }
    if (typeof key === 'string') entries.set(key, entry)
    else entries.set(Symbol('key that is not a string'), { ...entry, key })
  }
  return entries
}

function encode(value: unknown): PickleEntry {
  return encodeWith('pickle', (path) => {
    const copier = new Copier(path, 'entry')
    const copy = copier.copy(value)
    return { value: copy, cost: copier.cost, hasForeign: copier.hasForeign }
  })
}

function join(entries: Entries<PickleEntry>, protocol: 0 | 4 | 5): Uint8Array {
  const cost = [...entries.values()].reduce((sum, entry) => sum + entry.cost, 0)
  const pairs = [...entries].map(([name, { key = name, value }]) => [key, value] as const)
  return written(protocol, cost, (writer) => writer.dict(pairs))
}

function write({ value, cost }: PickleEntry, protocol: 0 | 4 | 5): Uint8Array {
  return written(protocol, cost, (writer) => writer.value(value))
}

function written(protocol: 0 | 4 | 5, cost: number, task: (writer: Writer) => void): Uint8Array {
  const path = new ValuePath('pickle')
  checkCost(cost, path)
  const writer = new Writer(protocol)
  task(writer)
  const bytes = writer.finish()
  // The escapes of protocol 0 take more than was accounted for.
  checkCost(bytes.length, path)
  return bytes
}
