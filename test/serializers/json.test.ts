import * as fc from 'fast-check'
import { json } from 'vial/serializers/json'
import { describe, expect, it } from 'vitest'
import { jsonValue } from './arbitraries.ts'

const utf8 = (text: string) => new TextEncoder().encode(text)
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString()

describe('the text', () => {
  it.each<[unknown, string]>([
    [1, '1'],
    [-0, '-0.0'],
    [1e16, '1e16'],
    [2 ** 53, '9007199254740992.0'],
    [1e-5, '0.00001'],
    [1e-6, '1e-6'],
    [1.5e-7, '1.5e-7'],
    [1.5e300, '1.5e300'],
    [1.7976931348623157e308, '1.7976931348623157e308'],
    [123456789.125, '123456789.125'],
    [2n ** 64n, '18446744073709551616'],
    ['é\u2028\u007f😀/<', '"é\u2028\u007f😀/<"'],
    ['"\\\b\f\n\r\t\u0001\u001f', '"\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f"'],
    [{ b: 1, a: [true, null] }, '{"b":1,"a":[true,null]}'],
  ])('of %o', (value, expected) => {
    expect(json.encode(value)).toBe(expected)
    expect(json.decode(expected)).toEqual(value)
  })

  it('is cut with white space around its tokens, and joined without', () => {
    const entries = json.split(utf8(' {\n"a" :\t[1, {"b": 2}] ,"c":"}" }\r\n'))
    expect([...(entries ?? [])]).toEqual([
      ['a', '[1, {"b": 2}]'],
      ['c', '"}"'],
    ])
    expect(text(json.join(entries ?? new Map()))).toBe('{"a":[1, {"b": 2}],"c":"}"}')
  })

  it('keeps the first place and the last value of a key, however it is spelt', () => {
    const entries = json.split(utf8('{"a":1,"b":2,"\\u0061":3}'))
    expect([...(entries ?? [])]).toEqual([
      ['a', '3'],
      ['b', '2'],
    ])
  })

  it('with a key that msgspec does not read is no record', () => {
    expect(json.split(utf8('{"\\ud800":1}'))).toBeUndefined()
  })
})

describe('values', () => {
  it.each<[string, unknown]>([
    ['1.0', 1],
    ['-0', 0],
    ['-0.0', -0],
    ['1e3', 1000],
    ['9007199254740991', 2 ** 53 - 1],
    ['9007199254740993', 2n ** 53n + 1n],
    ['-9223372036854775809', -(2n ** 63n) - 1n],
    ['[1,{"a":9007199254740993},0.1]', [1, { a: 9007199254740993n }, 0.1]],
    ['{"a":1,"b":2,"a":3}', { a: 3, b: 2 }],
    ['{"a":1,"b":12345678901234567890,"a":3}', { a: 3, b: 12345678901234567890n }],
    [' [ 1 , 2 ] ', [1, 2]],
    ['"\\ud83d\\ude00"', '😀'],
    ['0.3333333333333333', 1 / 3],
  ])('%s', (entry, value) => {
    expect(json.decode(entry)).toEqual(value)
    expect(Object.is(json.decode(entry), -0)).toBe(Object.is(value, -0))
  })

  it.each(['1e400', '-1e400', 'NaN', 'Infinity', '-Infinity', '"\\ud800"', '"\\udc00\\ud800"'])(
    '%s is refused, as msgspec does',
    (entry) => expect(() => json.decode(entry)).toThrow(/damaged/),
  )

  it('reads the same, whether JSON.parse can be used or not', async () => {
    const test = (value: unknown) => {
      const entry = json.encode(value)
      const [, slowly] = json.decode(`[12345678901234567890,${entry}]`) as [bigint, unknown]
      expect(slowly).toEqual(json.decode(entry))
    }
    await fc.assert(fc.property(jsonValue, test))
  })

  it('reads any JSON as JSON.parse does', async () => {
    const test = (entry: string) => {
      expect(json.decode(entry)).toEqual(JSON.parse(entry))
    }
    await fc.assert(
      fc.property(
        fc.json({ maxDepth: 5 }).filter((entry) => !/-0\b|\d{16}|e/.test(entry)),
        test,
      ),
    )
  })
})
