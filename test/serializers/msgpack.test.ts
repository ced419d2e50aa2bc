import { Ext, msgpack, Timestamp } from 'vial/serializers/msgpack'
import { describe, expect, it } from 'vitest'
import type { Slice } from '../../src/serializers/msgpack/read.ts'
import { bytesOf, hex, sliceOf } from './hex.ts'

describe('split', () => {
  it('gives slices of the record, in its order', () => {
    const record = bytesOf('83a13101a162920102a161c0')
    const entries = msgpack.split(record)
    expect([...(entries ?? [])].map(([key, entry]) => [key, hex(entry)])).toEqual([
      ['1', '01'],
      ['b', '920102'],
      ['a', 'c0'],
    ])
    for (const entry of entries?.values() ?? []) expect(entry.bytes.buffer).toBe(record.buffer)
  })

  it('takes a Buffer as it takes a Uint8Array', () => {
    const pool = Buffer.from('ff81a161c402010200', 'hex')
    const entry = msgpack.split(pool.subarray(1, 8))?.get('a') as Slice
    expect(entry.view().constructor).toBe(Uint8Array)
    expect(msgpack.decode(entry)).toEqual(new Uint8Array([1, 2]))
  })

  it('carries a key that is not a string, or not UTF-8, with its value', () => {
    const record = '8501c2a161c0a1ffc3c40161019201020a'
    const entries = msgpack.split(bytesOf(record))
    expect([...(entries?.keys() ?? [])].map((key) => typeof key)).toEqual([
      'symbol',
      'string',
      'symbol',
      'symbol',
      'symbol',
    ])
    expect(hex(msgpack.join(entries ?? new Map()))).toBe(record)
    entries?.delete('a')
    expect(hex(msgpack.join(entries ?? new Map()))).toBe('8401c2a1ffc3c40161019201020a')
  })

  it('a key that occurs twice keeps its first place and its last value', () => {
    const entries = msgpack.split(bytesOf('83a16101a16202a16103'))
    expect([...(entries ?? [])].map(([key, entry]) => [key, hex(entry)])).toEqual([
      ['a', '03'],
      ['b', '02'],
    ])
  })

  it('keeps a byte order mark in a key', () => {
    expect([...(msgpack.split(bytesOf('81a4efbbbf6101'))?.keys() ?? [])]).toEqual(['\ufeffa'])
  })

  it('takes longer heads than needed, and join writes the shortest', () => {
    const entries = msgpack.split(bytesOf('df00000001db0000000161cd0001'))
    expect(hex(msgpack.join(entries ?? new Map()))).toBe('81a161cd0001')
  })

  it.each([15, 16, 65_535, 65_536])('reads and writes %i keys', (count) => {
    const entries = new Map(Array.from({ length: count }, (_, i) => [`k${i}`, sliceOf('c0')]))
    const record = msgpack.join(entries)
    expect(record[0]).toBe(count < 16 ? 0x8f : count < 65_536 ? 0xde : 0xdf)
    const back = msgpack.split(record) ?? new Map()
    expect([...back.keys()]).toEqual([...entries.keys()])
    expect(new Set([...back.values()].map(hex))).toEqual(new Set(['c0']))
  })
})

describe('values', () => {
  it.each([31, 32, 255, 256, 65_535, 65_536])('a string and bytes of %i', (length) => {
    const text = 'x'.repeat(length)
    const bytes = new Uint8Array(length).fill(7)
    const list = Array.from({ length }, () => 1)
    for (const value of [text, bytes, list]) {
      expect(msgpack.decode(msgpack.encode(value))).toEqual(value)
    }
    expect(msgpack.encode(text).length).toBe(
      length + (length < 32 ? 1 : length < 256 ? 2 : length < 65_536 ? 3 : 5),
    )
    expect(msgpack.encode(bytes).length).toBe(length + (length < 256 ? 2 : length < 65_536 ? 3 : 5))
    expect(msgpack.encode(list).length).toBe(length + (length < 65_536 ? 3 : 5))
  })

  it.each([
    ['a whole float comes as a number', 'cb3ff0000000000000', 1],
    ['a float of 4 bytes', 'ca3fc00000', 1.5],
    ['an integer in a longer form', 'd30000000000000005', 5],
    ['2^53 is a bigint', 'cf0020000000000000', 2n ** 53n],
    ['below it a number', 'cf001fffffffffffff', 2 ** 53 - 1],
    ['the lowest number', 'd3ffe0000000000001', -(2 ** 53) + 1],
    ['below it a bigint', 'd3ffe0000000000000', -(2n ** 53n)],
    ['integer-like keys stay properties', '82a13201a13102', { 2: 1, 1: 2 }],
    [
      'a Map keeps order and duplicates',
      '83a13202a1310101a178',
      new Map<unknown, unknown>([
        ['2', 2],
        ['1', 1],
        [1, 'x'],
      ]),
    ],
    ['the last of two equal keys', '82a16101a16102', { a: 2 }],
    [
      'in a Map, too',
      '83a16101a1610201c0',
      new Map<unknown, unknown>([
        ['a', 2],
        [1, null],
      ]),
    ],
    ['a timestamp of an odd size', 'd5ff0102', new Ext(-1, bytesOf('0102'))],
    [
      'one with too many nanoseconds',
      'd7fffffffffc00000000',
      new Ext(-1, bytesOf('fffffffc00000000')),
    ],
    [
      'the last Date',
      'c70cff00000000000007dbbbcbe000'.replace('07dbbbcbe000', '07dba8218000'),
      new Date(8.64e15),
    ],
  ])('%s', (_, encoded, value) => {
    expect(msgpack.decode(sliceOf(encoded))).toEqual(value)
  })

  it('one second after the last Date is an Ext that goes back as it was', () => {
    const encoded = 'c70cff00000000000007dba8218001'
    const value = msgpack.decode(sliceOf(encoded))
    expect(value).toBeInstanceOf(Ext)
    expect(hex(msgpack.encode(value))).toBe(encoded)
  })

  it.each([
    [new Date(0), 'd6ff00000000'],
    [new Date(1), 'd7ff003d090000000000'],
    [new Date(-1), 'c70cff3b8b87c0ffffffffffffffff'],
    [new Date(2 ** 32 * 1000), 'd7ff0000000100000000'],
    [new Date(2 ** 34 * 1000 - 1), 'd7ffee2e1f03ffffffff'],
    [new Date(2 ** 34 * 1000), 'c70cff000000000000000400000000'],
    [new Timestamp(1, 1), 'd7ff0000000400000001'],
    [new Timestamp(-1, 999_999_999), 'c70cff3b9ac9ffffffffffffffffff'],
  ])('writes the smallest timestamp for %o', (value, encoded) => {
    expect(hex(msgpack.encode(value))).toBe(encoded)
    expect(msgpack.decode(sliceOf(encoded))).toStrictEqual(value)
  })

  it('a bigint that fits is written as the number would be', () => {
    for (const value of [0, 127, 128, -32, -33, 2 ** 31, -(2 ** 31), Number.MAX_SAFE_INTEGER]) {
      expect(hex(msgpack.encode(BigInt(value)))).toBe(hex(msgpack.encode(value)))
    }
  })

  it('a Map drops pairs without a value, and is refused when only strings are left', () => {
    const map = new Map<unknown, unknown>([
      [1, undefined],
      [2, 'x'],
    ])
    expect(msgpack.decode(msgpack.encode(map))).toEqual(new Map([[2, 'x']]))
    expect(() => msgpack.encode(new Map([[1, undefined]]))).toThrow(/plain object/)
  })
})
