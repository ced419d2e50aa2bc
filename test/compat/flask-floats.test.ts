/** Python's whole floats: numbers for a handler, and floats again on the way back, by where they stood. */

import {
  createSessions,
  type Serializer,
  type StoredSession,
  type StoredSessions,
  tuple,
} from 'vial'
import { flaskCookie } from 'vial/compat/flask-cookie'
import { type FlaskFormat, flaskSession } from 'vial/compat/flask-session'
import { json } from 'vial/serializers/json'
import { msgpack } from 'vial/serializers/msgpack'
import { pickle, readPickle } from 'vial/serializers/pickle'
import {
  DefaultDict,
  Float,
  FrozenSet,
  float,
  OrderedDict,
  Timedelta,
  Uuid,
} from 'vial/serializers/python-values'
import { taggedJson } from 'vial/serializers/tagged-json'
import { memoryStore } from 'vial/stores/memory'
import { describe, expect, test } from 'vitest'
import { Browser, SECRET } from '../core/requests.ts'
import { foreignCases } from '../serializers/pickle-fixtures.ts'

const FORMATS = ['msgpack', 'json', 'pickle', 'cachelib-redis', 'cookie'] as const
type Format = (typeof FORMATS)[number]
type Work = (session: StoredSession) => unknown

/** Two kinds of sessions on one record: as a handler gets them, and as Python sees the types. */
function sides(format: Format, written: FlaskFormat | 'cookie' = format) {
  const store = memoryStore()
  const make = (one: Format, exactFloats = false): StoredSessions =>
    one === 'cookie'
      ? (flaskCookie({ secret: SECRET, exactFloats }) as unknown as StoredSessions)
      : flaskSession({ store, format: one, exactFloats })
  return { here: make(written), python: make(format, true) }
}

/** What Python holds under `k` after a handler. */
async function held(format: Format, before: unknown, work: Work, written = format) {
  const { here, python } = sides(format, written)
  const first = new Browser(python)
  await first.visit((session) => session.set('k', before))
  const visitor = new Browser(here, first.cookie)
  await visitor.visit((session) => work(session))
  return (await python.load(visitor.cookie)).get('k')
}

const f = float

/** Adds to the list, by the operation where the session has it. */
function grow(session: StoredSession, item: unknown): void {
  const list = session.get('k') as unknown[]
  if (session.fingerprint === 'sealed') session.set('k', [...list, item])
  else session.append('k', item)
}

describe.each(FORMATS)('%s', (format) => {
  test('a whole float is a number to a handler', async () => {
    await held(format, { list: [f(2)], price: f(9) }, (session) => {
      const { price, list } = session.get('k') as { price: number; list: number[] }
      expect(`${price}`).toBe('9')
      expect(price === 9).toBe(true)
      expect(price.toFixed(2)).toBe('9.00')
      expect(list).toStrictEqual([2])
      expect(JSON.stringify(session)).toBe('{"k":{"list":[2],"price":9}}')
    })
  })

  test.each<[string, unknown, Work, unknown]>([
    ['set again', f(9), (s) => s.set('k', 5), f(5)],
    ['an int stays one', 9, (s) => s.set('k', 5), 5],
    ['an int that becomes a fraction', 9, (s) => s.set('k', 5.5), 5.5],
    ['a fraction that becomes whole', 1.5, (s) => s.set('k', 2), f(2)],
    ['forced', 9, (s) => s.set('k', float(9)), f(9)],
    ['forced inside', { a: 1 }, (s) => s.set('k', { a: float(1) }), { a: f(1) }],
    ['taken and set', f(9), (s) => s.set('k', s.pop('k')), f(9)],
    ['another kind of value', f(1), (s) => s.set('k', 'x'), 'x'],
    ['text that becomes a number', 'x', (s) => s.set('k', 1), 1],
    ['by key', { a: f(1), b: 1 }, (s) => s.set('k', { b: 2, a: 3 }), { b: 2, a: f(3) }],
    ['a new key', { a: f(1) }, (s) => s.set('k', { a: 2, c: 2 }), { a: f(2), c: 2 }],
    [
      'nested in place',
      { a: { b: f(1), c: 1 } },
      (s) => Object.assign((s.get('k') as { a: object }).a, { b: 4, c: 4 }),
      { a: { b: f(4), c: 4 } },
    ],
    ['by index', [f(1), 1], (s) => s.set('k', [5, 5]), [f(5), 5]],
    ['all floats, longer', [f(1), 2.5], (s) => grow(s, 3), [f(1), 2.5, f(3)]],
    ['all floats, in place', [f(1)], (s) => (s.get('k') as number[]).push(3), [f(1), f(3)]],
    ['all floats, shorter', [f(1), f(2)], (s) => (s.get('k') as number[]).pop(), [f(1)]],
    ['mixed, longer', [f(1), 1], (s) => grow(s, 3), [1, 1, 3]],
    ['floats and text, longer', [f(1), 'x'], (s) => grow(s, 3), [f(1), 'x', f(3)]],
    ['an empty list', [], (s) => grow(s, 3), [3]],
    [
      'dictionaries in a longer list',
      [{ price: f(9), n: 1 }],
      (s) => grow(s, { price: 5, n: 2 }),
      [
        { price: f(9), n: 1 },
        { price: f(5), n: 2 },
      ],
    ],
    [
      'dictionaries that differ, in a longer list',
      [{ price: f(9) }, { price: 9 }],
      (s) => grow(s, { price: 5 }),
      [{ price: 9 }, { price: 9 }, { price: 5 }],
    ],
    [
      'lists in a longer list',
      [[f(1), 1]],
      (s) => grow(s, [2, 2]),
      [
        [f(1), 1],
        [f(2), 2],
      ],
    ],
    ['a key of an object', { '1': f(1) }, (s) => s.set('k', { '1': 2 }), { '1': f(2) }],
    ['a float that is none any more', f(1), (s) => s.set('k', [1]), [1]],
    ['not a number', Number.MAX_VALUE, (s) => s.set('k', 1), f(1)],
  ])('%s', async (_, before, work, expected) => {
    expect(await held(format, before, work)).toStrictEqual(expected)
  })

  test('does not depend on whether the handler asked what was modified', async () => {
    const work =
      (asks: boolean): Work =>
      (session) => {
        const list = session.get('k') as number[]
        list.push(3)
        if (asks) expect(session.modified).toBe(true)
        list.pop()
        list[0] = 7
      }
    const [plain, asked] = await Promise.all(
      [false, true].map((asks) => held(format, [f(1), 1], work(asks))),
    )
    expect(plain).toStrictEqual([f(7), 1])
    expect(asked).toStrictEqual(plain)
  })

  test('what holds itself, and what throws when it is read, is refused as ever', async () => {
    const { here, python } = sides(format)
    const first = new Browser(python)
    await first.visit((session) => session.set('k', { a: f(1), b: [f(1)] }))
    const session = await here.load(first.cookie)
    const cycle: Record<string, unknown> = { a: 1 }
    cycle['b'] = [cycle]
    expect(() => session.set('k', cycle)).toThrow(/nests deeper than|holds itself/)
    const trap = {
      get a(): never {
        throw new Error('no')
      },
    }
    expect(() => session.set('k', trap)).toThrow(/'k': The value at a could not be read/)
  })
})

describe.each(['msgpack', 'json', 'pickle', 'cachelib-redis'] as const)('%s', (format) => {
  test.each<[string, unknown, Work, unknown]>([
    ['incremented', f(1), (s) => s.increment('k'), f(2)],
    ['incremented by a fraction', 1.5, (s) => s.increment('k', 0.5), f(2)],
    ['an int that is incremented', 1, (s) => s.increment('k'), 2],
    ['updated', f(1), (s) => s.update('k', (n) => Number(n) * 3), f(3)],
    ['appended to in place', [f(1)], (s) => (s.get('k') as number[]).push(3), [f(1), f(3)]],
  ])('%s', async (_, before, work, expected) => {
    expect(await held(format, before, work)).toStrictEqual(expected)
  })
})

test.each(['msgpack', 'json', 'pickle', 'cachelib-redis'] as const)(
  'operations of two requests that meet in %s are what each of them made',
  async (format) => {
    const { here, python } = sides(format)
    const first = new Browser(python)
    await first.visit((session) => session.set('n', 1))
    const one = await here.load(first.cookie)
    const two = await here.load(first.cookie)
    one.increment('n')
    two.increment('n', 1.5)
    two.increment('n', 0.5)
    await here.commit(one)
    await here.commit(two)
    // In Python: 1 + 1 + 1.5 + 0.5
    expect((await python.load(first.cookie)).get('n')).toStrictEqual(f(4))
  },
)

test.each(['json', 'pickle', 'cachelib-redis'] as const)(
  'a record of %s that is rewritten as MessagePack keeps its floats',
  async (format) => {
    const add: Work = (session) => session.append('k', 3)
    expect(await held(format, [f(1), 2.5], add, 'msgpack')).toStrictEqual([f(1), 2.5, f(3)])
  },
)

test('what only pickle holds: tuples, sets, maps and their keys', async () => {
  const before = {
    tuple: tuple(f(1), 1),
    set: new Set([f(1), f(2)]),
    map: new Map<unknown, unknown>([
      [f(1), f(2)],
      [2, 2],
    ]),
    ordered: new OrderedDict([['a', f(1)]]),
    defaults: new DefaultDict('float', [['a', f(1)]]),
  }
  const expected = {
    tuple: tuple(f(5), 5),
    set: new Set([f(1), f(2)]),
    map: new Map<unknown, unknown>([
      [f(1), f(5)],
      [2, 2],
    ]),
    ordered: new OrderedDict([['a', f(5)]]),
    defaults: new DefaultDict('float', [['a', f(5)]]),
  }
  const work: Work = (session) => {
    const value = session.get('k') as Record<'map' | 'ordered' | 'defaults', Map<unknown, unknown>>
    value.map.set(1, 5)
    value.ordered.set('a', 5)
    value.defaults.set('a', 5)
    Object.assign(value, { tuple: tuple(5, 5) })
  }
  expect(await held('pickle', before, work)).toStrictEqual(expected)
})

describe('keys that are equal in Python, and here objects of their own', () => {
  const keys: readonly (readonly [string, () => unknown])[] = [
    ['bytes', () => new Uint8Array([1, 255])],
    ['a tuple', () => tuple('a', tuple(1, new Uint8Array([1])), 2n ** 70n)],
    ['a UUID', () => new Uuid('12345678-1234-5678-1234-567812345678')],
    ['a date', () => new Date(1_700_000_000_000)],
    ['a timedelta', () => new Timedelta(1, 5)],
    ['a frozenset', () => new FrozenSet(['a', 1])],
  ]
  const formats = ['pickle', 'cachelib-redis', 'msgpack'] as const
  const tried = formats.flatMap((format) =>
    keys
      .slice(0, format === 'msgpack' ? 1 : undefined)
      .map(([what, key]) => ({ format, what, key })),
  )

  test.each(tried)('$what in $format', async ({ format, key }) => {
    const other = key()
    const before = new Map<unknown, unknown>([
      [key(), f(1)],
      [1, { a: f(2) }],
      [null, 3],
    ])
    const work: Work = (session) => {
      const map = session.get('k') as Map<unknown, unknown>
      session.set(
        'k',
        new Map(
          [...map.set(1, { a: 4 }).set(null, 5)].map(([k, v]) => [
            typeof k === 'object' && k ? other : k,
            v,
          ]),
        ),
      )
    }
    const after = await held(format, before, work)
    expect(after).toStrictEqual(
      new Map<unknown, unknown>([
        [key(), f(1)],
        [1, { a: f(4) }],
        [null, 5],
      ]),
    )
  })

  test('floats in a key stay', async () => {
    const before = new Map([[tuple(f(1), 1), f(2)]])
    const after = await held('pickle', before, (s) =>
      s.set('k', new Map(s.get('k') as typeof before)),
    )
    expect(after).toStrictEqual(before)
  })

  test('an object of a class that only Python knows does not hinder the others', async () => {
    const [recorded] = foreignCases
    const {
      held: [foreign],
    } = readPickle(Buffer.from(recorded?.pickles[4] ?? '', 'hex')) as { held: [unknown] }
    const after = await held('pickle', [foreign, f(1), { a: f(2) }], (session) => {
      const [kept, ...rest] = session.get('k') as [unknown, number, { a: number }]
      session.set('k', [kept, rest[0] + 1, { a: 7 }])
    })
    expect(after).toStrictEqual([foreign, f(2), { a: f(7) }])
  })
})

describe('what it costs', () => {
  const holders = [
    [msgpack, [202, 203, 0xcacb, 0xcb000000, 'v1.0', new Uint8Array([202, 203])]],
    [json, [202, 203, 'v1']],
    [taggedJson, [202, 203, 'v1']],
    [pickle(), [71, 'Gate', 'G', new Uint8Array([71]), 0x47474747]],
  ] as unknown as [Serializer, unknown][]

  test.each(holders.map(([serializer, value]) => [serializer.name, serializer, value] as const))(
    'an entry of %s without a float is not decoded again',
    (_, serializer, before) => {
      let looks = 0
      const value = new Proxy(
        { a: 1 },
        {
          getPrototypeOf(target) {
            looks += 1
            return Object.getPrototypeOf(target) as object
          },
        },
      )
      const looksOf = (like?: unknown) => {
        looks = 0
        serializer.encode(value, like)
        return looks
      }
      const alone = looksOf()
      expect(looksOf(serializer.encode(before))).toBe(alone)
      expect(looksOf(serializer.encode([before, 1.5]))).toBeGreaterThan(alone)
    },
  )

  test('only edited entries are encoded, once', async () => {
    const keys: unknown[] = []
    const serializer: Serializer = {
      ...(msgpack as Serializer),
      encode(value, like) {
        if (like !== undefined) keys.push(value)
        return (msgpack as Serializer).encode(value, like)
      },
    }
    const browser = new Browser(createSessions({ store: memoryStore(), serializer }))
    await browser.visit((session) => {
      for (const key of ['a', 'b', 'c']) session.set(key, { price: f(1) })
    })
    keys.length = 0
    await browser.visit((session) => Object.fromEntries(session))
    expect(keys).toEqual([])
    await browser.visit((session) => {
      Object.fromEntries(session)
      session.set('a', { price: 2 })
      Object.assign(session.get('b') as object, { price: 3 })
    })
    expect(keys).toEqual([{ price: 2 }, { price: 3 }])
  })
})

test('exactFloats gives the objects', async () => {
  const { python } = sides('msgpack')
  const visitor = new Browser(python)
  await visitor.visit((session) => session.set('k', float(9)))
  const session = await python.load(visitor.cookie)
  expect(session.get('k')).toStrictEqual(new Float(9))
  expect(`${session.get('k') as Float} ${JSON.stringify(session)}`).toBe('9 {"k":9}')
})
