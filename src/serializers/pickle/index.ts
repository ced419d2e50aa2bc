/**
 * Pickle, as Flask-Session 0.3 to 0.5 and cachelib keep records. It is read as data only: no name in it is ever looked
 * up, and nothing is called.
 *
 * @module
 */

import type { Entries, Serializer } from '../../core/serializer.ts'
import { floatsLike } from '../../core/values.ts'
import { SerializationError } from '../../errors.ts'
import { encodeWith, ValuePath } from '../shared/path.ts'
import { Dict } from './objects.ts'
import { parseCode, parsePickle } from './read.ts'
import { notData } from './text.ts'
import { type Code, type Protocol, ReadPath, Writer } from './write.ts'

/** What pickles are written as. */
export interface PickleOptions {
  /**
   * The protocol that is written; all of 0 to 5 are read. cachelib writes 5, which Python 3.8 and later read; 0 is ASCII,
   * as Flask-Session 0.3 to 0.5 kept it in Memcached.
   *
   * @default 4
   */
  readonly protocol?: Protocol
}

/** One entry of a record: its value with Python's types. */
export interface PickleEntry extends Code {
  /** A key that is not a string. */
  readonly key?: Code
}

/**
 * Keeps records as pickles of dictionaries. Values are null, booleans, numbers, bigints, strings, arrays, tuples, plain
 * objects, Uint8Array, Set, Date, Map for a dictionary with a key that is not a string, and all of `python-values`.
 *
 * In a pickle objects refer to each other across keys, so `split` reads the record as a whole, and an entry is a copy.
 * What is written has the same values and types in Python; its bytes may differ. A record that holds anything but data is
 * none: a call of an unknown name, code, itself, more than 128 levels inside a key, or more than 32 MiB when what it
 * refers to many times is copied.
 *
 * @throws {SerializationError} On an unknown protocol.
 */
export function pickle(options: PickleOptions = {}): Serializer<PickleEntry> {
  const protocol = protocolOf(options)
  return {
    name: 'pickle',
    split,
    join(entries) {
      const writer = new Writer(new ValuePath('pickle'), protocol)
      writer.record(Array.from(entries, ([name, entry]) => [entry.key ?? String(name), entry]))
      return writer.finish()
    },
    encode(value, like) {
      const kept = like?.hasFloat ? floatsLike(value, () => decode(like, true)) : value
      return write(kept, 4).take()
    },
    decode,
    encodePair(key, value) {
      const writer = new Writer(new ValuePath('pickle'), 4)
      writer.key(key)
      const code = writer.take()
      writer.value(value)
      return { ...writer.take(), key: code }
    },
    decodePair: (entry) => [parseCode(entry.key?.code ?? 'N', 'floats'), decode(entry, true)],
    equal: (a, b) => a.code === b.code,
  }
}

/**
 * The value of one pickle, which may be other than a dictionary. With `exactFloats`, a float that is whole, such as
 * Python's `1.0`, is read as a `Float`; without, as a number.
 *
 * @throws {SerializationError} On anything but data, and on bytes after it; the message says what it is.
 */
export function readPickle(
  bytes: Uint8Array,
  options: { readonly exactFloats?: boolean } = {},
): unknown {
  const writer = new Writer(new ReadPath('pickle'), 4)
  writer.value(parseWhole(bytes))
  return parseCode(writer.take().code, options.exactFloats ? 'floats' : 'numbers')
}

/** The pickle of one value. Throws {@link SerializationError} on what pickle cannot hold. */
export function writePickle(value: unknown, options: PickleOptions = {}): Uint8Array {
  return write(value, protocolOf(options)).finish()
}

/** Where the pickle at `start` ends: old caches put two into a file. Throws {@link SerializationError} when it does not. */
export function pickleEnd(bytes: Uint8Array, start = 0): number {
  return parsePickle(bytes, start).end
}

function decode({ code }: PickleEntry, exactFloats = false): unknown {
  return parseCode(code, exactFloats ? 'floats' : 'numbers')
}

function protocolOf({ protocol = 4 }: PickleOptions): Protocol {
  if (protocol === 0 || protocol === 4 || protocol === 5) return protocol
  throw new SerializationError('pickle writes no such protocol: pass protocol 0, 4 or 5.')
}

function parseWhole(bytes: Uint8Array): unknown {
  const { value, end } = parsePickle(bytes)
  if (end !== bytes.length) throw notData('more bytes follow')
  return value
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
  // One writer bounds the record as a whole.
  const writer = new Writer(new ReadPath('pickle'), 4)
  for (const [name, value] of record) {
    writer.key(name)
    const key = writer.take()
    writer.value(value)
    if (typeof name === 'string') entries.set(name, writer.take())
    else entries.set(Symbol('key that is not a string'), { ...writer.take(), key })
  }
  return entries
}

function write(value: unknown, protocol: Protocol): Writer {
  return encodeWith('pickle', (path) => {
    const writer = new Writer(path, protocol)
    writer.value(value)
    return writer
  })
}
