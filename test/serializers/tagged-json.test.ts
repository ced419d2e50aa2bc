import * as fc from 'fast-check'
import { isTuple, tuple } from 'vial'
import { Markup, Uuid } from 'vial/serializers/python-values'
import { taggedJson } from 'vial/serializers/tagged-json'
import { describe, expect, it } from 'vitest'
import { compareCodePoints } from '../../src/serializers/tagged-json/values.ts'
import { anyText } from './arbitraries.ts'

const utf8 = (text: string) => new TextEncoder().encode(text)
const split = (text: string) => {
  const entries = taggedJson.split(utf8(text))
  return entries && [...entries]
}
const join = (pairs: [string, string][]) => Buffer.from(taggedJson.join(new Map(pairs))).toString()
const uuid = '12345678-1234-5678-1234-567812345678'

describe('the text', () => {
  it.each<[unknown, string]>([
    [1e16, '1e+16'],
    [1e-5, '1e-05'],
    [0.0001, '0.0001'],
    [1.5e-7, '1.5e-07'],
    [2 ** 53, '9007199254740992.0'],
    [-0, '-0.0'],
    [Number.NaN, 'NaN'],
    [Number.POSITIVE_INFINITY, 'Infinity'],
    [Number.NEGATIVE_INFINITY, '-Infinity'],
    [2n ** 70n, '1180591620717411303424'],
    [
      'é\u007f😀\ud800/<>&\'"\\\n\u0001',
      '"\\u00e9\\u007f\\ud83d\\ude00\\ud800/<>&\'\\"\\\\\\n\\u0001"',
    ],
    [tuple(1, tuple()), '{" t":[1,{" t":[]}]}'],
    [new Uint8Array([0, 1, 254, 255]), '{" b":"AAH+/w=="}'],
    [new Markup('<b>é'), '{" m":"<b>\\u00e9"}'],
    [new Uuid(uuid), '{" u":"12345678123456781234567812345678"}'],
    [new Date('2024-02-29T12:34:56Z'), '{" d":"Thu, 29 Feb 2024 12:34:56 GMT"}'],
    [{ ' t': 1 }, '{" di":{" t__":1}}'],
    [{ ' di': { ' di__': 1 } }, '{" di":{" di__":{" di__":1}}}'],
    [{ ' t__': 1 }, '{" t__":1}'],
    [{ ' t': 1, a: 2 }, '{" t":1,"a":2}'],
    [{ b: { d: 1, c: 2 }, a: 3, B: 4 }, '{"B":4,"a":3,"b":{"c":2,"d":1}}'],
    [{ '\u{10000}': 1, '\uffff': 2, '\ud83d': 3 }, '{"\\ud83d":3,"\\uffff":2,"\\ud800\\udc00":1}'],
  ])('of %o', (value, expected) => {
    expect(taggedJson.encode(value)).toBe(expected)
    expect(taggedJson.decode(expected)).toStrictEqual(value)
  })

  it('loses what is finer than a second, also before 1970', () => {
    expect(taggedJson.encode(new Date(999))).toBe('{" d":"Thu, 01 Jan 1970 00:00:00 GMT"}')
    expect(taggedJson.encode(new Date(-1))).toBe('{" d":"Wed, 31 Dec 1969 23:59:59 GMT"}')
  })

  it('a property that is undefined does not count when a tag is to be hidden', () => {
    expect(taggedJson.encode({ ' t': 1, a: undefined })).toBe('{" di":{" t__":1}}')
  })

  it('keys are sorted by code point', async () => {
    const points = (text: string) => Array.from(text, (character) => character.codePointAt(0) ?? 0)
    const test = (a: string, b: string) => {
      const [x, y] = [points(a), points(b)]
      const at = x.findIndex((point, i) => point !== y[i])
      const expected = at === -1 ? x.length - y.length : (x[at] ?? 0) - (y[at] ?? -1)
      expect(Math.sign(compareCodePoints(a, b))).toBe(Math.sign(expected))
    }
    const close = fc.string({ unit: fc.constantFrom('a', '\ud83d', '\ude00', '\ue000', '\uffff') })
    await fc.assert(fc.property(fc.oneof(anyText, close), fc.oneof(anyText, close), test), {
      numRuns: 3000,
    })
  })
})

describe('the frame of a record', () => {
  it('hides a tag that is the only key, and only then', () => {
    expect(join([[' t', '[1]']])).toBe('{" di":{" t__":[1]}}')
    expect(
      join([
        ['a', '1'],
        [' t', '[1]'],
      ]),
    ).toBe('{" t":[1],"a":1}')
    expect(join([[' zz', '1']])).toBe('{" zz":1}')
    expect(join([])).toBe('{}')
  })

  it.each<[string, [string, string][] | undefined]>([
    ['{" di":{" t__":[1]}}', [[' t', '[1]']]],
    [' { " di" : { " t__" : [1] } } ', [[' t', '[1]']]],
    ['{" di":{"ab":1}}', [['', '1']]],
    ['{" di":{"a😀b":1,"x":2}}', [['a', '1']]],
    ['{" di":{}}', undefined],
    ['{" di":[]}', undefined],
    ['{" di":{" t":[1]}}', undefined],
    ['{" di":{" di":{" t__":1}}}', undefined],
    [
      '{" di":1,"a":2}',
      [
        [' di', '1'],
        ['a', '2'],
      ],
    ],
    ['{" di":{"ab":1}," di":{" t__":2}}', [[' t', '2']]],
    ['null', []],
    [' null ', []],
    ['nullx', undefined],
    ['[]', []],
    [
      '[["a",1],["b",[2]],["a",3]]',
      [
        ['a', '3'],
        ['b', '[2]'],
      ],
    ],
    ['[ [ "a" , 1 ] ]', [['a', '1']]],
    ['[{" t":["a",1]}]', [['a', '1']]],
    ['{" t":[["a",1]]}', [['a', '1']]],
    ['[{" t":["a",1],"b":2}]', undefined],
    ['{" t":[]}', []],
    ['{" t":[1]}', undefined],
    ['{" t":1}', undefined],
    ['[["a"]]', undefined],
    ['[["a",1,2]]', undefined],
    ['[[1,2]]', undefined],
    ['["ab"]', undefined],
    ['[["a",1],]', undefined],
    ['{" b":"AA=="}', undefined],
    ['{" b":""}', []],
    ['{" b":"A"}', undefined],
    ['{" m":""}', []],
    ['{" m":"x"}', undefined],
    ['{" m":1}', undefined],
    [`{" u":"${uuid}"}`, undefined],
    ['{" d":"Thu, 29 Feb 2024 12:34:56 GMT"}', undefined],
    ['{" d":"never"}', []],
    ['{"a":1', undefined],
    ['1', undefined],
    ['"a"', undefined],
    ['NaN', undefined],
  ])('%s', (record, entries) => expect(split(record)).toEqual(entries))

  it('reads raw UTF-8 and lone escapes, and writes untouched values as they were', () => {
    const entries = taggedJson.split(utf8('{"é":"ü","\\ud800":1}')) ?? new Map()
    expect([...entries.keys()]).toEqual(['é', '\ud800'])
    expect(Buffer.from(taggedJson.join(entries)).toString()).toBe('{"\\u00e9":"ü","\\ud800":1}')
  })
})

describe('values', () => {
  it.each<[string, unknown]>([
    ['1.0', 1],
    ['1e400', Number.POSITIVE_INFINITY],
    ['[NaN,-Infinity]', [Number.NaN, Number.NEGATIVE_INFINITY]],
    ['{" t":"a😀"}', tuple('a', '😀')],
    ['{" t":{"a":1,"b":2}}', tuple('a', 'b')],
    ['{" zz":1}', { ' zz': 1 }],
    ['{" t":[1],"a":2}', { ' t': [1], a: 2 }],
    ['{" di":{"ab":{" t":[]}}}', { '': tuple() }],
    ['{" b":"AA\\nH+ /w==ignored"}', new Uint8Array([0, 1, 254, 255])],
    ['{" b":"AA=AA"}', new Uint8Array([0, 0, 0])],
    [`{" u":"{${uuid.toUpperCase()}}"}`, new Uuid(uuid)],
    [`{" u":"urn:uuid:${uuid}"}`, new Uuid(uuid)],
    ['{" d":"2024-01-02T03:04:05Z"}', null],
    ['{" d":null}', null],
    ['{" d":5}', null],
    ['{" d":"Thu, 29 Feb 2024 19:32:03 +0530"}', new Date('2024-02-29T14:02:03Z')],
  ])('%s', (entry, value) => {
    expect(taggedJson.decode(entry)).toStrictEqual(value)
    const first = Array.isArray(value) && isTuple(value)
    expect(isTuple(taggedJson.decode(entry))).toBe(first)
  })

  it.each([
    '{" u":"zz"}',
    '{" u":1}',
    '{" b":"a"}',
    '{" b":"AAA"}',
    '{" b":"é==="}',
    '{" b":["AA=="]}',
    '{" m":null}',
    '{" t":1}',
    '{" t":null}',
    '{" di":{}}',
    '{" di":"ab"}',
    '{" di":{" t":["ab"]}}',
  ])('%s is damaged', (entry) => {
    expect(() => taggedJson.decode(entry)).toThrow(/damaged/)
  })

  it('a tuple of a million items does not overflow the stack', () => {
    const value = taggedJson.decode(`{" t":[${'1,'.repeat(999_999)}1]}`)
    expect(isTuple(value)).toBe(true)
    expect(Object.isFrozen(value)).toBe(true)
    expect((value as unknown[]).length).toBe(1_000_000)
  })

  it('tuples, escaped dictionaries and what is in them nest as deep as lists', () => {
    let value: unknown = new Markup('x')
    for (let i = 0; i < 128; i++) value = i % 2 === 0 ? tuple(value) : { ' t': value }
    expect(taggedJson.encode(taggedJson.decode(taggedJson.encode(value)))).toBe(
      taggedJson.encode(value),
    )
    expect(() => taggedJson.encode([value])).toThrow(/nests/)
    expect(() => taggedJson.decode(`[${taggedJson.encode(value)}]`)).toThrow(/nests/)
  })
})

describe('Markup and Uuid', () => {
  it('a Uuid is lower case, however it was written', () => {
    expect(String(new Uuid('{ABCDEF00-1234-5678-1234-56781234ABCD}'))).toBe(
      'abcdef00-1234-5678-1234-56781234abcd',
    )
  })

  it('are their text', () => {
    expect(`${new Markup('<b>')} ${new Uuid(uuid.replaceAll('-', ''))}`).toBe(`<b> ${uuid}`)
    expect(JSON.stringify([new Markup('<b>'), new Uuid(uuid)])).toBe(`["<b>","${uuid}"]`)
  })

  it.each(['', 'x', `${uuid}0`, `-{${uuid}}`, 'g'.repeat(32), null, 5])('%s is no UUID', (text) => {
    expect(() => new Uuid(text as string)).toThrow(/32 hexadecimal digits/)
  })

  it('Markup is text', () => {
    expect(() => new Markup(5 as unknown as string)).toThrow(/takes a string/)
  })
})
