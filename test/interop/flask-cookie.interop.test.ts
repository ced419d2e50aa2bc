/** One cookie, two frameworks: a real Flask application and sessions here, which speak Flask's format. */

import { createSessions, tuple } from 'vial'
import { itsdangerous } from 'vial/seals/itsdangerous'
import { Markup, Uuid } from 'vial/serializers/python-values'
import { taggedJson } from 'vial/serializers/tagged-json'
import { beforeEach, expect, test } from 'vitest'
import { Browser } from '../core/requests.ts'
import { findPython, runScript } from './python.ts'

const python = findPython()
const command = 'command' in python ? python.command : ''
const SECRET = 'q8ZsXn3kLm0PvR7tYb2WcE5uHjKd9aGf'
const OLDER = 'Zx81mPq0vNc5tRw2yUi7oLa4sKd9jHf6'

interface Answer {
  readonly values: Readonly<Record<string, readonly [type: string, repr: string]>>
  readonly set_cookie: readonly string[]
  readonly status: number
}

/** One request to the Flask application. */
function flask(asked: {
  secret?: string
  fallbacks?: string[]
  cookie?: string | undefined
  run?: string
}): Answer {
  const [answer] = runScript<Answer[]>(command, 'flask_app.py', [{ secret: SECRET, ...asked }])
  expect(answer?.status).toBe(200)
  return answer as Answer
}

const cookieOf = (answer: Answer): string => answer.set_cookie[0]?.split(';')[0] as string

function here(secret: string | string[] = SECRET) {
  const seal = itsdangerous({ secret, maxAge: '31d', leeway: '2s' })
  return createSessions({ seal, serializer: taggedJson, cookie: { secure: false } })
}

beforeEach((context) => {
  if ('missing' in python) context.skip(python.missing)
})

test('Flask reads what was built here, with the stated types', async () => {
  const browser = new Browser(here())
  await browser.visit((session) => {
    const values = {
      none: null,
      truth: true,
      int: 7,
      big: 2n ** 70n,
      float: 1.5,
      tiny: 1e-7,
      text: 'é\u{1f600}\u007f"',
      list: [1, ['x']],
      tuple: tuple(1, tuple('a')),
      dict: { b: 1, a: { ' t': [1] } },
      bytes: Buffer.from([0, 255]),
      uuid: new Uuid('12345678-1234-5678-1234-567812345678'),
      markup: new Markup('<b>hi</b>'),
      date: new Date('2024-02-29T12:34:56Z'),
    }
    for (const [key, value] of Object.entries(values)) session.set(key, value)
    session.permanent = true
    session.flash('Saved', 'info')
  })
  const { values } = flask({ cookie: browser.cookie })
  expect(values).toMatchObject({
    none: ['NoneType', 'None'],
    truth: ['bool', 'True'],
    int: ['int', '7'],
    big: ['int', String(2n ** 70n)],
    float: ['float', '1.5'],
    tiny: ['float', '1e-07'],
    text: ['str', `'é\u{1f600}\\x7f"'`],
    list: ['list', "[1, ['x']]"],
    tuple: ['tuple', "(1, ('a',))"],
    dict: ['dict', "{'a': {' t': [1]}, 'b': 1}"],
    bytes: ['bytes', "b'\\x00\\xff'"],
    uuid: ['UUID', "UUID('12345678-1234-5678-1234-567812345678')"],
    markup: ['Markup', "Markup('<b>hi</b>')"],
    date: ['datetime', 'datetime.datetime(2024, 2, 29, 12, 34, 56, tzinfo=datetime.timezone.utc)'],
    _permanent: ['bool', 'True'],
    _flashes: ['list', "[('info', 'Saved')]"],
  })
})

const EVERYTHING = `
import datetime, uuid
from markupsafe import Markup
session.update(none=None, one=1.0, big=2**70, t=(1, [2, (3,)]), b=b'\\x00', m=Markup('<i>'), u=uuid.UUID(int=5),
               d=datetime.datetime(2024, 2, 29, tzinfo=datetime.timezone.utc), nan=float('nan'), lone='\\ud800',
               nested={'1': [1.0, {' t': 1}]}, text='x' * 300, n=1)
`

test('what Flask wrote goes back untouched when one key is changed here', async () => {
  const written = flask({ run: EVERYTHING })
  const before = flask({ cookie: cookieOf(written) }).values
  const browser = new Browser(here(), cookieOf(written))
  await browser.visit((session) => {
    expect(session.get('t')).toEqual(tuple(1, [2, tuple(3)]))
    expect([session.get('big'), session.get('n')]).toEqual([2n ** 70n, 1])
    session.set('n', 2)
  })
  const { n, _vial, ...after } = flask({ cookie: browser.cookie }).values
  expect(n).toEqual(['int', '2'])
  expect(_vial).toBeUndefined()
  const { n: _, ...rest } = before
  expect(after).toEqual(rest)
  expect(Object.keys(after)).toHaveLength(12)
})

test('messages flashed on one side show on the other, once', async () => {
  const flashed = flask({ run: "flash('from Flask', 'error')" })
  const browser = new Browser(here(), cookieOf(flashed))
  await browser.visit((session) => {
    expect(session.flashes()).toEqual([{ category: 'error', message: 'from Flask' }])
    session.flash('from here')
  })
  const shown = flask({
    cookie: browser.cookie,
    run: "found['shown'] = ['list', repr(get_flashed_messages(with_categories=True))]",
  })
  expect(shown.values['shown']?.[1]).toBe("[('message', 'from here')]")
  expect(shown.set_cookie[0]).toMatch(/^session=; Expires=Thu, 01 Jan 1970/)
})

test('keys rotate on either side', async () => {
  const old = flask({ secret: OLDER, run: "session['a'] = 1" })
  const browser = new Browser(here([SECRET, OLDER]), cookieOf(old))
  await browser.visit((session) => session.set('b', 2))
  const read = flask({ cookie: browser.cookie, fallbacks: [OLDER] })
  expect(read.values).toMatchObject({ a: ['int', '1'], b: ['int', '2'] })
  const retired = new Browser(here([OLDER]))
  await retired.visit((session) => session.set('c', 3))
  expect(flask({ cookie: retired.cookie, fallbacks: [OLDER] }).values).toMatchObject({
    c: ['int', '3'],
  })
  expect(flask({ cookie: retired.cookie }).values).toEqual({})
})
