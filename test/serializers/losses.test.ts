/** Each sentence of `docs/formats.md` about values that come back changed, as a program meets it. */

import { createSessions, SerializationError, type Serializer, tuple } from 'vial'
import { json } from 'vial/serializers/json'
import { msgpack } from 'vial/serializers/msgpack'
import { pickle } from 'vial/serializers/pickle'
import { exactFloats, Float, float } from 'vial/serializers/python-values'
import { taggedJson } from 'vial/serializers/tagged-json'
import { memoryStore } from 'vial/stores/memory'
import { describe, expect, test } from 'vitest'
import { Browser } from '../core/requests.ts'

const formats = { msgpack, json, taggedJson, pickle: pickle() } as unknown as Readonly<
  Record<'msgpack' | 'json' | 'taggedJson' | 'pickle', Serializer>
>
type Format = keyof typeof formats
const ALL = Object.keys(formats) as Format[]

/** What the next request gets. */
async function back(serializer: Serializer, value: unknown): Promise<unknown> {
  const browser = new Browser(createSessions({ store: memoryStore(), serializer }))
  await browser.visit((session) => session.set('k', value))
  let found: unknown
  await browser.visit((session) => {
    found = session.get('k')
  })
  return found
}

const HOLES = [1, undefined, 3, 4] as unknown[]
delete HOLES[2]

describe.each(ALL)('in %s', (format) => {
  const serializer = formats[format]

  test.each<[what: string, value: unknown, found: unknown]>([
    ['an integer beyond 2^53 is a bigint', 2n ** 53n + 1n, 2n ** 53n + 1n],
    ['a small bigint is a number', 5n, 5],
    ['a float without a fraction is a number', float(1), 1],
    ['undefined and a hole in a list are null', HOLES, [1, null, null, 4]],
    ['a property that is undefined is left out', { a: undefined, b: 1 }, { b: 1 }],
    [
      'an object without a prototype is a plain object',
      Object.assign(Object.create(null), { a: 1 }),
      { a: 1 },
    ],
    ['minus zero stays', -0, -0],
  ])('%s', async (_, value, found) => {
    expect(await back(serializer, value)).toStrictEqual(found)
  })

  test('keys that are numbers come first', async () => {
    const found = (await back(serializer, JSON.parse('{"b":1,"10":2,"9":3}'))) as object
    const names = Object.keys(found)
    expect(names.toSorted()).toEqual(['10', '9', 'b'])
    expect(names.slice(0, 2)).toEqual(['9', '10'])
  })

  test('exactFloats reads a Float', async () => {
    expect(await back(exactFloats(serializer), float(1))).toStrictEqual(new Float(1))
  })
})

const REFUSED = SerializationError
const date = new Date(1_700_000_000_789)

test.each<[what: string, value: unknown, Record<Format, unknown>]>([
  [
    'a tuple',
    tuple(1, 2),
    { msgpack: [1, 2], json: [1, 2], taggedJson: tuple(1, 2), pickle: tuple(1, 2) },
  ],
  [
    'a Buffer',
    Buffer.from('a'),
    {
      msgpack: new Uint8Array([97]),
      json: REFUSED,
      taggedJson: new Uint8Array([97]),
      pickle: new Uint8Array([97]),
    },
  ],
  [
    'a Date',
    date,
    { msgpack: date, json: REFUSED, taggedJson: new Date(1_700_000_000_000), pickle: date },
  ],
  [
    'a Map',
    new Map([[1, 'a']]),
    {
      msgpack: new Map([[1, 'a']]),
      json: REFUSED,
      taggedJson: REFUSED,
      pickle: new Map([[1, 'a']]),
    },
  ],
  [
    'a Set',
    new Set([1]),
    { msgpack: REFUSED, json: REFUSED, taggedJson: REFUSED, pickle: new Set([1]) },
  ],
  [
    'an infinite number',
    Number.POSITIVE_INFINITY,
    {
      msgpack: Number.POSITIVE_INFINITY,
      json: REFUSED,
      taggedJson: Number.POSITIVE_INFINITY,
      pickle: Number.POSITIVE_INFINITY,
    },
  ],
  [
    'an integer beyond 64 bits',
    2n ** 70n,
    { msgpack: REFUSED, json: 2n ** 70n, taggedJson: 2n ** 70n, pickle: 2n ** 70n },
  ],
])('%s', async (_, value, expected) => {
  for (const format of ALL) {
    const found = await back(formats[format], value).catch((error: Error) => error.constructor)
    expect(found, format).toStrictEqual(expected[format])
  }
})
