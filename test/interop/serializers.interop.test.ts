import { isDeepStrictEqual } from 'node:util'
import * as fc from 'fast-check'
import type { Serializer } from 'vial'
import { tuple } from 'vial'
import { json } from 'vial/serializers/json'
import { Ext, msgpack, Timestamp } from 'vial/serializers/msgpack'
import { Markup, Uuid } from 'vial/serializers/python-values'
import { taggedJson } from 'vial/serializers/tagged-json'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { jsonValue, msgpackValue, taggedValue } from '../serializers/arbitraries.ts'
import { findPython, runScript } from './python.ts'

const python = findPython()
const command = 'command' in python ? python.command : ''

const formats: Record<string, Serializer> = {
  msgpack: msgpack as Serializer,
  json: json as Serializer,
  'tagged-json': taggedJson as Serializer,
}

beforeEach((context) => {
  if ('missing' in python) context.skip(python.missing)
})

interface Asked {
  readonly format: string
  readonly hex: string
}

interface Answer {
  readonly type?: string
  readonly repr?: string
  /** The record as Python writes it again, in hex. */
  readonly again?: string
  readonly error?: string
}

interface Written extends Asked {
  readonly name: string
  readonly repr: string
}

function record(format: string, value: unknown): Asked {
  const serializer = formats[format] as Serializer
  const bytes = serializer.join(new Map([['v', serializer.encode(value)]]))
  return { format, hex: Buffer.from(bytes).toString('hex') }
}

const utc = 'tzinfo=datetime.timezone.utc'
const uuid = '12345678-1234-5678-1234-567812345678'

/** A value here, and the type and `repr` of what Python reads. */
type Row = readonly [value: unknown, type: string, repr: string]

const everywhere: Row[] = [
  [null, 'NoneType', 'None'],
  [true, 'bool', 'True'],
  [1, 'int', '1'],
  [-(2 ** 40), 'int', '-1099511627776'],
  [2n ** 63n, 'int', '9223372036854775808'],
  [1.5, 'float', '1.5'],
  [-0, 'float', '-0.0'],
  [1e22, 'float', '1e+22'],
  [1e-7, 'float', '1e-07'],
  ['é😀\u007f"', 'str', `'é😀\\x7f"'`],
  [[1, [2]], 'list', '[1, [2]]'],
  [{ b: 1, a: [null] }, 'dict', "{'b': 1, 'a': [None]}"],
  [{ ' t': [1] }, 'dict', "{' t': [1]}"],
  [JSON.parse('{"__proto__":1}'), 'dict', "{'__proto__': 1}"],
]
const bytes: Row = [new Uint8Array([0, 255]), 'bytes', "b'\\x00\\xff'"]
const date = new Date('2024-02-29T12:34:56Z')
const datetime: Row = [date, 'datetime', `datetime.datetime(2024, 2, 29, 12, 34, 56, ${utc})`]

const rows: Record<string, Row[]> = {
  msgpack: [
    ...everywhere,
    bytes,
    datetime,
    [new Timestamp(1, 2000), 'datetime', `datetime.datetime(1970, 1, 1, 0, 0, 1, 2, ${utc})`],
    [new Date(-1), 'datetime', `datetime.datetime(1969, 12, 31, 23, 59, 59, 999000, ${utc})`],
    [tuple(1, 2), 'list', '[1, 2]'],
    [
      new Map<unknown, unknown>([
        [1, 'a'],
        [tuple(1), null],
      ]),
      'dict',
      "{1: 'a', (1,): None}",
    ],
    [new Ext(5, new Uint8Array(3)), 'Ext', '<msgspec.msgpack.Ext object>'],
    [Number.NaN, 'float', 'nan'],
  ],
  json: [...everywhere, [10n ** 30n, 'int', `1${'0'.repeat(30)}`], [tuple(1, 2), 'list', '[1, 2]']],
  'tagged-json': [
    // Keys are sorted.
    ...everywhere.map(
      (row): Row => (row[2].startsWith("{'b'") ? [row[0], 'dict', "{'a': [None], 'b': 1}"] : row),
    ),
    bytes,
    datetime,
    [tuple(1, tuple(), [2]), 'tuple', '(1, (), [2])'],
    [new Markup('<b>é'), 'Markup', "Markup('<b>é')"],
    [new Uuid(uuid), 'UUID', `UUID('${uuid}')`],
    [10n ** 30n, 'int', `1${'0'.repeat(30)}`],
    [Number.NaN, 'float', 'nan'],
    [Number.NEGATIVE_INFINITY, 'float', '-inf'],
    ['\ud800x', 'str', "'\\ud800x'"],
    [[tuple('message', 'Hello')], 'list', "[('message', 'Hello')]"],
    [{ ' di': { ' u': new Uuid(uuid) } }, 'dict', `{' di': {' u': UUID('${uuid}')}}`],
  ],
}

describe.each(Object.entries(rows))(`Python reads %s`, (format, list) => {
  let answers: Answer[] = []
  beforeAll(() => {
    if (command === '') return
    const asked = list.map(([value]) => record(format, value))
    answers = runScript<Answer[]>(command, 'read_values.py', asked)
  })

  it.each(list.map(([, type, repr], index) => [type, repr, index] as const))(
    '%s %s',
    (type, repr, index) => {
      expect(answers[index]).toMatchObject({ type, repr })
    },
  )
})

/** What is written by Python, when it is not a plain copy. */
const here = new Map<string, unknown>([
  ['none', null],
  ['true', true],
  ['int', 12],
  ['int_2p53', 2n ** 53n],
  ['int_u64', 2n ** 64n - 1n],
  ['int_huge', 10n ** 400n],
  ['float', 1],
  ['float_neg0', -0],
  ['float_big', 1e22],
  ['float_small', 1e-7],
  ['str', 'é\u007f\u2028\u0001"\\/😀'],
  ['list', [1, 'a', [null, { k: [] }]]],
  ['dict', JSON.parse('{"b":1,"a":2,"10":3,"9":4,"":5,"__proto__":6,"é":7}')],
  ['dict_like_tag', { ' t': [1] }],
  ['datetime_us', new Timestamp(1709210096, 789_012_000)],
  [
    'keys',
    new Map<unknown, unknown>([
      [1, 'a'],
      ['1', 'b'],
      [true, 'c'],
      [null, 'd'],
      [new Uint8Array([120]), 'e'],
      [[1, 2], 'f'],
      [1.5, 'g'],
    ]),
  ],
  ['ext', new Ext(5, new Uint8Array([97, 98, 99]))],
  ['nan', Number.NaN],
  ['tuple', tuple(1, tuple(), [tuple(2)])],
  ['markup', new Markup('<b>é</b>')],
  ['uuid', new Uuid(uuid)],
  ['str_surrogate', '\ud800x'],
  ['flashes', [tuple('message', 'Hello'), tuple('error', new Markup('<i>'))]],
])

describe(`Python writes`, () => {
  let written: Written[] = []
  beforeAll(() => {
    if (command === '') return
    written = runScript<Written[]>(command, 'write_values.py', null)
  })

  it('records that go back byte for byte, untouched', () => {
    expect(written.length).toBeGreaterThan(60)
    for (const { name, format, hex } of written) {
      const serializer = formats[format] as Serializer
      const entries = serializer.split(Buffer.from(hex, 'hex'))
      expect(entries && Buffer.from(serializer.join(entries)).toString('hex'), name).toBe(hex)
    }
  })

  it('values that mean the same here', () => {
    let compared = 0
    for (const { name, format, hex } of written) {
      const serializer = formats[format] as Serializer
      const value = serializer.decode(serializer.split(Buffer.from(hex, 'hex'))?.get('v'))
      // Python takes True for 1, so the later value stands under the first key.
      const expected = name === 'keys' ? withoutTrue(here.get(name)) : here.get(name)
      if (expected === undefined) continue
      compared += 1
      expect(isDeepStrictEqual(value, expected), `${format} ${name}`).toBe(true)
    }
    expect(compared).toBeGreaterThan(40)
  })

  it('values that Python reads as before when they are written again here', () => {
    const rewritten = written.map(({ format, hex }) => {
      const serializer = formats[format] as Serializer
      return record(format, serializer.decode(serializer.split(Buffer.from(hex, 'hex'))?.get('v')))
    })
    const answers = runScript<Answer[]>(command, 'read_values.py', rewritten)
    for (const [index, { name, format, hex, repr }] of written.entries()) {
      if (name === 'float') {
        // The one loss: a whole float inside a value that is written again.
        expect(answers[index], format).toMatchObject({ type: 'int', repr: '1' })
      } else if (name === 'dict' && format !== 'tagged-json') {
        expect(answers[index]?.repr, format).toBe(
          "{'9': 4, '10': 3, 'b': 1, 'a': 2, '': 5, '__proto__': 6, 'é': 7}",
        )
      } else {
        expect(answers[index]?.repr, `${format} ${name}`).toBe(repr)
        expect(rewritten[index]?.hex, `${format} ${name}`).toBe(hex)
      }
    }
  })
})

function withoutTrue(value: unknown): unknown {
  const map = new Map(value as Map<unknown, unknown>)
  map.delete(true)
  return map.set(1, 'c')
}

describe.each([
  ['msgpack', msgpackValue],
  ['json', jsonValue],
  ['tagged-json', taggedValue],
] as const)(`any %s value`, (format, arbitrary) => {
  it('is read by Python, which writes the same bytes', () => {
    const values = fc
      .sample(arbitrary, { numRuns: 1500, seed: 7 })
      .filter((value) => !isOther(value))
    expect(values.length).toBeGreaterThan(300)
    const records = values.map((value) => record(format, value))
    const answers = runScript<Answer[]>(command, 'read_values.py', records)
    for (const [index, { error, again }] of answers.entries()) {
      expect(error ?? again).toBe(records[index]?.hex)
    }
  })
})

/** What Python has otherwise: years beyond 1 to 9999, nanoseconds, and keys that are equal there, such as True and 1. */
function isOther(value: unknown): boolean {
  if (value instanceof Timestamp && value.nanoseconds % 1000 !== 0) return true
  if (value instanceof Date) return value.getUTCFullYear() < 1 || value.getUTCFullYear() > 9999
  if (value instanceof Map) return hasEqualKeys(value) || [...value.values()].some(isOther)
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return false
  return Object.values(value).some(isOther)
}

function hasEqualKeys(map: Map<unknown, unknown>): boolean {
  const keys = [...map.keys()].map((key) => {
    if (typeof key === 'boolean') return Number(key)
    return key instanceof Uint8Array ? `bytes ${key}` : key
  })
  return new Set(keys).size < keys.length
}
