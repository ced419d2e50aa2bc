/**
 * Values of each format's domain, for fast-check.
 */

import * as fc from 'fast-check'
import { tuple } from 'vial'
import { Ext, Timestamp } from 'vial/serializers/msgpack'
import { Markup, Uuid } from 'vial/serializers/python-values'

const MAX_MS = 8.64e15

/** Text with every code point, quotes, escapes and control characters; no half of a surrogate pair. */
const wellFormed: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ maxLength: 40 }),
  fc.string({
    unit: fc.constantFrom('"', '\\', '\n', '\u007f', '\u2028', '\ufeff', '/', '\0', 'é', '😀'),
  }),
)

/** Any sequence of UTF-16 code units. */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  wellFormed,
  fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)) }),
)

const traps = fc.constantFrom('__proto__', 'constructor', 'toString', 'valueOf', '1', '0', '', '-1')
const tagLike = fc.constantFrom(' t', ' di', ' b', ' m', ' u', ' d', ' t__', ' zz', ' di__')

const integer = fc.oneof(
  fc.maxSafeInteger(),
  fc.integer({ min: -70_000, max: 70_000 }),
  fc.constantFrom(2 ** 31, 2 ** 32, 2 ** 32 - 1, -(2 ** 31) - 1, Number.MAX_SAFE_INTEGER),
)
const finite = fc.double({ noNaN: true, noDefaultInfinity: true })
const float = fc.oneof(fc.double(), finite, fc.constantFrom(-0, 1e16, 1e22, 1e-5, 9.5e15))

function unsafe(limits: fc.BigIntConstraints): fc.Arbitrary<bigint> {
  return fc.bigInt(limits).filter((value) => !Number.isSafeInteger(Number(value)))
}

const bytes = fc.uint8Array({ maxLength: 300 })
const instant = fc.date({ min: new Date(-MAX_MS), max: new Date(MAX_MS), noInvalidDate: true })
const timestamp = fc
  .tuple(fc.integer({ min: -62135596800, max: 253402300799 }), fc.nat(999_999_999))
  .filter(([, nanoseconds]) => nanoseconds % 1e6 !== 0)
  .map(([seconds, nanoseconds]) => new Timestamp(seconds, nanoseconds))
const ext = fc
  .tuple(
    fc.integer({ min: -128, max: 127 }).filter((type) => type !== -1),
    fc.uint8Array({ maxLength: 300 }),
  )
  .map(([type, data]) => new Ext(type, data))

/** A plain object, `__proto__` an own property like any other. */
function objectOf(pairs: readonly (readonly [string, unknown])[]): Record<string, unknown> {
  return Object.fromEntries(pairs) as Record<string, unknown>
}

function objects(key: fc.Arbitrary<string>, value: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  return fc.array(fc.tuple(key, value), { maxLength: 5 }).map(objectOf)
}

function nested(
  leaves: fc.Arbitrary<unknown>,
  containers: (value: fc.Arbitrary<unknown>) => fc.Arbitrary<unknown>[],
): fc.Arbitrary<unknown> {
  return fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 4, withCrossShrink: true }, leaves, ...containers(tie('value'))),
  })).value
}

const plainKey = fc.oneof(wellFormed, traps)

/** What MessagePack brings back as it was. */
export const msgpackValue: fc.Arbitrary<unknown> = nested(
  fc.oneof(
    fc.constant(null),
    fc.boolean(),
    integer,
    float,
    unsafe({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
    wellFormed,
    bytes,
    instant,
    timestamp,
    ext,
  ),
  (value) => [
    fc.array(value, { maxLength: 20 }),
    objects(plainKey, value),
    fc
      .array(fc.tuple(fc.oneof(plainKey, integer, bytes, fc.boolean()), value), { maxLength: 20 })
      .map((pairs) => new Map<unknown, unknown>([[null, 0], ...pairs])),
  ],
)

/** What JSON brings back as it was. */
export const jsonValue: fc.Arbitrary<unknown> = nested(
  fc.oneof(fc.constant(null), fc.boolean(), integer, finite, unsafe({}), wellFormed),
  (value) => [fc.array(value, { maxLength: 5 }), objects(plainKey, value)],
)

const wholeSeconds = fc
  .integer({ min: Date.UTC(1969, 0) / 1000, max: 253402300799 })
  .map((seconds) => new Date(seconds * 1000))

/** What Flask's tagged JSON brings back as it was. */
export const taggedValue: fc.Arbitrary<unknown> = nested(
  fc.oneof(
    fc.constant(null),
    fc.boolean(),
    integer,
    float,
    unsafe({}),
    anyText,
    bytes,
    wholeSeconds,
    anyText.map((html) => new Markup(html)),
    fc.uuid().map((text) => new Uuid(text)),
  ),
  (value) => [
    fc.array(value, { maxLength: 5 }),
    fc.array(value, { maxLength: 5 }).map((items) => tuple(...items)),
    objects(fc.oneof(anyText, traps, tagLike), value),
    fc.tuple(tagLike, value).map((pair) => objectOf([pair])),
  ],
)

/** Session keys. */
export const sessionKey: fc.Arbitrary<string> = fc.oneof(plainKey, tagLike)
