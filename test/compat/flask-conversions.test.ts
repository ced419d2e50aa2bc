/** Keys that are not strings in each format, and what JSON shows of a session. */

import { type StoredSession, tuple } from 'vial'
import { readPickle, writePickle } from 'vial/serializers/pickle'
import { Float, Timedelta, Timezone } from 'vial/serializers/python-values'
import { beforeEach, describe, expect, test } from 'vitest'
import { COOKIE, KEY, Site } from './flask-store.ts'

let site = new Site()
beforeEach(() => {
  site = new Site()
})

const change = (session: StoredSession) => session.set('n', 2)

describe('keys that are not strings', () => {
  const record = writePickle(
    new Map<unknown, unknown>([
      [1, 'one'],
      ['n', 1],
      [new Float(2), new Float(3)],
      [null, [2n ** 70n]],
    ]),
  )

  test('of a pickle keep their types in MessagePack, as Flask-Session 0.8 writes them', async () => {
    const written = await site.kept(record, change)
    // {1: 'one', 'n': 2, 2.0: 3.0, None: ['1180591620717411303424']}
    expect(written.toString('hex')).toBe(
      `8401a36f6e65a16e02cb4000000000000000cb4008000000000000c091b6${Buffer.from(String(2n ** 70n)).toString('hex')}`,
    )
    // What is MessagePack now stays so.
    const again = await site.kept(written, (session) => session.set('n', 3))
    expect(again.toString('hex')).toBe(written.toString('hex').replace('a16e02', 'a16e03'))
  })

  test('of MessagePack keep their types in a pickle', async () => {
    const msgpack = Buffer.from('8301a36f6e65a16e01cb4000000000000000cb4008000000000000', 'hex')
    const written = await site.kept(msgpack, change, { format: 'pickle' })
    expect(readPickle(written, { exactFloats: true })).toEqual(
      new Map<unknown, unknown>([
        [1, 'one'],
        ['n', 2],
        [new Float(2), new Float(3)],
      ]),
    )
  })

  test('are text in JSON', async () => {
    const written = await site.kept(
      writePickle(
        new Map<unknown, unknown>([
          [1, 'one'],
          ['n', 1],
        ]),
      ),
      change,
      {
        format: 'json',
      },
    )
    expect(written.toString()).toBe('{"1":"one","n":2}')
  })

  test('that MessagePack cannot hold are named', async () => {
    const record = Buffer.from(
      writePickle(
        new Map<unknown, unknown>([
          [1, '\ud800'],
          ['n', 1],
        ]),
      ),
    )
    await site.put(KEY, record)
    const visit = site.browser({}, COOKIE).visit(change)
    await expect(visit).rejects.toThrow(/key that is not a string: .*surrogate/)
    expect((await site.bytes()).equals(record)).toBe(true)
  })
})

describe('JSON of a session', () => {
  test('has what comes near a value that JSON lacks', async () => {
    await site.put(
      KEY,
      Buffer.from(
        writePickle({
          big: 2n ** 70n,
          map: new Map<unknown, unknown>([[1, new Map<unknown, unknown>([[tuple(1), 2n ** 64n]])]]),
          bytes: Buffer.from([0, 255]),
          set: new Set([1, 'x']),
          list: [new Uint8Array([1]), tuple(1, 2n ** 54n)],
          delta: new Timedelta(1, 5),
          zone: new Timezone(new Timedelta(0, 3600)),
          when: new Date(0),
          float: new Float(9),
          same: { a: [1] },
        }),
      ),
    )
    const session = await site.sessions().load(COOKIE)
    expect(JSON.parse(JSON.stringify(session))).toEqual({
      big: String(2n ** 70n),
      map: { '1': { '1': String(2n ** 64n) } },
      bytes: 'AP8=',
      set: [1, 'x'],
      list: ['AQ==', [1, String(2n ** 54n)]],
      delta: 'P1DT5S',
      zone: 'UTC+01:00',
      when: '1970-01-01T00:00:00.000Z',
      float: 9,
      same: { a: [1] },
    })
    expect(JSON.stringify(session.toJSON())).toBe(JSON.stringify(session))
    expect(session.modified).toBe(false)
    session.set('buffer', Buffer.from('a'))
    expect(session.toJSON()['buffer']).toBe('YQ==')
  })

  test.each([
    [new Timedelta(), '0:00:00'],
    [new Timedelta(1, 5), '1 day, 0:00:05'],
    [new Timedelta(0, -1), '-1 day, 23:59:59'],
    [new Timedelta(-2, 0, 1), '-2 days, 0:00:00.000001'],
    [new Timedelta(30, 45_296), '30 days, 12:34:56'],
    [new Timezone(new Timedelta()), 'UTC'],
    [new Timezone(new Timedelta(0, 19_800)), 'UTC+05:30'],
    [new Timezone(new Timedelta(0, -3600)), 'UTC-01:00'],
    [new Timezone(new Timedelta(0, -3601, 0)), 'UTC-01:00:01'],
    [new Timezone(new Timedelta(0, 3600), 'CET'), 'CET'],
  ])('in a template %o is Python’s str()', (value, text) => {
    expect(`${value}`).toBe(text)
  })
})
