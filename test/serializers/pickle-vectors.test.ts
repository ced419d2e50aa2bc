import { SerializationError, tuple } from 'vial'
import { Timestamp } from 'vial/serializers/msgpack'
import { pickle, readPickle, writePickle } from 'vial/serializers/pickle'
import {
  ByteArray,
  Decimal,
  DefaultDict,
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
import { describe, expect, it, test } from 'vitest'
import { bytesOf, fixtures } from './pickle-fixtures.ts'

const east = new Timezone(new Timedelta(0, 19_800))
const numbers = (count: number) => Array.from({ length: count }, (_, i) => i)
const batch = (count: number) => ({
  l: numbers(count),
  d: new Map(numbers(count).map((i) => [i, 0])),
})
const uuid = new Uuid('12345678-1234-5678-1234-567812345678')

/** What each vector is here. */
const VALUES: Readonly<Record<string, unknown>> = {
  empty: {},
  basic: { _permanent: true, user_id: 42, name: 'Ada', f: 1.5, n: null, no: false },
  ints: {
    ...{ a: 0, b: 255, c: 256, d: 65_535, e: 65_536, f: -1, g: 2 ** 31 - 1, h: -(2 ** 31) },
    ...{ i: 2 ** 31, j: 2n ** 63n, k: 2n ** 70n, l: -(2n ** 70n) },
  },
  floats: { a: 0.1, b: -0, i: Number.POSITIVE_INFINITY, n: Number.NaN },
  whole_floats: { one: 1, list: [1, 2], huge: 1e22 },
  unicode: { k: 'é€\u{1f600}\\u0041\n\r\0\u001a\u007f', é: 1 },
  lists: { l: [], l1: [1], l2: [1, 2], d: {}, d1: { a: 1 } },
  tuples: { t0: tuple(), t1: tuple(1), t2: tuple(1, 2), t3: tuple(1, 2, 3), t4: tuple(1, 2, 3, 4) },
  sets: { s: new Set([1]), s0: new Set(), fs: new FrozenSet([1]) },
  containers: {
    ...{ l: [], l1: [1], l2: [1, 2], t0: tuple(), t1: tuple(1), t2: tuple(1, 2) },
    ...{ t3: tuple(1, 2, 3), t4: tuple(1, 2, 3, 4), d: {}, d1: { a: 1 } },
    ...{ s: new Set([1]), s0: new Set(), fs: new FrozenSet([1]) },
  },
  flashes: { _flashes: [tuple('message', 'Hello'), tuple('error', 'Bad')] },
  nonstr_keys: {
    m: new Map<unknown, string>([
      [1, 'e'],
      [null, 'b'],
      [tuple(1, 2), 'c'],
    ]),
  },
  nonstr_session_key: new Map<unknown, unknown>([
    [7, 'seven'],
    ['a', 1],
  ]),
  naive: { n: new PlainDateTime('2024-02-29T12:34:56.789012'), d: new PlainDate('2024-02-29') },
  time: { t: new PlainTime('01:02:03.000004') },
  timedelta: { td: new Timedelta(1, 2, 3), back: new Timedelta(-1, 2, 3) },
  uuid: { u: uuid, v: new Uuid('0'.repeat(31) + 5) },
  uuid_safe: { u: new Uuid('0'.repeat(31) + 6) },
  decimal: { d: new Decimal('1.10'), e: new Decimal('1E+3'), n: new Decimal('NaN') },
  bytearray: { b: ByteArray.of(97, 255), e: ByteArray.of() },
  ordered: {
    o: new OrderedDict([
      ['b', 1],
      ['a', 2],
    ]),
  },
  default: { d: new DefaultDict('list', [['a', [1]]]), n: new DefaultDict(null) },
  shared: { a: ['x'], b: ['x'], c: tuple(['x'], ['x']) },
  batch_999: batch(999),
  batch_1000: batch(1000),
  batch_1001: batch(1001),
  big_frame: { a: 'x'.repeat(70_000), b: 1 },
  frames: { l: numbers(1500).map((i) => 'y'.repeat(100) + i) },
  markup: { m: new Markup('<b>x</b>'), _flashes: [tuple('error', new Markup('<i>'))] },
  bytes: {
    ...{ b: new Uint8Array([97, 255, 0]), e: new Uint8Array(), one: new Uint8Array([120]) },
    all: new Uint8Array(numbers(256)),
  },
  datetime: {
    u: new Timestamp(Date.UTC(2024, 1, 29, 12, 34, 56) / 1000, 789_012_000),
    n: new PlainDateTime('2024-02-29T12:34:56'),
    o: new ZonedDate(Date.UTC(2024, 1, 29, 7, 4, 56) / 1000, 0, east),
    d: new PlainDate('2024-02-29'),
    t: new PlainTime('01:02:03.000004'),
    td: new Timedelta(1, 2, 3),
  },
  uuid_decimal_markup: { u: uuid, d: new Decimal('1.10'), m: new Markup('<b>x</b>') },
  aware: {
    u: new Timestamp(Date.UTC(2024, 1, 29, 12, 34, 56) / 1000, 789_012_000),
    ms: new Date('2024-02-29T12:34:56.789Z'),
    o: new ZonedDate(Date.UTC(2024, 1, 29, 7, 4, 56) / 1000, 0, east),
    named: new ZonedDate(-62_135_593_200, 0, new Timezone(new Timedelta(0, -3600), 'X')),
    t: new PlainTime('01:02', new Timezone(new Timedelta())),
    zone: east,
  },
  surrogate: { k: 'a\ud800b', '\udfff': 1 },
  fold: { d: new PlainDateTime('2024-10-27T02:30', 1), t: new PlainTime('02:30', undefined, 1) },
}

const WITHOUT_FOLD = { d: new PlainDateTime('2024-10-27T02:30'), t: new PlainTime('02:30') }
const all = [fixtures, ...fixtures.others].flatMap(({ python, vectors }) =>
  vectors.map((vector) => ({ python, ...vector })),
)

test('every vector has its value here', () => {
  expect([...new Set(all.map(({ name }) => name))].sort()).toEqual(Object.keys(VALUES).sort())
  expect(fixtures.vectors.length).toBeGreaterThan(30)
})

describe.each(all)('$name of Python $python', ({ name, pickles }) => {
  it('is read from every protocol', () => {
    for (const [protocol, hex] of Object.entries(pickles)) {
      if (typeof hex !== 'string') continue
      const expected = name === 'fold' && Number(protocol) < 4 ? WITHOUT_FOLD : VALUES[name]
      // Dictionaries of Python 2 have no order.
      expect(readPickle(bytesOf(hex))).toEqual(expected)
    }
  })

  it('goes back with the same values, in every protocol that is written', () => {
    for (const hex of Object.values(pickles)) {
      if (typeof hex !== 'string') continue
      const read = readPickle(bytesOf(hex), { exactFloats: true })
      for (const protocol of [0, 4, 5] as const) {
        const { split, join } = pickle({ protocol })
        const written = join(split(bytesOf(hex)) ?? new Map())
        const expected = name === 'fold' && protocol === 0 ? WITHOUT_FOLD : read
        expect(readPickle(written, { exactFloats: true })).toEqual(expected)
      }
    }
  })
})

describe('what is made here', () => {
  it.each(Object.entries(VALUES))('%s is read again in every protocol', (name, value) => {
    // Values of a record whose keys are not all strings come as a Map.
    for (const protocol of [0, 4, 5] as const) {
      const expected = name === 'fold' && protocol === 0 ? WITHOUT_FOLD : value
      expect(readPickle(writePickle(value, { protocol }))).toEqual(expected)
    }
  })

  it('protocol 0 is ASCII, and 4 and 5 begin with their number', () => {
    for (const value of Object.values(VALUES)) {
      expect(writePickle(value, { protocol: 0 }).every((byte) => byte < 128)).toBe(true)
      for (const protocol of [4, 5] as const) {
        expect([...writePickle(value, { protocol }).subarray(0, 2)]).toEqual([0x80, protocol])
      }
    }
  })
})

describe('what is no data is refused', () => {
  it('there are many of them', () => expect(fixtures.exploits.length).toBeGreaterThan(400))

  it.each(fixtures.exploits)('$name', ({ hex }) => {
    const bytes = bytesOf(hex)
    expect(() => readPickle(bytes)).toThrow(SerializationError)
    expect(pickle().split(bytes)).toBeUndefined()
  })

  it.each([
    ['os.system, protocol 4', 'it names posix.system'],
    ['posix.system, protocol 0', 'it names posix.system'],
    ['nt.system', 'it names nt.system'],
    ['builtins.eval, protocol 2', 'it names builtins.eval'],
    ['builtins.eval, protocol 5', 'it names builtins.eval'],
    ['builtins.exec, protocol 4', 'it names builtins.exec'],
    ['builtins.getattr, protocol 4', 'it names builtins.getattr'],
    ['builtins.__import__, protocol 4', 'it names builtins.__import__'],
    ['subprocess.Popen, protocol 4', 'it names subprocess.Popen'],
    ['operator.attrgetter, protocol 4', 'it names operator.attrgetter'],
    ['functools.partial, protocol 4', 'it names functools.partial'],
    ['nested reduce, protocol 4', 'it names builtins.__import__'],
    ['builtins.bytes, protocol 4', 'it calls builtins.bytes with other arguments than data has'],
    ['builtins.int, protocol 4', 'it calls builtins.int with other arguments than data has'],
    ['uuid.UUID called, protocol 4', 'it calls uuid.UUID with other arguments than data has'],
    ['BUILD on a list, protocol 4', 'it calls builtins.list with other arguments than data has'],
    ['BUILD on an OrderedDict, protocol 4', 'it sets the state of an object'],
    ['BUILD twice', 'it sets the state of an object'],
    ['BUILD with another name', 'a UUID in it is wrong'],
    ['list items on an OrderedDict, protocol 4', 'it adds to what is no list'],
    ['collections.defaultdict of eval, protocol 4', 'it names builtins.eval'],
    ['a built-in type as a value, protocol 4', 'it holds builtins.int as a value'],
    ['NEWOBJ of a set', 'it makes an object that is not data'],
    ['INST', 'it holds the opcode 0x69'],
    ['OBJ', 'it holds the opcode 0x6f'],
    ['PERSID', 'it holds the opcode 0x50'],
    ['EXT1', 'it holds the opcode 0x82'],
    ['DUP', 'it holds the opcode 0x32'],
    ['cycle, protocol 4', 'it nests deeper than 128 levels or holds itself'],
    ['a dotted module', 'it names datetime?datetime.x.y'],
  ])('%s: %s', (name, how) => {
    const { hex = '' } = fixtures.exploits.find((exploit) => exploit.name === name) ?? {}
    expect(() => readPickle(bytesOf(hex))).toThrow(`Not a pickle of plain data (${how}):`)
  })
})
