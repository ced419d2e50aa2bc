/** Records of Flask-Session: every format read, one written, what was not touched left as it was. */

import { SerializationError, StateError, type StoredSession, tuple } from 'vial'
import { type FlaskFormat, flaskSession } from 'vial/compat/flask-session'
import { readPickle, writePickle } from 'vial/serializers/pickle'
import { Decimal, Float, type Foreign, Markup, Uuid } from 'vial/serializers/python-values'
import { memoryStore } from 'vial/stores/memory'
import { beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { flaskRecords } from '../../src/compat/flask/records.ts'
import { listener } from '../core/requests.ts'
import { foreignCases } from '../serializers/pickle-fixtures.ts'
import { COOKIE, HOUR, KEY, Site } from './flask-store.ts'

const UUID = '12345678-1234-5678-1234-567812345678'

let site = new Site()
beforeEach(() => {
  site = new Site()
})

const change = (session: StoredSession) => session.set('n', 2)

/** A record of each format: floats, a list and a number that is changed. */
const json = Buffer.from('{"f":1.0,"l":[1.0,"x"],"big":123456789012345678901,"n":1}')
const msgpack = Buffer.from(
  '84a166cb3ff0000000000000a16c92cb3ff0000000000000a178a362696701a16e01',
  'hex',
)
const pickled = Buffer.from(writePickle({ f: new Float(1), l: tuple(new Float(1), 'x'), n: 1 }))

describe('what was not touched', () => {
  test('goes back byte for byte', async () => {
    const others = [
      ['a16b', 'd7ff0000000065e0304c'], // a date
      ['a165', 'd40561'], // an extension
      ['a166', 'cb3ff0000000000000'], // 1.0
      ['a167', 'ca3f800000'], // 1.0 in 32 bits
      ['a16d', '82c00101c0'], // a map with keys that are no text
      ['a169', 'cd0001'], // a long form of 1
    ]
      .flat()
      .join('')
    const record = Buffer.from(`87a16e01${others}`, 'hex')
    const written = await site.kept(record, change)
    expect(written.toString('hex')).toBe(`87a16e02${others}`)
  })

  test('in a record that is only read, whatever its format', async () => {
    for (const record of [json, msgpack, pickled]) {
      const left = await site.kept(record, (session) => [...session])
      expect(left.equals(record)).toBe(true)
      expect((await site.shown(KEY))?.left).toBe(31 * 24 * HOUR)
    }
  })
})

describe('a record of another format is rewritten when it changes', () => {
  test.each<[string, FlaskFormat, Buffer, string]>([
    [
      'json',
      'msgpack',
      Buffer.from('{"f":1.0,"l":[1.0,"x"],"n":1}'),
      '83a166cb3ff0000000000000a16c92cb3ff0000000000000a178a16e02',
    ],
    [
      'msgpack',
      'json',
      msgpack,
      Buffer.from('{"f":1.0,"l":[1.0,"x"],"big":1,"n":2}').toString('hex'),
    ],
    ['pickle', 'msgpack', pickled, '83a166cb3ff0000000000000a16c92cb3ff0000000000000a178a16e02'],
    ['pickle', 'json', pickled, Buffer.from('{"f":1.0,"l":[1.0,"x"],"n":2}').toString('hex')],
  ])('%s as %s', async (_, format, record, written) => {
    expect((await site.kept(record, change, { format })).toString('hex')).toBe(written)
  })

  test('with exactFloats it is the same', async () => {
    const written = await site.kept(pickled, change, { exactFloats: true })
    expect(written.toString('hex')).toBe(
      '83a166cb3ff0000000000000a16c92cb3ff0000000000000a178a16e02',
    )
  })

  test('as pickle, and behind cachelib’s mark', async () => {
    const plain = await site.kept(msgpack, change, { format: 'pickle' })
    expect(readPickle(plain, { exactFloats: true })).toEqual({
      f: new Float(1),
      l: [new Float(1), 'x'],
      big: 1,
      n: 2,
    })
    const marked = await site.kept(msgpack, change, { format: 'cachelib-redis' })
    expect(marked[0]).toBe(0x21)
    expect(marked.subarray(1).equals(plain)).toBe(true)
  })

  test('what msgspec writes as text becomes text, also where Flask-Session answers 500', async () => {
    const record = writePickle({
      d: new Decimal('1.10'),
      u: new Uuid(UUID),
      t: tuple(1, tuple()),
      s: new Set([1]),
      big: 2n ** 70n,
      m: new Markup('<b>'),
      n: 1,
    })
    const written = await site.kept(Buffer.from(record), change)
    const records = flaskRecords('msgpack', true)
    const entries = records.split(written) ?? new Map()
    expect(
      Object.fromEntries([...entries].map(([k, entry]) => [k, records.decode(entry)])),
    ).toEqual({
      d: '1.10',
      u: UUID,
      t: [1, []],
      s: [1],
      big: String(2n ** 70n),
      m: '<b>',
      n: 2,
    })
  })

  test('what the format cannot hold at all is refused by the name of its key, and nothing is stored', async () => {
    const record = Buffer.from(writePickle({ lone: '\ud800', n: 1 }))
    await site.put(KEY, record)
    const visit = site.browser({}, COOKIE).visit(change)
    await expect(visit).rejects.toThrow(SerializationError)
    await expect(visit).rejects.toThrow(/'lone'/)
    expect((await site.bytes()).equals(record)).toBe(true)
  })
})

describe('a record that is none', () => {
  test.each([
    ['', 'empty'],
    ['05', 'a number'],
    ['c0', 'nil'],
    ['c167617262616765', 'garbage'],
    ['80048c05706f736978948c0673797374656d93942e', 'a pickle of code'],
    ['5b5d', 'a list'],
  ])('%s (%s): a fresh session, and the record stays', async (record) => {
    await site.put(KEY, record)
    const { events, onEvent } = listener()
    const session = await site.sessions({ onEvent }).load(COOKIE)
    expect(session.isNew).toBe(true)
    expect(events).toEqual([{ type: 'rejected', reason: 'invalid' }])
    expect(await site.hex(KEY)).toBe(record)
  })
})

describe('floats', () => {
  const floats = Buffer.from(
    '84a166cb3ff0000000000000a168cb3ff8000000000000a16901a162cb4340000000000000',
    'hex',
  )

  test('read and written again stay floats', async () => {
    const written = await site.kept(floats, (session) => {
      expect(session.get('f')).toBe(1)
      for (const [key, value] of [...session]) session.set(key, value)
    })
    expect(written.equals(floats)).toBe(true)
  })

  test.each<[string, string, number | bigint, unknown]>([
    ['1.0', 'f', 1, new Float(2)],
    ['1.0', 'f', 0.5, 1.5],
    ['1.0', 'f', 2n, 3], // A bigint is an int.
    ['1.5', 'h', 0.5, new Float(2)],
    ['1.5', 'h', 1, 2.5],
    ['1', 'i', 1, 2],
    ['1', 'i', 0.5, 1.5],
    ['1', 'i', 1.5, 2.5],
    ['2.0**53', 'b', -1, new Float(2 ** 53 - 1)],
    ['nothing', 'z', 0.5, 0.5],
  ])('%s is incremented: %s by %s', async (_, key, by, value) => {
    await site.kept(floats, (session) => {
      session.increment(key, by)
      expect(session.get(key)).toBe(Number(value))
    })
    const session = await site.sessions({ exactFloats: true }).load(COOKIE)
    expect(session.get(key)).toStrictEqual(value)
  })

  test('increments of two requests on a float meet, and it stays one', async () => {
    await site.put(KEY, floats)
    const sessions = site.sessions()
    const one = await sessions.load(COOKIE)
    const two = await sessions.load(COOKIE)
    one.increment('f', 0.5)
    two.increment('f', 0.5)
    await sessions.commit(one)
    await sessions.commit(two)
    const exact = await site.sessions({ exactFloats: true }).load(COOKIE)
    expect(exact.get('f')).toEqual(new Float(2))
  })

  test('an increment of what is no number is refused', async () => {
    const session = await site.sessions().load(undefined)
    session.set('d', new Decimal('1.10'.replace('.', '')).text)
    expect(() => session.increment('d')).toThrow(StateError)
  })

  test('are what `data` that says number describes, and with exactFloats they are not', async () => {
    await site.put(KEY, floats)
    const data = z.object({ f: z.number() }).partial()
    const options = { store: site.store, now: site.clock.now, data }
    expect((await flaskSession(options).load(COOKIE)).get('f')).toBe(1)
    const exact = await flaskSession({ ...options, exactFloats: true }).load(COOKIE)
    // The value is not what `data` describes.
    expect([exact.isNew, exact.get('f')]).toEqual([false, undefined])
  })

  test('on sessions of vial’s own an increment writes what it always did', async () => {
    const { createSessions } = await import('vial')
    const session = await createSessions({ store: memoryStore() }).load(undefined)
    session.set('h', 1.5)
    session.increment('h', 0.5)
    expect(session.get('h')).toBe(2)
    session.set('f', new Float(1))
    session.increment('f')
    expect(session.get('f')).toBe(2)
  })
})

describe('objects of Python classes that are unknown here', () => {
  const [recorded] = foreignCases
  const record = Buffer.from(recorded?.pickles[4] ?? '', 'hex')
  const FORMATS: readonly FlaskFormat[] = ['msgpack', 'json', 'pickle', 'cachelib-redis']

  test.each(FORMATS)(
    'stay in a record, whose format is kept, when %s is written',
    async (format) => {
      const { held } = readPickle(record) as { held: unknown }
      const written = await site.kept(record, change, { format })
      expect(readPickle(written)).toEqual({ user: 'ann', held, n: 2 })
      // cachelib's mark is a part of its format.
      const marked = Buffer.concat([Buffer.from('!'), record])
      const again = await site.kept(marked, change, { format })
      expect(again.toString('latin1', 0, 1)).toBe('!')
      expect(readPickle(again.subarray(1))).toEqual({ user: 'ann', held, n: 2 })
    },
  )

  test.each(FORMATS)('can be read and set again when %s is written', async (format) => {
    const written = await site.kept(
      record,
      (session) => {
        const [token] = session.get('held') as [Foreign, number]
        expect(token.class.name).toBe('OAuth2Token')
        expect(() => `${token as unknown as string}`).toThrow(SerializationError)
        session.set('copy', { token })
      },
      { format },
    )
    const { held, copy } = readPickle(written) as { held: [Foreign]; copy: { token: Foreign } }
    expect(copy.token).toEqual(held[0])
  })

  test('a record is converted once they are gone', async () => {
    const written = await site.kept(record, (session) => session.delete('held'), { format: 'json' })
    expect(written.toString()).toBe('{"user":"ann"}')
  })

  test('other values that a format cannot hold are refused as before', async () => {
    await site.put(KEY, '81a16e01')
    const session = await site.sessions().load(COOKIE)
    expect(() => session.set('when', new Set([1]))).toThrow(/MessagePack cannot hold/)
  })
})
