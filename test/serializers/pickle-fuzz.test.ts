/**
 * Damaged pickles, by a seeded generator. `VIAL_TEST_RUNS=200000` for a long run; `VIAL_TEST_SEED` for the seed that a
 * failure names.
 */

import { SerializationError } from 'vial'
import { Timestamp } from 'vial/serializers/msgpack'
import { pickle, readPickle } from 'vial/serializers/pickle'
import * as values from 'vial/serializers/python-values'
import { expect, test } from 'vitest'
import { bytesOf, fixtures, foreignCases } from './pickle-fixtures.ts'

const runs = Number(process.env['VIAL_TEST_RUNS'] ?? 20_000)
const firstSeed = Number(process.env['VIAL_TEST_SEED'] ?? 1)
/** 64 MiB, of which each value takes at least 64 bytes. */
const MOST_VALUES = 2 ** 20
const MOST_HEAP = 2 ** 29

const data = [fixtures, ...fixtures.others]
  .flatMap(({ vectors }) => vectors.flatMap(({ pickles }) => Object.values(pickles)))
  .flatMap((recorded) => (typeof recorded === 'string' ? [[...bytesOf(recorded)]] : []))
data.push(
  ...foreignCases.flatMap(({ pickles }) => Object.values(pickles).map((hex) => [...bytesOf(hex)])),
)
const exploits = fixtures.exploits.map(({ hex }) => [...bytesOf(hex)])

/** Those of data, and some that are refused. */
const opcodes: readonly number[] = [
  ...[
    0x28, 0x29, 0x2e, 0x42, 0x43, 0x46, 0x47, 0x49, 0x4a, 0x4b, 0x4c, 0x4d, 0x4e, 0x52, 0x53, 0x54,
  ],
  ...[
    0x55, 0x56, 0x58, 0x5d, 0x61, 0x62, 0x63, 0x64, 0x65, 0x67, 0x68, 0x6a, 0x6c, 0x70, 0x71, 0x72,
  ],
  ...[
    0x73, 0x74, 0x75, 0x7d, 0x80, 0x81, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8b, 0x8c, 0x8d, 0x8e,
  ],
  ...[0x8f, 0x90, 0x91, 0x92, 0x93, 0x94, 0x95, 0x96],
  ...[0x69, 0x6f, 0x51, 0x82, 0x32, 0x30],
]
const OP = { GLOBAL: 0x63, BINGET: 0x68, BINPUT: 0x71, SHORT_BINUNICODE: 0x8c, STOP: 0x2e }
const names = [
  ...['datetime\ndatetime\n', 'builtins\nset\n', 'uuid\nUUID\n', 'os\nsystem\n'],
  ...['app\nCart\n', 'copyreg\n__newobj__\n', 'copyreg\n_reconstructor\n'],
]
const lengths = [0, 1, 4, 10, 127, 128, 255]

/** A small generator of random numbers that starts from each seed. */
function randomFrom(seed: number): (below: number) => number {
  let state = Math.imul(seed, 0x9e3779b1) | 0
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

function damaged(seed: number): Uint8Array {
  const random = randomFrom(seed)
  const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T
  if (random(4) === 0) return soup(random, pick)
  let bytes = [...pick(random(4) === 0 ? exploits : data)]
  for (let edits = random(3); edits >= 0; edits--) {
    const at = random(bytes.length + 1)
    const kind = random(8)
    if (kind === 0) bytes[at] = random(256)
    else if (kind === 1) bytes.splice(at, random(4))
    else if (kind === 2) bytes.splice(at, 0, pick(opcodes))
    else if (kind === 3) bytes[at] = pick(opcodes)
    else if (kind === 4) bytes = bytes.slice(0, at)
    else if (kind === 5) bytes[at] = pick(lengths)
    else if (kind === 6) bytes.splice(at, 0, ...bytes.slice(at, at + random(20)))
    else bytes.splice(at, 0, ...pick(data).slice(random(40), 40 + random(40)))
  }
  return Uint8Array.from(bytes)
}

/** Opcodes at random, with what most of them take. */
function soup(random: (below: number) => number, pick: <T>(list: readonly T[]) => T): Uint8Array {
  const bytes: number[] = []
  for (let count = random(60); count >= 0; count--) {
    const opcode = pick(opcodes)
    bytes.push(opcode)
    if (opcode === OP.GLOBAL) bytes.push(...Buffer.from(pick(names)))
    else if (opcode === OP.BINGET || opcode === OP.BINPUT) bytes.push(random(4))
    else if (opcode === OP.SHORT_BINUNICODE) bytes.push(1, 97 + random(3))
    else if (random(3) === 0) bytes.push(random(8), 10)
  }
  bytes.push(OP.STOP)
  return Uint8Array.from(bytes)
}

const KINDS: ReadonlySet<unknown> = new Set<unknown>([
  ...[Object, Array, Map, Set, Date, Uint8Array, Timestamp],
  ...Object.values(values),
])

/** Counts the values, and makes sure that each is data. */
function count(value: unknown): number {
  if (typeof value !== 'object' || value === null) {
    expect(['string', 'number', 'bigint', 'boolean', 'object']).toContain(typeof value)
    return 1
  }
  if (!KINDS.has(value.constructor) && Object.getPrototypeOf(value) !== Object.prototype) {
    throw new Error('it made what is no data')
  }
  if (value instanceof Map)
    return [...value].flat().reduce((sum: number, one) => sum + count(one), 1)
  if (value instanceof values.Foreign) {
    const { args, items, pairs, keywords = {}, state = null } = value
    return count([...args, ...items, ...pairs.flat(), keywords, state])
  }
  if (value instanceof Set) return [...value].reduce((sum: number, one) => sum + count(one), 1)
  const plain = Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype
  return plain ? Object.values(value).reduce((sum: number, one) => sum + count(one), 1) : 1
}

/** What was read can be written in each protocol, and is read again. */
function check(bytes: Uint8Array): boolean {
  let value: unknown
  try {
    value = readPickle(bytes)
  } catch (error) {
    if (error instanceof SerializationError) return false
    throw error
  }
  if (count(value) > MOST_VALUES) throw new Error('it made too many values')
  for (const protocol of [0, 4, 5] as const) {
    const { split, join, encode, decode, equal } = values.exactFloats(pickle({ protocol }))
    const entries = split(bytes)
    if (entries === undefined) continue
    let written: Uint8Array
    try {
      written = join(entries)
    } catch (error) {
      if (protocol === 0 && String(error).includes('nested class')) continue
      throw error
    }
    const again = split(written)
    if (again?.size !== entries.size) throw new Error('it is not read again')
    for (const [key, entry] of entries) {
      const fresh = decode(entry)
      const other = typeof key === 'string' ? again.get(key) : undefined
      // Protocol 0 has no place for a date's fold.
      if (other !== undefined && protocol !== 0 && !equal(other, entry)) {
        throw new Error('it comes back as another')
      }
      encode(fresh)
    }
  }
  return true
}

test(
  `${runs} damaged pickles are read as data, or refused`,
  () => {
    const guard = Object.getOwnPropertyNames(Object.prototype).join()
    let read = 0
    let heap = 0
    for (let seed = firstSeed; seed < firstSeed + runs; seed++) {
      const bytes = damaged(seed)
      try {
        if (check(bytes)) read += 1
      } catch (error) {
        const hex = Buffer.from(bytes).toString('hex')
        throw new Error(`VIAL_TEST_SEED=${seed} VIAL_TEST_RUNS=1: ${hex}`, { cause: error })
      }
      if (seed % 1000 === 0) heap = Math.max(heap, process.memoryUsage().heapUsed)
    }
    expect(heap).toBeLessThan(MOST_HEAP)
    expect(Object.getOwnPropertyNames(Object.prototype).join()).toBe(guard)
    // Neither all nor nothing: else it would try only one of the two.
    expect(runs < 1000 || (read > runs / 100 && read < runs)).toBe(true)
    console.log(`  ${read} of ${runs} were read, ${Math.round(heap / 2 ** 20)} MiB of heap at most`)
  },
  Math.max(60_000, runs * 5),
)
