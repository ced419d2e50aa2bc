import type { EntryKey } from 'vial'
import { createSessions, SerializationError, tuple } from 'vial'
import {
  type PickleEntry,
  pickle,
  pickleEnd,
  readPickle,
  writePickle,
} from 'vial/serializers/pickle'
import {
  Decimal,
  DefaultDict,
  Float,
  FrozenSet,
  PlainDate,
  PlainDateTime,
  PlainTime,
  Timedelta,
  Timezone,
  ZonedDate,
} from 'vial/serializers/python-values'
import { memoryStore } from 'vial/stores/memory'
import { describe, expect, it } from 'vitest'
import { bytesOf } from './pickle-fixtures.ts'

const { split, join, encode, decode, equal } = pickle()
const ascii = (text: string) => new Uint8Array(Buffer.from(text, 'latin1'))
/** `{'f': 1.0, 'k': [x, x], 7: None, 'n': 1}`, where x is `['a', 2.0]`. */
const RECORD = ascii(
  '}(X\x01\0\0\0fG?\xf0\0\0\0\0\0\0X\x01\0\0\0k](]q\0(X\x01\0\0\0aG@\0\0\0\0\0\0\0eh\0eK\x07NX\x01\0\0\0nK\x01u.',
)

function cut(bytes: Uint8Array): Map<EntryKey, PickleEntry> {
  const entries = split(bytes)
  if (entries === undefined) throw new Error('refused')
  return entries
}

describe('a record', () => {
  it('has its keys in order; one that is not a string rides along', () => {
    const keys = [...cut(RECORD).keys()]
    expect(keys.map((key) => (typeof key === 'symbol' ? 'symbol' : key))).toEqual([
      ...['f', 'k', 'symbol', 'n'],
    ])
    expect(readPickle(join(cut(RECORD)))).toEqual(readPickle(RECORD))
  })

  it('keeps floats, and gives what is shared to each key, when another key is changed', () => {
    const entries = cut(RECORD)
    entries.set('n', encode(2))
    entries.delete('absent')
    const written = join(entries)
    expect(readPickle(written, { exactFloats: true })).toEqual(
      new Map<unknown, unknown>([
        ['f', new Float(1)],
        [
          'k',
          [
            ['a', new Float(2)],
            ['a', new Float(2)],
          ],
        ],
        [7, null],
        ['n', 2],
      ]),
    )
    expect(readPickle(written)).toEqual(
      new Map<unknown, unknown>([
        ['f', 1],
        [
          'k',
          [
            ['a', 2],
            ['a', 2],
          ],
        ],
        [7, null],
        ['n', 2],
      ]),
    )
  })

  it('gives a new value on each call, whatever the pickle shares', () => {
    const entry = cut(RECORD).get('k') as PickleEntry
    const [first] = decode(entry) as [[string, number], unknown]
    first.push('b', 3)
    expect(decode(entry)).toEqual([
      ['a', 2],
      ['a', 2],
    ])
  })

  it('shares nothing with the value that was encoded', () => {
    const bytes = new Uint8Array([1, 2])
    const value = { list: [bytes] }
    const entry = encode(value)
    bytes[0] = 9
    value.list.push(bytes)
    expect(decode(entry)).toEqual({ list: [new Uint8Array([1, 2])] })
  })

  it('a key that occurs twice keeps its first place and its last value', () => {
    const entries = cut(ascii('}(VA\nI1\nVB\nI2\nVA\nI3\nu.'))
    expect([...entries].map(([key, entry]) => [key, decode(entry)])).toEqual([
      ['A', 3],
      ['B', 2],
    ])
  })

  it('is not what is no dictionary, or goes on', () => {
    for (const text of [']', 'N', 'K\x01', 'ccollections\nOrderedDict\n)R', '(d.']) {
      expect(split(ascii(`${text}.`))).toBeUndefined()
    }
    expect(split(writePickle(new DefaultDict('list')))).toBeUndefined()
    expect(split(new Uint8Array())).toBeUndefined()
  })

  it('entries are equal when their types and values are', () => {
    const alike = [1, 1.5, 'a', [1], tuple(1), { a: 1 }, null, new Float(1), new Uint8Array([1])]
    const unlike = [...alike, new FrozenSet([1]), new Set([1]), new Decimal('1'), true, 2n ** 70n]
    for (const [i, a] of unlike.entries()) {
      for (const [j, b] of unlike.entries()) expect(equal(encode(a), encode(b))).toBe(i === j)
    }
    expect(equal(encode(Number.NaN), encode(Number.NaN))).toBe(true)
    expect(equal(encode(0), encode(-0))).toBe(false)
  })

  it('does for a session what the other formats do', async () => {
    const store = memoryStore()
    const sessions = createSessions({ store, serializer: pickle(), cookie: { secure: false } })
    const session = await sessions.load(undefined)
    session.set('when', new PlainDate('2024-02-29'))
    session.set('cart', [tuple('pear', 2)])
    session.flash('Saved', 'info')
    const [first] = (await sessions.commit(session)).headers
    const cookie = first?.[1].split(';')[0]
    const again = await sessions.load(cookie)
    expect(again.get('when')).toEqual(new PlainDate('2024-02-29'))
    const cart = again.get('cart') as unknown[]
    cart.push('x')
    await sessions.commit(again)
    const last = await sessions.load(cookie)
    expect(last.get('cart')).toEqual([tuple('pear', 2), 'x'])
    expect(last.flashes()).toEqual([{ category: 'info', message: 'Saved' }])
  })
})

describe('options', () => {
  it('writes protocol 4 unless the option says otherwise', () => {
    expect(Buffer.from(writePickle({})).toString('latin1')).toBe('\x80\x04(d.')
    expect(Buffer.from(writePickle({}, { protocol: 5 })).toString('latin1')).toBe('\x80\x05(d.')
    expect(Buffer.from(writePickle({}, { protocol: 0 })).toString()).toBe('(d.')
  })

  it('refuses a protocol that it does not write', () => {
    for (const protocol of [1, 2, 3, 6, '4', null] as unknown as 4[]) {
      expect(() => pickle({ protocol })).toThrow('pass protocol 0, 4 or 5')
    }
  })

  it('protocol 0 is ASCII', () => {
    const value = { é: 'é\u{1f600}\ud800\u0085', b: new Uint8Array([200]), d: new Date(0) }
    const written = writePickle(value, { protocol: 0 })
    expect(Math.max(...written)).toBeLessThan(128)
    expect(readPickle(written)).toEqual(value)
  })

  it('whole floats are numbers, or Floats when asked for', () => {
    const pickled = ascii('](G?\xf0\0\0\0\0\0\0G?\xf8\0\0\0\0\0\0K\x01e.')
    expect(readPickle(pickled)).toEqual([1, 1.5, 1])
    const exact = readPickle(pickled, { exactFloats: true }) as [Float, number, number]
    expect(exact).toEqual([new Float(1), 1.5, 1])
    expect(Number(exact[0]) + 1).toBe(2)
    expect(JSON.stringify(exact)).toBe('[1,1.5,1]')
    expect(readPickle(writePickle(exact), { exactFloats: true })).toEqual(exact)
  })
})

describe('two pickles in a row', () => {
  it('are found by where the first ends', () => {
    const both = Buffer.concat([writePickle(1700000000), writePickle({ a: 1 })])
    const end = pickleEnd(both)
    expect(readPickle(both.subarray(0, end))).toBe(1700000000)
    expect(readPickle(both.subarray(end))).toEqual({ a: 1 })
    expect(pickleEnd(both, end)).toBe(both.length)
    expect(() => readPickle(both)).toThrow('more bytes follow')
    expect(() => pickleEnd(both.subarray(0, end - 1))).toThrow('it is cut off')
  })
})

describe('refusals name the place and the fix', () => {
  class Cart {}
  const cyclic: unknown[] = []
  cyclic.push(cyclic)
  const rows: readonly (readonly [unknown, string])[] = [
    [() => 1, 'The value is a function, which pickle cannot hold: store data only.'],
    [undefined, 'The value is undefined, which pickle cannot hold'],
    [[{ a: new Cart() }], 'The value at [0].a is an instance of Cart, which pickle cannot hold'],
    [new Map([['a', 1]]), 'The value is a Map without any key that is not a string'],
    [new Map([[[1], 1]]), 'is a list as a key or in a set, which Python refuses'],
    [new Set([{}]), 'is a dict as a key or in a set, which Python refuses'],
    [new Set([tuple(tuple([]))]), 'is a list as a key or in a set, which Python refuses'],
    [new Date(Number.NaN), 'is an invalid Date: store null or a valid Date.'],
    [new Date(Date.UTC(10_000, 0)), 'is a Date outside the years 1 to 9999'],
    [2n ** 20_000n, 'is a bigint of that size'],
    [cyclic, 'nests deeper than 128 levels or holds itself: flatten it.'],
    [new Uint16Array(1), 'is a view or buffer of bytes'],
    [Object.defineProperty({}, 'a', { enumerable: true, get: () => Cart.call(1) }), 'not be read'],
  ]

  it.each(rows.map(([value, message]) => ({ value, message })))(
    '$message',
    ({ value, message }) => {
      expect(() => encode(value)).toThrow(SerializationError)
      expect(() => encode(value)).toThrow(message)
    },
  )

  it('128 levels are written and read, and one more is not', () => {
    const nest = (levels: number): unknown => (levels === 0 ? [] : [nest(levels - 1)])
    const record = join(new Map([['k', encode(nest(127))]]))
    expect(decode(cut(record).get('k') as PickleEntry)).toEqual(nest(127))
    expect(() => encode(nest(128))).toThrow('nests deeper')
  })

  it('a record too large to be read again is not written', () => {
    const entry = encode(new Uint8Array(2 ** 24))
    const record = () => join(new Map([1, 2].map((i) => [`k${i}`, entry])))
    expect(record).toThrow('takes more than 33554432 bytes as a pickle: store less in it.')
    expect(() => encode(new Uint8Array(2 ** 25))).toThrow('takes more than 33554432 bytes')
  })
})

describe("Python's values", () => {
  it('dates are checked and brought into one form', () => {
    expect(String(new PlainDateTime('2024-02-29 12:34'))).toBe('2024-02-29T12:34:00')
    expect(String(new PlainTime('01:02:03.5'))).toBe('01:02:03.500000')
    expect(JSON.stringify([new PlainDate('0001-01-01')])).toBe('["0001-01-01"]')
    for (const text of ['2023-02-29', '0000-01-01', '2024-13-01', '2024-1-1', '', '2024-02-29T']) {
      expect(() => new PlainDate(text)).toThrow('pass a day of the years 1 to 9999')
    }
    for (const text of ['24:00', '12', '12:60', '12:00:60', '12:00:00.1234567', '']) {
      expect(() => new PlainTime(text)).toThrow('pass it as 01:02')
    }
    expect(() => new PlainDateTime('2024-02-29')).toThrow('Not a time')
  })

  it('time spans carry over as in Python', () => {
    expect(new Timedelta(0, -1, -1)).toEqual({ days: -1, seconds: 86_398, microseconds: 999_999 })
    expect(new Timedelta(1, 90_000, 2_000_000).milliseconds).toBe(86_400_000 + 90_002_000)
    expect(() => new Timedelta(1.5)).toThrow('pass whole numbers')
    expect(() => new Timedelta(1e9)).toThrow('within 999999999 days')
    expect(() => new Timezone(new Timedelta(1))).toThrow('less than 24 hours')
    expect(() => new Timezone(new Timedelta(-1))).toThrow('less than 24 hours')
  })

  it('an instant with a zone is a Date like any other', () => {
    const date = new ZonedDate(1_700_000_000, 5_000, new Timezone(new Timedelta(0, 3600)))
    expect(date.toISOString()).toBe('2023-11-14T22:13:20.000Z')
    date.setUTCHours(23)
    const back = readPickle(writePickle(date)) as ZonedDate
    expect(back.toISOString()).toBe('2023-11-14T23:13:20.000Z')
    expect([back.nanoseconds, back.zone.offset.seconds]).toEqual([5_000, 3600])
  })

  it('numbers and factories are checked', () => {
    for (const text of ['', '1,0', 'x', '1e', `1E${'9'.repeat(19)}`, ' 1']) {
      expect(() => new Decimal(text)).toThrow('Not a decimal')
    }
    expect(() => new Float('1' as unknown as number)).toThrow('Float takes a number')
    expect(() => new DefaultDict('eval')).toThrow('Not a factory')
  })
})

describe('what Python 2 wrote', () => {
  it('is text when it is ASCII, and not a record otherwise', () => {
    expect(readPickle(ascii("S'a\\n\\x41\\'\\\\'\np0\n."))).toBe("a\nA'\\")
    expect(readPickle(ascii('U\x01a.'))).toBe('a')
    expect(() => readPickle(ascii("S'\\xe9'\n."))).toThrow(
      'a string of Python 2 in it is not ASCII',
    )
  })

  it('reads numbers as they are written', () => {
    expect(readPickle(ascii('(lI01\naI00\naI1\naL-7L\naF1.5\naF-inf\naL12\na.'))).toEqual([
      ...[true, false, 1, -7, 1.5, Number.NEGATIVE_INFINITY, 12],
    ])
    for (const wrong of ['I\n', 'I1x\n', 'I0x1\n', 'L1\0L\n', 'F\n', 'F1_0\n', 'F0x1\n', 'I 1\n']) {
      expect(() => readPickle(ascii(`${wrong}.`))).toThrow('a number in it is wrong')
    }
  })

  it('reads the escapes of texts', () => {
    expect(readPickle(ascii('Va\\u00e9\\U0001f600\\ud83d\\ude00\\x\xe9\\\\\n.'))).toBe(
      'aé\u{1f600}\u{1f600}\\xé\\\\',
    )
    for (const wrong of ['\\u00e', '\\Uffffffff', '\\U0001']) {
      expect(() => readPickle(ascii(`V${wrong}\n.`))).toThrow('an escape in it is wrong')
    }
  })
})

it('bytes of the caller are not kept by a value', () => {
  const record = bytesOf('8003430261622e')
  const value = readPickle(record) as Uint8Array
  record.fill(0)
  expect(value).toEqual(new Uint8Array([97, 98]))
})
