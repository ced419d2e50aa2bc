/**
 * Pickle, as Flask-Session 0.3 to 0.5 and cachelib keep records. It is read as data only: no name in it is ever looked
 * up outside of a fixed list of Python's data types, and nothing is called.
 *
 * @module
 */

import type { Entries, Serializer } from '../../core/serializer.ts'
import { SerializationError } from '../../errors.ts'
import { encodeWith } from '../shared/path.ts'
import { type DecodeOptions, fromNode } from './decode.ts'
import { toNode } from './encode.ts'
import { notData } from './input.ts'
import { measure } from './measure.ts'
import { type Node, sameNode, strNode } from './nodes.ts'
import { parsePickle } from './read.ts'
import { writeFramed } from './write.ts'
import { writeText } from './write-text.ts'

/** What pickles are read and written as. */
export interface PickleOptions {
  /**
   * What is written; 4 unless said. All of 0 to 5 are read. cachelib writes 5, which Python 3.8 and later read; 0 is
   * ASCII, as Flask-Session 0.3 to 0.5 kept it in Memcached.
   */
  readonly protocol?: 0 | 4 | 5
  /**
   * Reads whole floats, such as Python's `1.0`, as `Float` of `python-values`, so that they are floats again when they
   * are written. Off: they are numbers, which are written as ints inside a value that is changed, and never otherwise.
   */
  readonly exactFloats?: boolean
}

/** One entry of a record: its key, when that was read from a pickle, and its value. */
export interface PickleEntry {
  readonly key: Node | undefined
  readonly value: Node
}

/**
 * Keeps records as pickles of dictionaries. Values are null, booleans, numbers, bigints, strings, arrays, tuples, plain
 * objects, Uint8Array, Set, Date, Map for a dictionary with a key that is not a string, and all of `python-values`.
 *
 * A pickle has no entries of its own: objects refer to each other across keys. Entries are values with Python's types,
 * and a record is read as a whole. One that holds anything but data is no record: other types, code, itself, more than
 * 128 levels inside a key, or more than 64 MiB when what it refers to many times is copied. A record of which nothing
 * was touched is written with the bytes that CPython gives, in the protocol that is asked for.
 *
 * Throws {@link SerializationError} on an unknown protocol.
 */
export function pickle(options: PickleOptions = {}): Serializer<PickleEntry> {
  const write = writerOf(options)
  const decoding = decodingOf(options)
  return {
    name: 'pickle',
    split,
    join: (entries) => write(recordOf(entries)),
    encode: (value) => ({ key: undefined, value: encodePickled(value) }),
    decode: ({ value }) => fromNode(value, decoding),
    equal: (a, b) => sameNode(a.value, b.value),
  }
}

/**
 * The value of one pickle, which may be other than a dictionary.
 *
 * @throws {SerializationError} On anything but data, and on bytes after it; the message says what it is.
 */
export function readPickle(
  bytes: Uint8Array,
  options: Pick<PickleOptions, 'exactFloats'> = {},
): unknown {
  return fromNode(readNode(bytes), decodingOf(options))
}

/** The pickle of one value. Throws {@link SerializationError} on what pickle cannot hold. */
export function writePickle(
  value: unknown,
  options: Pick<PickleOptions, 'protocol'> = {},
): Uint8Array {
  return writerOf(options)(encodePickled(value))
}

/** Where the pickle at `start` ends: old caches put two into a file. Throws {@link SerializationError} when it does not. */
export function pickleEnd(bytes: Uint8Array, start = 0): number {
  return parsePickle(bytes, start).end
}

function readNode(bytes: Uint8Array): Node {
  const { root, end } = parsePickle(bytes)
  if (end !== bytes.length) throw notData('more bytes follow')
  measure(root)
  return root
}

function decodingOf({ exactFloats = false }: PickleOptions): DecodeOptions {
  return { exactFloats }
}

function writerOf({ protocol = 4 }: PickleOptions): (root: Node) => Uint8Array {
  if (protocol !== 0 && protocol !== 4 && protocol !== 5) {
    throw new SerializationError('pickle writes no such protocol: pass protocol 0, 4 or 5.')
  }
  return (root) => {
    // What could not be read again is not written.
    measure(root)
    return protocol === 0 ? writeText(root) : writeFramed(root, protocol)
  }
}

function encodePickled(value: unknown): Node {
  return encodeWith('pickle', (path) => toNode(value, path))
}

function split(bytes: Uint8Array): Entries<PickleEntry> | undefined {
  let root: Node
  try {
    root = readNode(bytes)
  } catch (error) {
    if (error instanceof SerializationError) return undefined
    throw error
  }
  if (root.kind !== 'dict') return undefined
  const entries: Entries<PickleEntry> = new Map()
  for (let at = 0; at < root.items.length; at += 2) {
    const [key, value] = root.items.slice(at, at + 2) as [Node, Node]
    entries.set(key.kind === 'str' ? key.text : Symbol('key that is not a string'), { key, value })
  }
  return entries
}

function recordOf(entries: Entries<PickleEntry>): Node {
  const items: Node[] = []
  for (const [name, { key, value }] of entries) {
    const same = typeof name === 'symbol' || (key?.kind === 'str' && key.text === name)
    items.push(same && key !== undefined ? key : strNode(String(name)), value)
  }
  return { kind: 'dict', items }
}
