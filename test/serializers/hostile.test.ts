import type { Serializer } from 'vial'
import { SerializationError } from 'vial'
import { json } from 'vial/serializers/json'
import { msgpack } from 'vial/serializers/msgpack'
import { taggedJson } from 'vial/serializers/tagged-json'
import { describe, expect, it } from 'vitest'
import type { Slice } from '../../src/serializers/msgpack/read.ts'
import { bytesOf, sliceOf } from './hex.ts'

const MILLION = 1_000_000
const utf8 = (text: string) => new TextEncoder().encode(text)

describe('MessagePack', () => {
  it.each([
    ['a map of 2^32-1', 'dfffffffff'],
    ['a map of 2^32-1 with one key', 'dfffffffffa16101'],
    ['a list of 2^32-1', '81a161ddffffffff'],
    ['a list of 2^32-1 in a list', '81a16191ddffffffff'],
    ['a string of 2^32-1', '81a161dbffffffff61'],
    ['bytes of 2^32-1', '81a161c6ffffffff61'],
    ['an extension of 2^32-1', '81a161c9ffffffff0561'],
    ['a key of 2^32-1', '81dbffffffff61'],
    ['a length that is cut off', '81a161db00'],
    ['a head that is never used', '81a161c1'],
    ['a list at the top', '9101'],
    ['a map that goes on', '80c0'],
    ['a map without its last value', '82a16101a162'],
    ['nothing', ''],
  ])('%s is no record', (_, hex) => {
    expect(msgpack.split(bytesOf(hex))).toBeUndefined()
    if (hex.length > 8)
      expect(() => msgpack.decode(sliceOf(hex.slice(6)))).toThrow(SerializationError)
  })

  it('a million nested lists are framed without recursion and refused by decode', () => {
    const bytes = new Uint8Array(MILLION + 4).fill(0x91)
    bytes.set([0x81, 0xa1, 0x61])
    bytes[MILLION + 3] = 0xc0
    const entries = msgpack.split(bytes)
    expect(entries?.get('a')?.length).toBe(MILLION + 1)
    expect(() => msgpack.decode(entries?.get('a') as Slice)).toThrow(/128 levels/)
    expect(msgpack.join(entries ?? new Map())).toEqual(bytes)
  })

  it('128 levels are decoded, and one more is not', () => {
    expect(msgpack.decode(sliceOf(new Uint8Array(129).fill(0x91).fill(0xc0, 128)))).toBeInstanceOf(
      Array,
    )
    expect(() => msgpack.decode(sliceOf(new Uint8Array(130).fill(0x91).fill(0xc0, 129)))).toThrow(
      /nests/,
    )
    expect(() => msgpack.decode(sliceOf(`${'81a161'.repeat(129)}c0`))).toThrow(/nests/)
  })

  it('maps inside maps whose last key is no string cost linear time', () => {
    const levels = 127
    const hex = `${'82a161'.repeat(levels)}c0${'01c0'.repeat(levels)}`
    expect(msgpack.decode(sliceOf(hex))).toBeInstanceOf(Map)
  })

  it.each(['a2ff61', '91a1ff', '81a1ff01', 'd9', '0102', 'c1', '', 'a361', '92a161'])(
    'a damaged value %s is refused by decode',
    (hex) => {
      expect(() => msgpack.decode(sliceOf(hex))).toThrow(SerializationError)
    },
  )
})

describe.each([json, taggedJson])('$name', (serializer) => {
  it('a million nested lists are framed without recursion and refused by decode', () => {
    const text = `{"a":${'['.repeat(MILLION)}${']'.repeat(MILLION)}}`
    const entries = serializer.split(utf8(text))
    expect(entries?.get('a')?.length).toBe(2 * MILLION)
    expect(() => serializer.decode(entries?.get('a') ?? '')).toThrow(SerializationError)
    expect(serializer.split(utf8(`{"a":${'['.repeat(MILLION)}`))).toBeUndefined()
  })

  it.each([
    ['nothing', ''],
    ['a byte order mark', '\ufeff{}'],
    ['an object that goes on', '{}{}'],
    ['a missing value', '{"a":}'],
    ['a missing colon', '{"a" 1}'],
    ['a comma too many', '{"a":1,}'],
    ['no comma', '{"a":1"b":2}'],
    ['a key without quotes', '{a:1}'],
    ['a wrong escape in a key', '{"\\x":1}'],
    ['a raw control character in a key', '{"\n":1}'],
    ['a string that does not end', '{"a":"b}'],
    ['brackets that do not end', '{"a":[1}'.slice(0, -1)],
    ['a number', '1'],
    ['a list of numbers', '[1]'],
    ['an object that does not end', '{"a":1'],
    ['two strings', '{"a":"b""c"}'],
  ])('%s is no record', (_, text) => {
    expect(serializer.split(utf8(text))).toBeUndefined()
  })

  it('bytes that are not UTF-8 are no record', () => {
    expect(
      serializer.split(new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])),
    ).toBeUndefined()
  })

  it.each([
    '',
    '[1,]',
    '[1 2]',
    '{"a"}',
    '{"a":1,}',
    '{1:2}',
    '[}',
    '01',
    '1.',
    '.5',
    '+1',
    '-',
    'nul',
    'truefalse',
    'nan',
    '1 2',
    '"\\x"',
    '"\\u12"',
    '"a\nb"',
    "'a'",
    '[1e5',
    `${'9'.repeat(4301)}`,
  ])('a damaged value %j is refused by decode', (text) => {
    expect(() => serializer.decode(text)).toThrow(SerializationError)
    expect(() => serializer.decode(`[12345678901234567890,${text}]`)).toThrow(SerializationError)
  })

  it('the deepest value that can be written can be read', () => {
    const nest = (levels: number) => {
      let value: unknown = []
      for (let i = 1; i < levels; i++) value = i % 2 === 0 ? [value] : { a: value }
      return value
    }
    expect(serializer.decode(serializer.encode(nest(128)))).toEqual(nest(128))
    expect(() => serializer.encode(nest(129))).toThrow(/128 levels/)
    const tooDeep = `${'['.repeat(129)}${']'.repeat(129)}`
    expect(serializer.decode(tooDeep.slice(1, -1))).toBeInstanceOf(Array)
    expect(() => serializer.decode(tooDeep)).toThrow(/nests/)
  })
})

describe.each<Serializer>([msgpack as Serializer, json as Serializer, taggedJson as Serializer])(
  '$name',
  (serializer) => {
    it('a proxy that lies about its length is refused', () => {
      for (const length of [2 ** 40, -1, 0.5, Number.NaN, '3']) {
        const liar = new Proxy([], { get: () => length })
        expect(() => serializer.encode(liar)).toThrow(SerializationError)
      }
    })
  },
)
