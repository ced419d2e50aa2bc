import type { Serializer } from 'vial'
import { SerializationError, tuple } from 'vial'
import { json } from 'vial/serializers/json'
import { Ext, msgpack, Timestamp } from 'vial/serializers/msgpack'
import { Markup, Uuid } from 'vial/serializers/python-values'
import { taggedJson } from 'vial/serializers/tagged-json'
import { describe, expect, it } from 'vitest'

class Price {
  readonly cents = 4711
}

const all: Serializer[] = [msgpack as Serializer, json as Serializer, taggedJson as Serializer]
const self: unknown[] = []
self.push({ self })
const date = new Date(0)

function messageOf(serializer: Serializer, value: unknown): string {
  try {
    serializer.encode(value)
  } catch (error) {
    expect(error).toBeInstanceOf(SerializationError)
    return (error as Error).message
  }
  throw new Error('it was not refused')
}

describe.each(all)('$name refuses what would not come back as it was', (serializer) => {
  it.each<[string, unknown, RegExp]>([
    [
      'undefined',
      undefined,
      /^The value is undefined, which .* cannot hold: store null, or delete/,
    ],
    ['a function', () => 0, /is a function/],
    ['a symbol', Symbol('x'), /is a symbol/],
    ['a Set', new Set([1]), /is a Set, .*: store an array/],
    ['a WeakMap', new WeakMap(), /an instance of WeakMap/],
    ['an instance', new Price(), /is an instance of Price, .*: store a plain object/],
    ['a boxed number', new Number(1), /an instance of Number/],
    ['a promise', Promise.resolve(1), /an instance of Promise/],
    ['an error', new Error('x'), /an instance of Error/],
    ['a regular expression', /x/, /an instance of RegExp/],
    ['other typed arrays', new Uint16Array(1), /Uint8Array/],
    ['an ArrayBuffer', new ArrayBuffer(1), /Uint8Array/],
    ['an empty Map', new Map(), /Map.*plain object/],
    ['a Map that could be an object', new Map([['a', 1]]), /Map.*plain object/],
    ['a value that holds itself', self, /128 levels or holds itself/],
    ['an impostor', Object.create(Date.prototype), /could not be read|is a Date/],
    ['a revoked proxy', revoked(), /could not be read/],
    ['a proxied date', new Proxy(date, {}), /could not be read|is a Date/],
    ['a bigint of 5000 digits', 10n ** 5000n, /bigint/],
  ])('%s', (_, value, message) => {
    expect(messageOf(serializer, value)).toMatch(message)
    expect(messageOf(serializer, { a: [value === undefined ? () => 0 : value] })).toMatch(
      /at a\[0\]/,
    )
  })

  it('says where, and never what', () => {
    const cart = { items: [1, 2, { price: new Price(), 'odd key': new Set(['s3cret']) }] }
    expect(messageOf(serializer, cart)).toMatch(
      /^The value at items\[2\]\.price is an instance of Price/,
    )
    const [, , odd] = cart.items as [unknown, unknown, { 'odd key': Set<string> }]
    const message = messageOf(serializer, [{ 'odd key': odd['odd key'] }])
    expect(message).toMatch(/^The value at \[0\]\["odd key"\] is a Set/)
    expect(message).not.toContain('s3cret')
  })

  it('shortens long ways', () => {
    const long = 'k'.repeat(1000)
    expect(messageOf(serializer, { [long]: new Set() }).length).toBeLessThan(200)
    expect(messageOf(serializer, self).length).toBeLessThan(200)
  })

  it('wraps what a getter throws', () => {
    const cause = new Error('not loaded')
    const value = {
      a: {
        get b(): never {
          throw cause
        },
      },
    }
    expect(messageOf(serializer, value)).toMatch(/^The value at a\.b could not be read/)
    expect(() => serializer.encode(value)).toThrow(expect.objectContaining({ cause }))
  })

  it('drops undefined properties, and puts null for undefined in a list', () => {
    const value = { a: undefined, b: [undefined, 1], c: Object.assign(Array(2), { 1: 2 }) }
    expect(serializer.decode(serializer.encode(value))).toEqual({ b: [null, 1], c: [null, 2] })
  })

  it('takes objects without a prototype and the data of getters', () => {
    const value = Object.assign(Object.create(null) as object, { a: 1 })
    expect(serializer.decode(serializer.encode(value))).toEqual({ a: 1 })
    expect(
      serializer.decode(
        serializer.encode({
          get a() {
            return 1
          },
        }),
      ),
    ).toEqual({ a: 1 })
  })

  it('takes a proxy of plain data', () => {
    const value = new Proxy({ list: new Proxy([1], {}) }, {})
    expect(serializer.decode(serializer.encode(value))).toEqual({ list: [1] })
  })
})

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

const lone = '\ud800'

describe('each format refuses what it has no type for', () => {
  it.each<[Serializer, string, unknown, RegExp]>([
    [msgpack as Serializer, 'an integer beyond 64 bits', 2n ** 64n, /bigint .*: store a string/],
    [msgpack as Serializer, 'one below', -(2n ** 63n) - 1n, /bigint/],
    [msgpack as Serializer, 'half of a surrogate pair', lone, /surrogate pair: store well-formed/],
    [msgpack as Serializer, 'such a key', { [lone]: 1 }, /surrogate/],
    [msgpack as Serializer, 'an invalid date', new Date(Number.NaN), /invalid Date/],
    [msgpack as Serializer, 'Markup', new Markup('x'), /an instance of Markup.*or its text/],
    [msgpack as Serializer, 'Uuid', new Uuid('0'.repeat(32)), /an instance of Uuid.*or its text/],
    [msgpack as Serializer, 'a wrong Ext', new Ext(128, new Uint8Array()), /Ext.*-128 to 127/],
    [msgpack as Serializer, 'a forged Ext', Object.create(Ext.prototype), /Ext/],
    [json as Serializer, 'a date', date, /Date.*toISOString/],
    [json as Serializer, 'bytes', new Uint8Array(1), /Uint8Array.*base64/],
    [json as Serializer, 'NaN', Number.NaN, /is NaN/],
    [json as Serializer, 'Infinity', Number.NEGATIVE_INFINITY, /is -Infinity/],
    [json as Serializer, 'half of a surrogate pair', lone, /surrogate/],
    [json as Serializer, 'such a key', { [lone]: 1 }, /surrogate/],
    [json as Serializer, 'a Map of numbers', new Map([[1, 1]]), /Map/],
    [json as Serializer, 'an Ext', new Ext(1, new Uint8Array()), /Ext/],
    [json as Serializer, 'Markup', new Markup('x'), /an instance of Markup.*or its text/],
    [json as Serializer, 'Uuid', new Uuid('0'.repeat(32)), /an instance of Uuid.*or its text/],
    [taggedJson as Serializer, 'an invalid date', new Date(Number.NaN), /invalid Date/],
    [taggedJson as Serializer, 'the year 0', new Date('0000-12-31'), /years 1 to 9999/],
    [taggedJson as Serializer, 'the year 10000', new Date('+010000-01-01'), /years 1 to 9999/],
    [taggedJson as Serializer, 'a Map of numbers', new Map([[1, 1]]), /Map/],
    [taggedJson as Serializer, 'an Ext', new Ext(1, new Uint8Array()), /Ext/],
  ])('$name: %s', (serializer, _, value, message) => {
    expect(messageOf(serializer, value)).toMatch(message)
  })

  it('join refuses session keys that the format cannot hold', () => {
    for (const serializer of [msgpack, json] as Serializer[]) {
      const entries = new Map([[lone, serializer.encode(1)]])
      expect(() => serializer.join(entries)).toThrow(expect.objectContaining({ key: lone }))
    }
    for (const serializer of [json, taggedJson]) {
      expect(() => serializer.join(new Map([[Symbol('x'), '1']]))).toThrow(SerializationError)
    }
  })
})

describe('what is encoded shares nothing with the value', () => {
  it('bytes are copied in and out', () => {
    const source = Buffer.from([1, 2, 3])
    for (const value of [source, new Ext(5, source)]) {
      const entry = msgpack.encode(value)
      source[0] = 9
      const back = msgpack.decode(entry)
      expect(back).toEqual(
        value instanceof Ext ? new Ext(5, new Uint8Array([1, 2, 3])) : new Uint8Array([1, 2, 3]),
      )
      const data = back instanceof Ext ? back.data : (back as Uint8Array)
      expect(data.constructor).toBe(Uint8Array)
      data[0] = 7
      expect(msgpack.decode(entry)).not.toEqual(back)
      source[0] = 1
    }
    expect(taggedJson.decode(taggedJson.encode(source))).toEqual(new Uint8Array([1, 2, 3]))
  })

  it('tuples are lists where the format has none', () => {
    expect(msgpack.decode(msgpack.encode(tuple(1, 2)))).toEqual([1, 2])
    expect(json.encode(tuple(1, 2))).toBe('[1,2]')
  })

  it('a Timestamp keeps nanoseconds unless its milliseconds were set', () => {
    const stamp = new Timestamp(1_700_000_000, 123_456_789)
    stamp.setTime(stamp.getTime() + 60_000)
    expect(msgpack.decode(msgpack.encode(stamp))).toEqual(new Timestamp(1_700_000_060, 123_456_789))
    stamp.setUTCMilliseconds(5)
    expect(msgpack.decode(msgpack.encode(stamp))).toEqual(new Date(stamp.getTime()))
    expect(msgpack.decode(msgpack.encode(stamp))).not.toBeInstanceOf(Timestamp)
  })
})
