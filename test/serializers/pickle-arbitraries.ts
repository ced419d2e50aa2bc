/** Values that pickle brings back as they were, for fast-check. */

import * as fc from 'fast-check'
import { tuple } from 'vial'
import { Timestamp } from 'vial/serializers/msgpack'
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
import { anyText, sessionKey } from './arbitraries.ts'

/** The first second of the year 1. */
const FIRST = -62135596800
const seconds = fc.integer({ min: FIRST + 2 * 86_400, max: 253402300799 - 2 * 86_400 })

const integer = fc.oneof(
  fc.maxSafeInteger(),
  fc.integer({ min: -70_000, max: 70_000 }),
  fc.bigInt({ min: -(2n ** 2048n), max: 2n ** 2048n }).map((value) => {
    const number = Number(value)
    return Number.isSafeInteger(number) ? number : value
  }),
  fc.constantFrom(2 ** 31, 2 ** 31 - 1, -(2 ** 31), -(2 ** 31) - 1, -1, 255, 256, 65_536),
)
const bytes = fc.uint8Array({ maxLength: 300 })
const fold = fc.constantFrom(0 as const, 1 as const)
const delta = fc
  .tuple(fc.integer({ min: -999_999, max: 999_999 }), fc.nat(86_399), fc.nat(999_999))
  .map((parts) => new Timedelta(...parts))
const zone = fc
  .tuple(fc.integer({ min: -86_399, max: 86_399 }), fc.option(fc.string(), { nil: undefined }))
  .map(([offset, label]) => new Timezone(new Timedelta(0, offset), label))
const isUtc = ({ offset, label }: Timezone) =>
  label === undefined && offset.days === 0 && offset.seconds === 0

const wall = seconds.map((at) => new Date(at * 1000).toISOString().slice(0, 19))
const micros = fc
  .nat(999_999)
  .map((value) => (value === 0 ? '' : `.${String(value).padStart(6, '0')}`))
const dates: fc.Arbitrary<unknown>[] = [
  fc.tuple(seconds, fc.nat(999)).map(([at, ms]) => new Date(at * 1000 + ms)),
  fc
    .tuple(seconds, fc.nat(999_999))
    .filter(([, us]) => us % 1000 !== 0)
    .map(([at, us]) => new Timestamp(at, us * 1000)),
  fc
    .tuple(seconds, fc.nat(999_999), zone, fold)
    .filter(([, , at, folded]) => folded === 1 || !isUtc(at))
    .map(([at, us, where, folded]) => new ZonedDate(at, us * 1000, where, folded)),
  fc.tuple(wall, micros, fold).map(([text, us, folded]) => new PlainDateTime(text + us, folded)),
  fc
    .tuple(wall, micros, fc.option(zone, { nil: undefined }), fold)
    .map(([text, us, where, folded]) => new PlainTime(text.slice(11) + us, where, folded)),
  delta,
  zone,
]
/** What is equal to nothing of another type in Python. */
const keyLeaf = fc.oneof(
  fc.constant(null),
  integer,
  anyText,
  bytes,
  wall.map((text) => new PlainDate(text.slice(0, 10))),
  fc.uuid().map((text) => new Uuid(text)),
)
const selector = (value: unknown): string => {
  const name = typeof value === 'object' && value !== null ? value.constructor.name : typeof value
  return `${name} ${value}`
}
const key = fc.oneof(
  keyLeaf,
  fc.tuple(keyLeaf, keyLeaf).map((pair) => tuple(...pair)),
)
const keys = fc.uniqueArray(key, { maxLength: 5, selector })

const leaf = fc.oneof(
  keyLeaf,
  fc.boolean(),
  fc.double(),
  fc.constantFrom(-0, 1e16, 1e22, 1e-5, 5e-324),
  bytes.map((data) => {
    const copy = new ByteArray(new ArrayBuffer(data.length))
    copy.set(data)
    return copy
  }),
  anyText.map((html) => new Markup(html)),
  fc.constantFrom('1.10', '-0', '1E+3', 'NaN', '-Infinity').map((text) => new Decimal(text)),
  ...dates,
)

function paired(value: fc.Arbitrary<unknown>): fc.Arbitrary<[unknown, unknown][]> {
  return keys.chain((found) =>
    fc
      .array(value, { minLength: found.length, maxLength: found.length })
      .map((values) => found.map((one, index): [unknown, unknown] => [one, values[index]])),
  )
}

export const pickleValue: fc.Arbitrary<unknown> = fc.letrec((tie) => {
  const value = tie('value')
  const pairs = paired(value)
  return {
    value: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      leaf,
      fc.array(value, { maxLength: 5 }),
      fc.array(value, { maxLength: 5 }).map((items) => tuple(...items)),
      fc
        .array(fc.tuple(sessionKey, value), { maxLength: 5 })
        .map((found) => Object.fromEntries(found)),
      pairs.map((found) => new Map<unknown, unknown>([...found, [7n ** 77n, 0]])),
      pairs.map((found) => new OrderedDict(found)),
      fc
        .tuple(fc.constantFrom('list', 'int', null), pairs)
        .map(([factory, found]) => new DefaultDict(factory, found)),
      keys.map((found) => new Set(found)),
      keys.map((found) => new FrozenSet(found)),
    ),
  }
}).value
