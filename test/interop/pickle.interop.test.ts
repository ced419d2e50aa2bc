/** Pickles that a real Python reads and writes. */

import { isDeepStrictEqual } from 'node:util'
import * as fc from 'fast-check'
import { tuple } from 'vial'
import { Timestamp } from 'vial/serializers/msgpack'
import { type PickleEntry, pickle, readPickle, writePickle } from 'vial/serializers/pickle'
import {
  ByteArray,
  Decimal,
  DefaultDict,
  exactFloats,
  Float,
  FrozenSet,
  Markup,
  OrderedDict,
  PlainDate,
  PlainDateTime,
  PlainTime,
  Timedelta,
  Timezone,
  Uuid,
  ZonedDate,
} from 'vial/serializers/python-values'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { pickleValue } from '../serializers/pickle-arbitraries.ts'
import { foreignCases } from '../serializers/pickle-fixtures.ts'
import { findPythonWithMarkup, PicklePeer } from './pickle-peer.ts'

const PROTOCOLS = [0, 1, 2, 3, 4, 5] as const
const WRITTEN = [0, 4, 5] as const
const runs = Number(process.env['VIAL_TEST_RUNS'] ?? 300)

const python = findPythonWithMarkup()
const bytesOf = (hex: string | undefined) => new Uint8Array(Buffer.from(hex ?? '', 'hex'))
let peer: PicklePeer

beforeAll(() => {
  if ('command' in python) peer = new PicklePeer(python.command)
})
beforeEach((context) => {
  if ('missing' in python) context.skip(python.missing)
})
afterAll(() => peer?.close())

/** A value here, and what Python makes of it. */
const rows: readonly (readonly [value: unknown, shown: string])[] = [
  [null, 'NoneType None'],
  [true, 'bool True'],
  [7, 'int 7'],
  [-(2 ** 40), 'int -1099511627776'],
  [2n ** 70n, `int ${2n ** 70n}`],
  [1.5, 'float 1.5'],
  [-0, 'float -0.0'],
  [Number.NaN, 'float nan'],
  [1e22, 'float 1e+22'],
  [new Float(1), 'float 1.0'],
  ['é\u{1f600}\ud800\n', "str '\\xe9\\U0001f600\\ud800\\n'"],
  [Buffer.from([0, 255]), "bytes b'\\x00\\xff'"],
  [ByteArray.of(97), "bytearray bytearray(b'a')"],
  [[1, [undefined]], 'list[int 1, list[NoneType None]]'],
  [tuple(1, tuple()), 'tuple[int 1, tuple[]]'],
  [{ a: 1, b: undefined }, "dict[str 'a': int 1]"],
  [{ ['__proto__']: 1 }, "dict[str '__proto__': int 1]"],
  [new Map([[1, 'x']]), "dict[int 1: str 'x']"],
  [new Set([1]), 'set[int 1]'],
  [new FrozenSet(['a']), "frozenset[str 'a']"],
  [
    new OrderedDict([
      ['b', 1],
      ['a', 2],
    ]),
    "OrderedDict[str 'b': int 1, str 'a': int 2]",
  ],
  [new DefaultDict('list', [['a', [1]]]), "defaultdictlist[str 'a': list[int 1]]"],
  [new Markup('<b>'), "Markup Markup('<b>')"],
  [
    new Uuid('12345678123456781234567812345678'),
    "UUID UUID('12345678-1234-5678-1234-567812345678')",
  ],
  [new Decimal('1.10'), "Decimal Decimal('1.10')"],
  [
    new Date('2024-02-29T12:34:56.789Z'),
    'datetime datetime.datetime(2024, 2, 29, 12, 34, 56, 789000, tzinfo=datetime.timezone.utc)',
  ],
  [
    new Timestamp(0, 1999),
    'datetime datetime.datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=datetime.timezone.utc)',
  ],
  [
    new ZonedDate(0, 0, new Timezone(new Timedelta(0, 5400), 'X'), 1),
    "datetime datetime.datetime(1970, 1, 1, 1, 30, fold=1, tzinfo=datetime.timezone(datetime.timedelta(seconds=5400), 'X'))",
  ],
  [new PlainDateTime('2024-02-29 12:34'), 'datetime datetime.datetime(2024, 2, 29, 12, 34)'],
  [new PlainDate('2024-02-29'), 'date datetime.date(2024, 2, 29)'],
  [new PlainTime('01:02:03.5'), 'time datetime.time(1, 2, 3, 500000)'],
  [new Timedelta(0, -1), 'timedelta datetime.timedelta(days=-1, seconds=86399)'],
  [new Timezone(new Timedelta()), 'timezone datetime.timezone.utc'],
]

test.each(rows)('%o is %s', async (value, shown) => {
  for (const protocol of WRITTEN) {
    const fold = protocol === 0 ? shown.replace(', fold=1', '') : shown
    expect((await peer.read(writePickle(value, { protocol }))).shown).toBe(fold)
  }
})

test('what Python wrote in any protocol goes back as the same values', async () => {
  for (let seed = 0; seed < runs; seed++) {
    const { pickles, shown } = await peer.make(seed)
    for (const from of PROTOCOLS) {
      const protocol = WRITTEN[(seed + from) % 3] as 0 | 4 | 5
      const { split, join } = pickle({ protocol })
      const entries = split(bytesOf(pickles[from]))
      if (entries === undefined) throw new Error(`seed ${seed}: protocol ${from} was refused`)
      const again = await peer.read(join(entries))
      const expected = protocol === 0 ? foldlessText(shown) : shown
      if (from >= 4 && again.shown !== expected) {
        throw new Error(`seed ${seed}: ${from} to ${protocol}: ${shown} became ${again.shown}`)
      }
    }
  }
}, 600_000)

test.each(foreignCases)('$name is the same object to Python', async ({ name, shown, pickles }) => {
  for (const protocol of WRITTEN) {
    const { split, join, decode, encode } = pickle({ protocol })
    for (const from of PROTOCOLS) {
      const entries = split(bytesOf(pickles[from]))
      // Calls, before protocol 4; and protocol 0 cannot name a nested class.
      const isCall = name === 'keyword arguments' ? from === 2 || from === 3 : from < 4
      const mayBeCall = name === 'keyword arguments' || name === 'a nested class'
      expect(entries === undefined).toBe(mayBeCall && isCall)
      if (entries === undefined || (protocol === 0 && name === 'a nested class')) continue
      const held = encode(decode(entries.get('held') as PickleEntry))
      const record = join(new Map([...entries, ['held', held], ['n', encode(1)]]))
      const expected = `dict[str 'held': list[${shown}, int 1], str 'n': int 1, str 'user': str 'ann']`
      expect((await peer.read(record)).shown).toBe(expected)
    }
  }
})

test('what was read, decoded and written again is the same to Python', async () => {
  for (let seed = 0; seed < runs; seed++) {
    const { pickles, shown } = await peer.make(seed)
    const protocol = WRITTEN[seed % 3] as 0 | 4 | 5
    const from = seed % 6
    const { split, join, decode, encode } = exactFloats(pickle({ protocol }))
    const entries = split(bytesOf(pickles[from])) ?? new Map()
    for (const [key, entry] of entries) {
      const fresh = encode(decode(entry))
      // A key that is not a string comes with its entry.
      entries.set(key, entry.key === undefined ? fresh : { ...fresh, key: entry.key })
    }
    const again = await peer.read(join(entries))
    const expected = protocol === 0 || from < 4 ? foldlessText(shown) : shown
    if (again.shown !== expected) throw new Error(`seed ${seed}: ${shown} became ${again.shown}`)
  }
}, 600_000)

/** Protocols before 4 have no place for the fold. */
function foldlessText(shown: string): string {
  return shown.replaceAll(', fold=1', '')
}

test('every value from here is read by Python, and comes back in every protocol', async () => {
  const check = async (value: unknown, protocol: 0 | 4 | 5) => {
    const written = writePickle(value, { protocol })
    const { pickles } = await peer.read(written)
    for (const from of PROTOCOLS) {
      const back = readPickle(bytesOf(pickles[from]))
      // Protocols before 4 have no place for the fold, nor those of Python.
      if (protocol === 0 || from < 4) expect(foldless(back)).toEqual(foldless(value))
      else expect(isDeepStrictEqual(back, value)).toBe(true)
    }
  }
  const property = fc.asyncProperty(pickleValue, fc.constantFrom(...WRITTEN), check)
  await fc.assert(property, { numRuns: runs })
}, 600_000)

function foldless(value: unknown): unknown {
  if (value instanceof PlainTime) return new PlainTime(value.text, value.zone)
  if (value instanceof PlainDateTime) return new PlainDateTime(value.text)
  if (value instanceof ZonedDate) {
    return [Math.floor(value.getTime() / 1000), value.nanoseconds, value.zone]
  }
  if (value instanceof Date) {
    const nanoseconds =
      value instanceof Timestamp
        ? value.nanoseconds
        : (((value.getTime() % 1000) + 1000) % 1000) * 1e6
    return [Math.floor(value.getTime() / 1000), nanoseconds, new Timezone(new Timedelta())]
  }
  if (value instanceof Map) {
    const pairs = [...value].map(([key, item]) => [foldless(key), foldless(item)])
    return [value.constructor.name, pairs]
  }
  if (value instanceof Set) return [value.constructor.name, new Set([...value].map(foldless))]
  if (Array.isArray(value)) return value.map(foldless)
  if (Object.getPrototypeOf(value ?? 0) !== Object.prototype) return value
  return Object.entries(value as object).map(([key, item]) => [key, foldless(item)])
}
