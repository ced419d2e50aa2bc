import process from 'node:process'
import { isTuple, tuple } from 'vial'
import { type FlaskCookieOptions, flaskCookie } from 'vial/compat/flask-cookie'
import { Float, Markup, Uuid } from 'vial/serializers/python-values'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { Browser, Clock, listener, SECRET, setCookie } from '../core/requests.ts'
import { flaskMade, payload } from './flask-cookies.ts'

const OLDER = 'Zx81mPq0vNc5tRw2yUi7oLa4sKd9jHf6'

let clock = new Clock()
beforeEach(() => {
  clock = new Clock()
  vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
})

function here(options: Partial<FlaskCookieOptions> = {}) {
  return flaskCookie({ secret: SECRET, now: clock.now, ...options })
}
const visitor = (options?: Partial<FlaskCookieOptions>, cookie?: string) =>
  new Browser(here(options), cookie)
const seconds = (): number => clock.at / 1000

async function read(cookie: string | undefined, options: Partial<FlaskCookieOptions> = {}) {
  const { events, onEvent } = listener()
  const session = await here({ ...options, onEvent }).load(cookie)
  return { data: Object.fromEntries(session), events }
}

async function visitorWith(options: Partial<FlaskCookieOptions>, data: object = { a: 1 }) {
  const browser = visitor(options)
  await browser.visit((session) => {
    for (const [key, value] of Object.entries(data)) session.set(key, value)
  })
  return browser
}

describe('the dictionary', () => {
  test('Flask’s empty and not empty', async () => {
    const only = visitor()
    await only.visit((session) => {
      session.permanent = true
    })
    expect(payload(only.cookie)).toBe('{"_permanent":true}')
    await only.visit((session) => session.clear())
    expect(only.cookie).toBeUndefined()

    const left = visitor({}, flaskMade('{"_permanent":true,"a":1}', seconds()))
    await left.visit((session) => session.delete('a'))
    expect(payload(left.cookie)).toBe('{"_permanent":true}')
    const emptied = visitor({}, flaskMade('{"a":1}', seconds()))
    await emptied.visit((session) => session.delete('a'))
    expect(emptied.cookie).toBeUndefined()
  })

  test('nothing of ours is in it, unless a feature needs it', async () => {
    const browser = await visitorWith({})
    expect(payload(browser.cookie)).toBe('{"a":1}')
    await browser.visit((session) => session.login('ann'))
    expect(payload(browser.cookie)).toMatch(
      /^\{"_vial":\{"created":\d+,"loggedIn":\d+,"user":"ann"\},"a":1\}$/,
    )
  })

  test('keys are sorted as Flask sorts them', async () => {
    const { cookie } = await visitorWith({}, { '\u{10000}': 1, '\uffff': 2, b: 3, B: 4 })
    expect(payload(cookie)).toBe('{"B":4,"b":3,"\\uffff":2,"\\ud800\\udc00":1}')
  })

  test('what was not touched goes back byte for byte', async () => {
    const others = `"big":${2n ** 70n},"d":{" d":"Thu, 29 Feb 2024 12:34:56 +0530"},"f":1.0,"l":[1.0,{" t":[]}],"x":{" zz":1}`
    const browser = visitor({}, flaskMade(`{"a":1,${others}}`, seconds()))
    await browser.visit((session) => {
      for (const _ of session);
      session.set('a', 2)
    })
    expect(payload(browser.cookie)).toBe(`{"a":2,${others}}`)
  })

  test('what was read and written again means the same to Flask', async () => {
    const json =
      '{"b":{" b":"AP8="},"f":1.0,"l":[1.0,{"k":2.0}],"m":{" m":"<b>"},"t":{" t":[1,2.0]},"u":{" u":"00000000000000000000000000000005"}}'
    const browser = visitor({}, flaskMade(json, seconds()))
    await browser.visit((session) => {
      expect(session.get('f')).toBe(1)
      expect(isTuple(session.get('t'))).toBe(true)
      for (const [key, value] of [...session]) session.set(key, value)
      ;(session.get('l') as unknown[]).push(3)
    })
    expect(payload(browser.cookie)).toBe(json.replace('{"k":2.0}]', '{"k":2.0},3.0]'))
  })

  test('with exactFloats whole floats are objects, and numbers for `data` that says number', async () => {
    const cookie = flaskMade('{"f":1.0,"g":2.0}', seconds())
    const exact = visitor({ exactFloats: true }, cookie)
    await exact.visit((session) => {
      expect(session.get('f')).toEqual(new Float(1))
      session.set('f', session.get('f'))
    })
    expect(payload(exact.cookie)).toBe('{"f":1.0,"g":2.0}')
    const data = z.object({ f: z.number(), g: z.number() }).partial()
    const sessions = flaskCookie({ secret: SECRET, now: clock.now, data })
    const session = await sessions.load(cookie)
    expect(session.get('f')).toBe(1)
  })

  test('types that Flask has and JavaScript not', async () => {
    const uuid = '12345678-1234-5678-1234-567812345678'
    const values = {
      m: new Markup('<i>'),
      t: tuple(1, [2]),
      u: new Uuid(uuid),
      d: new Date('2024-02-29T12:34:56Z'),
    }
    const browser = await visitorWith({}, values)
    expect((await read(browser.cookie)).data).toEqual(values)
    await expect(visitorWith({}, { s: new Set([1]) })).rejects.toThrow(/'s'.*a Set/)
  })
})

describe('strangers', () => {
  test.each([
    ['session=', undefined],
    ['session=x', 'malformed'],
    [`${flaskMade('{"a":1}', 1_800_000_000)}AA`, 'malformed'],
    [flaskMade('{"a":1}', 1_800_000_000, OLDER), 'forged'],
    // Flask answers 500 to these until the cookie is gone.
    [flaskMade('{"a":', 1_800_000_000), 'invalid'],
    [flaskMade('[1]', 1_800_000_000), 'invalid'],
  ])('%s: a fresh session', async (cookie, reason) => {
    const { data, events } = await read(cookie)
    expect(data).toEqual({})
    expect(events).toEqual(reason === undefined ? [] : [{ type: 'rejected', reason }])
  })

  test('a damaged value is an error when it is read, and goes back as it is', async () => {
    const browser = visitor({}, flaskMade('{"a":1,"u":{" u":"x"}}', seconds()))
    await browser.visit((session) => {
      expect(() => session.get('u')).toThrow(/'u'.*/)
      session.set('a', 2)
    })
    expect(payload(browser.cookie)).toBe('{"a":2,"u":{" u":"x"}}')
  })
})

describe('messages', () => {
  test('are tuples in a list, and Markup stays safe', async () => {
    const browser = visitor()
    await browser.visit((session) => {
      session.flash('Hello')
      session.flash(new Markup('<b>Bad</b>'), 'error')
    })
    expect((await read(browser.cookie)).data).toEqual({})
    const sessions = here()
    const session = await sessions.load(browser.cookie)
    expect(session.flashes()).toEqual([
      { category: 'message', message: 'Hello' },
      { category: 'error', message: '<b>Bad</b>', html: true },
    ])
    const commit = await sessions.commit(session)
    expect(setCookie(commit)).toMatch(/^session=; Expires=Thu, 01 Jan 1970/)
  })

  test('a dictionary that was flashed is never taken for safe HTML', async () => {
    const json = '{"_flashes":[{" t":["message",{"html":"<script>"}]},["info","list"]]}'
    const session = await here().load(flaskMade(json, seconds()))
    expect(session.flashes()).toEqual([
      { category: 'message', message: "{'html': '<script>'}", value: { html: '<script>' } },
      { category: 'info', message: 'list' },
    ])
  })

  test.each<[json: string, message: string, value: unknown]>([
    [
      '{"age":["Not a number.","It\'s <0>."],"name":["This field is required."]}',
      `{'age': ['Not a number.', "It's <0>."], 'name': ['This field is required.']}`,
      { age: ['Not a number.', "It's <0>."], name: ['This field is required.'] },
    ],
    ['null', 'None', null],
    ['true', 'True', true],
    ['9', '9', 9],
    ['9.0', '9.0', 9],
    ['1e-05', '1e-05', 0.00001],
    ['1e16', '1e+16', 1e16],
    ['NaN', 'nan', Number.NaN],
    ['-Infinity', '-inf', Number.NEGATIVE_INFINITY],
    [`${2n ** 70n}`, `${2n ** 70n}`, 2n ** 70n],
    ['[1,2.0,[]]', '[1, 2.0, []]', [1, 2, []]],
    ['{" t":[1]}', '(1,)', tuple(1)],
    ['{" t":["a",{" t":[]}]}', "('a', ())", tuple('a', tuple())],
    ['{" b":"AP9hJw=="}', `b"\\x00\\xffa'"`, new Uint8Array([0, 255, 97, 39])],
    [
      '{" d":"Thu, 29 Feb 2024 12:34:56 GMT"}',
      '2024-02-29 12:34:56+00:00',
      new Date('2024-02-29T12:34:56Z'),
    ],
    [
      '{" u":"00000000000000000000000000000005"}',
      '00000000-0000-0000-0000-000000000005',
      new Uuid('00000000000000000000000000000005'),
    ],
    ['[{" m":"<b>"}]', "[Markup('<b>')]", [new Markup('<b>')]],
    [
      '["a\\nb\\u00a0\\u00e9\\u200b\\ud83d\\ude00\\\\ \'\\""]',
      `['a\\nb\\xa0é\\u200b😀\\\\ \\'"']`,
      ['a\nb\u00a0é\u200b😀\\ \'"'],
    ],
  ])('a message that is %s in Flask shows as there', async (json, message, value) => {
    const cookie = flaskMade(
      `{"_flashes":[{" t":["form",${json}]},{" t":[null,"next"]}]}`,
      seconds(),
    )
    const browser = visitor({}, cookie)
    await browser.visit((session) => {
      expect(session.flashes({ categories: ['form'] })).toStrictEqual([
        { category: 'form', message, value },
      ])
    })
    expect(payload(browser.cookie)).toBe('{"_flashes":[{" t":[null,"next"]}]}')
    await browser.visit((session) => {
      expect(session.flashes()).toEqual([{ category: 'None', message: 'next' }])
    })
  })

  test('one that is no text stays as it is when another arrives', async () => {
    const json = '{"_flashes":[{" t":["form",{"age":[1.0]}]}]}'
    const browser = visitor({}, flaskMade(json, seconds()))
    await browser.visit((session) => session.flash('more'))
    expect(payload(browser.cookie)).toBe(
      '{"_flashes":[{" t":["form",{"age":[1.0]}]},{" t":["message","more"]}]}',
    )
  })
})
