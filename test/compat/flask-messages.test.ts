/** Messages that Flask-Session and this side share: what is shown, in every format, and what overlapping requests see. */

import { tuple } from 'vial'
import { flaskCookie } from 'vial/compat/flask-cookie'
import type { FlaskFormat } from 'vial/compat/flask-session'
import { readPickle, writePickle } from 'vial/serializers/pickle'
import {
  ByteArray,
  Decimal,
  DefaultDict,
  Float,
  type Foreign,
  FrozenSet,
  Markup,
  OrderedDict,
  PlainDate,
  PlainDateTime,
  PlainTime,
  Timedelta,
  Timezone,
  Uuid,
  ZonedDate,
} from 'vial/serializers/python-values'
import { beforeEach, describe, expect, test } from 'vitest'
import { flaskRecords } from '../../src/compat/flask/records.ts'
import { Browser, SECRET } from '../core/requests.ts'
import { foreignCases } from '../serializers/pickle-fixtures.ts'
import { COOKIE, KEY, Site } from './flask-store.ts'

const UUID = '12345678-1234-5678-1234-567812345678'
const HOUR_AHEAD = new Timezone(new Timedelta(0, 3600))
/** 1:02:03.000004 on 29 February 2024, on the clock an hour ahead of UTC. */
const dated = (zone: Timezone) => new ZonedDate(Date.UTC(2024, 1, 29, 0, 2, 3) / 1000, 4000, zone)

let site = new Site()
beforeEach(() => {
  site = new Site()
})

describe('messages', () => {
  test.each<[FlaskFormat, unknown]>([
    ['msgpack', [['info', 'Hi']]],
    ['json', [['info', 'Hi']]],
    ['pickle', [tuple('info', 'Hi')]],
  ])('in %s are what Flask makes of them', async (format, flashes) => {
    await site.put(KEY, '81a16e01')
    await site.browser({ format }, COOKIE).visit((session) => session.flash('Hi', 'info'))
    const records = flaskRecords(format, true)
    const entries = records.split(await site.bytes()) ?? new Map()
    expect(records.decode(entries.get('_flashes'))).toEqual(flashes)
    const session = await site.sessions({ format }).load(COOKIE)
    expect(session.flashes()).toEqual([{ category: 'info', message: 'Hi' }])
  })

  test('Markup stays safe in pickles; MessagePack has no such type, and says so', async () => {
    await site.put(
      KEY,
      Buffer.from(writePickle({ _flashes: [tuple('message', new Markup('<b>'))] })),
    )
    const browser = site.browser({ format: 'pickle' }, COOKIE)
    await browser.visit((session) => {
      expect(session.flashes()).toEqual([{ category: 'message', message: '<b>', html: true }])
      session.flash(new Markup('<i>'))
    })
    expect(readPickle(await site.bytes())).toEqual({
      _flashes: [tuple('message', new Markup('<i>'))],
    })
    const session = await site.sessions().load(undefined)
    expect(() => session.flash(new Markup('<i>'))).toThrow(
      /'_flashes'.*an instance of Markup.*or its text/,
    )
    expect(session.modified).toBe(false)
  })
})

describe('messages that are no text', () => {
  const errors = { name: ['required'] }
  test.each<FlaskFormat>(['msgpack', 'json', 'pickle', 'cachelib-redis'])(
    'in %s show as in Flask',
    async (format) => {
      const other = site.browser({ format })
      await other.visit((session) => session.flash(errors as unknown as string, 'form'))
      const session = await site.sessions({ format }).load(other.cookie)
      expect(session.flashes()).toStrictEqual([
        { category: 'form', message: "{'name': ['required']}", value: errors },
      ])
    },
  )

  // What Python 3.11 gives; test/interop/exchange.interop.test.ts asks it for thousands more.
  test.each<[shown: string, value: unknown]>([
    ["frozenset({'a'})", new FrozenSet(['a'])],
    ['frozenset()', new FrozenSet()],
    [String.raw`bytearray(b"\x00'")`.replace("'", String.raw`\'`), ByteArray.of(0, 39)],
    ["OrderedDict([('a', 1.0)])", new OrderedDict([['a', new Float(1)]])],
    ["defaultdict(<class 'list'>, {'a': [1]})", new DefaultDict('list', [['a', [1]]])],
    ['2024-02-29 01:02:03.000004+01:00', dated(HOUR_AHEAD)],
    [
      "[datetime.datetime(2024, 2, 29, 1, 2, 3, 4, tzinfo=datetime.timezone(datetime.timedelta(seconds=3600), 'CET'))]",
      [dated(new Timezone(new Timedelta(0, 3600), 'CET'))],
    ],
    ['2024-02-29 12:30:00+00:00', new Date('2024-02-29T12:30Z')],
    [
      '{1: datetime.datetime(2024, 2, 29, 12, 30, tzinfo=datetime.timezone.utc)}',
      new Map([[1, new Date('2024-02-29T12:30Z')]]),
    ],
    ['2024-02-29 01:02:00', new PlainDateTime('2024-02-29T01:02', 1)],
    ['[datetime.datetime(2024, 2, 29, 1, 2, fold=1)]', [new PlainDateTime('2024-02-29T01:02', 1)]],
    ['(datetime.date(2024, 2, 9),)', tuple(new PlainDate('2024-02-09'))],
    ['01:02:00+01:00', new PlainTime('01:02', HOUR_AHEAD)],
    [
      '[datetime.time(1, 2, tzinfo=datetime.timezone.utc, fold=1), datetime.timezone.utc]',
      [new PlainTime('01:02', new Timezone(new Timedelta()), 1), new Timezone(new Timedelta())],
    ],
    [
      '[datetime.timedelta(days=-1, seconds=86395), datetime.timedelta(0)]',
      [new Timedelta(0, -5), new Timedelta()],
    ],
    [
      `{'a': (UUID('${UUID}'), Decimal('1.10'))}`,
      { a: tuple(new Uuid(UUID), new Decimal('1.10')) },
    ],
    [
      `{(1, ('a',)): [b'a', {2}]}`,
      new Map([[tuple(1, tuple('a')), [Buffer.from('a'), new Set([2])]]]),
    ],
  ])('%s', async (shown, value) => {
    await site.put(KEY, Buffer.from(writePickle({ _flashes: [tuple('message', value)] })))
    const session = await site.sessions({ format: 'pickle' }).load(COOKIE)
    expect(session.flashes().map(({ message }) => message)).toEqual([shown])
  })

  test('an object of a class that only Python knows is shown by its name and does not get lost', async () => {
    const [recorded] = foreignCases
    const { held } = readPickle(Buffer.from(recorded?.pickles[4] ?? '', 'hex')) as {
      held: [Foreign]
    }
    await site.put(
      KEY,
      Buffer.from(
        writePickle({ _flashes: [tuple('message', held[0]), tuple('form', new Set([1]))] }),
      ),
    )
    const browser = site.browser({ format: 'pickle' }, COOKIE)
    await browser.visit((session) => session.flash('more'))
    const session = await site.sessions({ format: 'pickle' }).load(COOKIE)
    expect(session.flashes().map(({ message }) => message)).toEqual([
      '<foreign_classes.OAuth2Token object>',
      '{1}',
      'more',
    ])
  })
})

describe('messages of requests that overlap', () => {
  const shown = (session: { flashes(): readonly { message: string }[] }) =>
    session.flashes().map(({ message }) => message)

  test.each<FlaskFormat>(['msgpack', 'json', 'pickle', 'cachelib-redis'])(
    'in %s: all that are added are kept, in the order of the commits',
    async (format) => {
      const sessions = site.sessions({ format })
      const browser = new Browser(sessions)
      await browser.visit((session) => session.flash('first'))
      const [one, two] = await Promise.all([0, 1].map(() => sessions.load(browser.cookie)))
      one?.flash('one')
      two?.flash('two')
      for (const session of [two, one]) if (session) await sessions.commit(session)
      expect(shown(await sessions.load(browser.cookie))).toEqual(['first', 'two', 'one'])
    },
  )

  test('two that show at the same time show the same one, and then it is gone', async () => {
    const sessions = site.sessions()
    const browser = new Browser(sessions)
    await browser.visit((session) => session.flash('once'))
    const [one, two] = await Promise.all([0, 1].map(() => sessions.load(browser.cookie)))
    expect([one, two].map((session) => session && shown(session))).toEqual([['once'], ['once']])
    for (const session of [one, two]) if (session) await sessions.commit(session)
    expect(shown(await sessions.load(browser.cookie))).toEqual([])
  })

  test('a value that is claimed is given to one', async () => {
    const sessions = site.sessions()
    const browser = new Browser(sessions)
    await browser.visit((session) => session.set('notice', 'once'))
    const both = await Promise.all([0, 1].map(() => sessions.load(browser.cookie)))
    const claimed = await Promise.all(both.map((session) => sessions.claim(session, 'notice')))
    expect(claimed.toSorted()).toEqual(['once', undefined])
  })

  test('in Flask’s cookie the last response that is stored counts', async () => {
    const sessions = flaskCookie({ secret: SECRET })
    const browser = new Browser(sessions)
    await browser.visit((session) => session.flash('first'))
    const before = browser.cookie
    await browser.visit((session) => expect(shown(session)).toEqual(['first']))
    await new Browser(sessions, before).visit((session) => session.flash('added'))
    // The response that showed it arrived last, so what the other added is lost.
    expect(shown(await sessions.load(browser.cookie))).toEqual([])
    const late = new Browser(sessions, before)
    await late.visit((session) => session.flash('added'))
    // The other way round, the message that was shown is shown again.
    expect(shown(await sessions.load(late.cookie))).toEqual(['first', 'added'])
  })
})
