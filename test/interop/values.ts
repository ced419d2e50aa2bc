/** The values of `interop/peers/values.py` as they are here, when they were read from a session of a format. */

import { isTuple, tuple } from '../../src/index.ts'
import { Ext, Timestamp } from '../../src/serializers/msgpack/index.ts'
import {
  ByteArray,
  Decimal,
  DefaultDict,
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
} from '../../src/serializers/python/values.ts'

/** What a session's values are kept in. */
export type ValueFormat = 'tagged-json' | 'msgpack' | 'json' | 'pickle'

const bytes = Uint8Array.from({ length: 52 }, (_, index) => index * 5)
const LEAP = Date.UTC(2024, 1, 29, 12, 34, 56)
const INDIA = new Timezone(new Timedelta(0, 19_800))

/** Each with the type that Python gave it. */
const EXACT: Readonly<Record<string, unknown>> = {
  none: null,
  true: true,
  false: false,
  int: 12,
  int_negative: -1,
  int_2p31: 2 ** 31,
  int_2p53_less_1: Number.MAX_SAFE_INTEGER,
  int_2p53_and_1: 2n ** 53n + 1n,
  int_u64: 2n ** 64n - 1n,
  int_i64: -(2n ** 63n),
  float_one: new Float(1),
  float_third: 1 / 3,
  float_negative_zero: -0,
  float_2p53: 2 ** 53,
  float_1e22: 1e22,
  float_1e16: 1e16,
  'float_1e-7': 1e-7,
  float_smallest: 5e-324,
  str: 'text',
  str_empty: '',
  str_escapes: 'é\x7f\u2028\x01"\\/\t😀<&>',
  str_long: '日本'.repeat(900),
  list: [1, 'a', [null, { k: [] }], new Float(2)],
  list_empty: [],
  dict: { b: 1, a: { é: new Float(2) }, '': null },
  dict_empty: {},
  dict_numeric_keys: { '10': 1, '9': 2 },
  dict_proto: JSON.parse('{"__proto__": {"x": 1}, "constructor": 2}'),
  dict_like_tag: { ' t': [1] },
  dict_like_escaped_tag: { ' di': { ' t__': [1] } },
  bytes,
  bytes_empty: new Uint8Array(),
  tuple: tuple(1, tuple(), [tuple('x', new Float(2))]),
  datetime: new Date(LEAP),
  datetime_offset: new ZonedDate(LEAP / 1000 - 19_800, 0, INDIA),
  datetime_naive: new PlainDateTime('2024-02-29T12:34:56'),
  date: new PlainDate('2024-02-29'),
  decimal: new Decimal('1.10'),
  uuid: new Uuid('12345678-1234-5678-1234-567812345678'),
  dict_int_keys: new Map<unknown, unknown>([
    [1, 2],
    [30, new Float(4)],
  ]),
  nan: Number.NaN,
  infinity: Number.POSITIVE_INFINITY,
  infinity_negative: Number.NEGATIVE_INFINITY,
  bytearray: ByteArray.of(97, 98),
  set: new Set([7]),
  frozenset: new FrozenSet(['a']),
  datetime_microseconds: new Timestamp(LEAP / 1000, 789_012_000),
  datetime_first: new Date(-62_135_596_800_000),
  datetime_last: new Timestamp(253_402_300_799, 999_999_000),
  datetime_naive_microseconds: new PlainDateTime('2024-02-29T12:34:56.000005'),
  time: new PlainTime('01:02:03.000004'),
  timedelta: new Timedelta(1, 2, 3),
  timedelta_negative: new Timedelta(0, -5),
  ordered_dict: new OrderedDict<string, unknown>([
    ['b', 1],
    ['a', 2],
  ]),
  default_dict: new DefaultDict<string, unknown>('list', [['a', [1]]]),
  int_2p70: 2n ** 70n,
  int_huge_negative: -(10n ** 100n),
  markup: new Markup('<b>é &amp;</b>'),
  str_surrogate: '\ud800x',
  dict_mixed_keys: new Map<unknown, unknown>([
    [1, 'a'],
    ['1', 'b'],
    [null, 'd'],
    [new Uint8Array([120]), 'e'],
    [tuple(1, 2), 'f'],
    [1.5, 'g'],
  ]),
  ext: new Ext(5, new Uint8Array([97, 98, 99])),
}

/** Those that a format keeps as something else, as Flask itself does. */
const CHANGED: Readonly<Record<ValueFormat, Readonly<Record<string, unknown>>>> = {
  pickle: {},
  'tagged-json': {
    datetime_offset: new Date(LEAP - 19_800_000),
    datetime_naive: new Date(LEAP),
    datetime_naive_microseconds: new Date(LEAP),
    datetime_microseconds: new Date(LEAP),
    // Python takes the year 1 of an HTTP date for 2001.
    datetime_first: new Date(Date.UTC(2001, 0, 1)),
    datetime_last: new Date(253_402_300_799_000),
    ordered_dict: { b: 1, a: 2 },
    default_dict: { a: [1] },
    date: 'Thu, 29 Feb 2024 00:00:00 GMT',
    decimal: '1.10',
    dict_int_keys: { '1': 2, '30': new Float(4) },
  },
  msgpack: {
    tuple: [1, [], [['x', new Float(2)]]],
    datetime_offset: new Date(LEAP - 19_800_000),
    datetime_naive: '2024-02-29T12:34:56',
    datetime_naive_microseconds: '2024-02-29T12:34:56.000005',
    date: '2024-02-29',
    time: '01:02:03.000004',
    timedelta: 'P1DT2.000003S',
    timedelta_negative: '-PT5S',
    decimal: '1.10',
    uuid: '12345678-1234-5678-1234-567812345678',
    bytearray: new Uint8Array([97, 98]),
    set: [7],
    frozenset: ['a'],
    ordered_dict: { b: 1, a: 2 },
    default_dict: { a: [1] },
  },
  json: {
    tuple: [1, [], [['x', new Float(2)]]],
    datetime: '2024-02-29T12:34:56Z',
    datetime_microseconds: '2024-02-29T12:34:56.789012Z',
    datetime_first: '0001-01-01T00:00:00Z',
    datetime_last: '9999-12-31T23:59:59.999999Z',
    datetime_offset: '2024-02-29T12:34:56+05:30',
    datetime_naive: '2024-02-29T12:34:56',
    datetime_naive_microseconds: '2024-02-29T12:34:56.000005',
    date: '2024-02-29',
    time: '01:02:03.000004',
    timedelta: 'P1DT2.000003S',
    timedelta_negative: '-PT5S',
    decimal: '1.10',
    uuid: '12345678-1234-5678-1234-567812345678',
    bytes: Buffer.from(bytes).toString('base64'),
    bytes_empty: '',
    bytearray: 'YWI=',
    set: [7],
    frozenset: ['a'],
    dict_int_keys: { '1': 2, '30': new Float(4) },
    ordered_dict: { b: 1, a: 2 },
    default_dict: { a: [1] },
    nan: null,
    infinity: null,
    infinity_negative: null,
  },
}

/** The value as a session gives it by default: each whole float is a number. */
export function plainFloats(value: unknown): unknown {
  if (value instanceof Float) return value.value
  if (Array.isArray(value)) {
    const items = value.map(plainFloats)
    return isTuple(value) ? tuple(...items) : items
  }
  if (value instanceof Map) {
    const pairs = Array.from(value, (pair) => pair.map(plainFloats) as [unknown, unknown])
    return Object.assign(
      Object.setPrototypeOf(new Map(pairs), Object.getPrototypeOf(value)),
      value,
    ) as unknown
  }
  if (value === null || Object.getPrototypeOf(value) !== Object.prototype) return value
  const pairs = Object.entries(value as object).map(([key, item]) => [key, plainFloats(item)])
  return Object.fromEntries(pairs)
}

/** Throws for a name that is not in the list. */
export function valueNamed(format: ValueFormat, name: string): unknown {
  const changed = CHANGED[format]
  if (Object.hasOwn(changed, name)) return changed[name]
  if (Object.hasOwn(EXACT, name)) return EXACT[name]
  throw new Error(`values.ts has no ${name}`)
}
