/** What is tried on each pair of a Flask and a vial that share sessions. Each gives the differences that it found. */

import { canonical } from './canonical.ts'
import { type Page, SharedBrowser } from './shared-browser.ts'
import { plainFloats, type ValueFormat, valueNamed } from './values.ts'

/** Two sites on one backend. */
export interface Pair {
  /** Origins. */
  readonly flask: string
  readonly vial: string
  readonly format: ValueFormat
  /** Whether the vial site reads a whole float as a `Float`. */
  readonly exactFloats: boolean
  /** Of all values. */
  readonly names: readonly string[]
  /** What Flask alone shows of each value: its `repr`, and its canonical text. */
  readonly alone: Readonly<Record<string, readonly [repr: string, text: string]>>
  /** Of both, s. */
  readonly lifetimes: { readonly flask: number; readonly vial: number }
  /** Whether the session itself is in the cookie. */
  readonly cookie: boolean
  /** Whether Flask keeps sessions that end with the browser. */
  readonly keepsTransient: boolean
}

/** What came out of a scenario. */
export interface Found {
  /** What is not as it should be. */
  readonly wrong: readonly string[]
  /** By its name, what a value is that is an int where Flask alone has a whole float: a Python `repr`, or canonical text. */
  readonly numbers?: Readonly<Record<string, string>>
}

/** Something that is tried. */
export interface Scenario {
  run(pair: Pair): Promise<Found>
  /** Whether each value is looked at. */
  readonly eachValue: boolean
  /** Whether there is anything to see where the session is in the cookie. */
  readonly inCookie: boolean
}

/** So many values fit into a cookie together with their copies. */
const CHUNK = 12

export function chunks(names: readonly string[]): readonly (readonly string[])[] {
  const count = Math.ceil(names.length / CHUNK)
  return Array.from({ length: count }, (_, at) => names.slice(at * CHUNK, (at + 1) * CHUNK))
}

/** Runs `work` once for every handful of values, each in a session of its own. */
async function onEach(
  { names }: Pair,
  work: (browser: SharedBrowser, names: readonly string[]) => Promise<Found>,
): Promise<Found> {
  const found: Found[] = []
  for (const some of chunks(names)) found.push(await work(new SharedBrowser(), some))
  return together(found)
}

function together(found: readonly Found[]): Found {
  const numbers = Object.assign({}, ...found.map((one) => one.numbers)) as Record<string, string>
  return { wrong: found.flatMap((one) => one.wrong), numbers }
}

function writtenThere(pair: Pair): Promise<Found> {
  return onEach(pair, async (browser, names) => {
    await browser.visit(pair.flask, 'write', names)
    return readHere(pair, names, await browser.visit(pair.vial, 'read'))
  })
}

function writtenHere(pair: Pair): Promise<Found> {
  return onEach(pair, async (browser, names) => {
    await browser.visit(pair.vial, 'write', names)
    return rewritten(pair, names, await browser.visit(pair.flask, 'read'))
  })
}

function oneChangedHere(pair: Pair): Promise<Found> {
  return onEach(pair, async (browser, names) => {
    await browser.visit(pair.flask, 'write', names)
    await browser.visit(pair.vial, 'change', 'here')
    const read = await browser.visit(pair.flask, 'read')
    const changed = difference('changed', textOf(read, 'changed', 1), '"here"')
    return { wrong: [...untouched(pair, names, read), ...changed] }
  })
}

function rewrittenHere(pair: Pair): Promise<Found> {
  return onEach(pair, async (browser, names) => {
    await browser.visit(pair.flask, 'write', names)
    await browser.visit(pair.vial, 'rewrite')
    return rewritten(pair, names, await browser.visit(pair.flask, 'read'))
  })
}

function copiedHere(pair: Pair): Promise<Found> {
  return onEach(pair, async (browser, names) => {
    await browser.visit(pair.flask, 'write', names)
    await browser.visit(pair.vial, 'copy')
    const read = await browser.visit(pair.flask, 'read')
    const copies = Object.fromEntries(names.map((name) => [name, read[`copy of ${name}`]]))
    // A float under a new key takes the place of none.
    const asNumbers = names.filter((name) => !pair.exactFloats && hasWholeFloats(pair, name))
    const exact = names.filter((name) => !asNumbers.includes(name))
    return together([
      rewritten(pair, exact, copies),
      {
        wrong: asNumbers.flatMap((name) =>
          difference(name, textOf(copies, name, 1), hereText(pair, name)),
        ),
        numbers: Object.fromEntries(
          asNumbers.map((name) => [name, String(textOf(copies, name, 0))]),
        ),
      },
    ])
  })
}

function oneChangedThere(pair: Pair): Promise<Found> {
  return onEach(pair, async (browser, names) => {
    await browser.visit(pair.vial, 'write', names)
    await browser.visit(pair.flask, 'change', 'there')
    const read = await browser.visit(pair.vial, 'read')
    const changed = difference('changed', read['changed'], '"there"')
    return together([readHere(pair, names, read), { wrong: changed }])
  })
}

/** The canonical text of a value that is read here. */
function hereText({ format, exactFloats }: Pair, name: string): string {
  const value = valueNamed(format, name)
  return canonical(exactFloats ? value : plainFloats(value))
}

function hasWholeFloats({ format }: Pair, name: string): boolean {
  const value = valueNamed(format, name)
  return canonical(value) !== canonical(plainFloats(value))
}

/** Each value is what Python meant, but for whole floats. */
function readHere(pair: Pair, names: readonly string[], read: Page): Found {
  const numbers = names.filter((name) => !pair.exactFloats && hasWholeFloats(pair, name))
  return {
    wrong: names.flatMap((name) => [
      ...difference(name, read[name], hereText(pair, name)),
      ...difference(name, canonical(valueNamed(pair.format, name)), pair.alone[name]?.[1]),
    ]),
    numbers: Object.fromEntries(numbers.map((name) => [name, String(read[name])])),
  }
}

/**
 * The one thing that a value loses when it is written here: an object of JavaScript has keys such as "9" first, and in
 * their order as numbers. The dictionaries are equal.
 */
const REORDERED = 'dict_numeric_keys'

/** Python's own `repr` of each value that was carried along. */
function untouched({ alone }: Pair, names: readonly string[], read: Page): readonly string[] {
  return names.flatMap((name) => difference(name, textOf(read, name, 0), alone[name]?.[0]))
}

/** Python's own `repr` of each value that was written here. */
function rewritten({ alone }: Pair, names: readonly string[], read: Page): Found {
  const wrong = names.flatMap((name) => {
    const at = name === REORDERED ? 1 : 0
    return difference(name, textOf(read, name, at), alone[name]?.[at])
  })
  return { wrong }
}

function textOf(read: Page, key: string, at: 0 | 1): unknown {
  return (read[key] as readonly unknown[] | undefined)?.[at]
}

function difference(name: string, found: unknown, expected: unknown): string[] {
  return found === expected && expected !== undefined
    ? []
    : [`${name}: ${String(found)} in place of ${String(expected)}`]
}

async function flashes(pair: Pair): Promise<Found> {
  const browser = new SharedBrowser()
  const markup = pair.names.includes('markup')
  const messages = [
    { message: 'Grüße', category: 'message', markup: false },
    { message: '<b>bold</b>', category: 'error', markup },
  ]
  const shown = [
    ['"message"', canonical('Grüße')],
    ['"error"', `${markup ? 'Markup ' : ''}"<b>bold</b>"`],
  ]
  for (const message of messages) await browser.visit(pair.flask, 'flash', message)
  const here = await browser.visit(pair.vial, 'flashes')
  for (const message of messages) await browser.visit(pair.vial, 'flash', message)
  const there = await browser.visit(pair.flask, 'flashes')
  const again = [
    await browser.visit(pair.flask, 'flashes'),
    await browser.visit(pair.vial, 'flashes'),
  ]
  const wrong = differences([
    // Here a message is a text, whatever it was there.
    [
      'here',
      here,
      { shown: shown.map(([category, text]) => [category, text?.replace('Markup ', '')]) },
    ],
    ['there', there, { shown }],
    ['once', again, [{ shown: [] }, { shown: [] }]],
  ])
  return { wrong }
}

async function logouts(pair: Pair): Promise<Found> {
  const found: string[] = []
  for (const [name, origin, other] of [
    ['there', pair.flask, pair.vial],
    ['here', pair.vial, pair.flask],
  ] as const) {
    const browser = new SharedBrowser()
    await browser.visit(origin, 'change', 'secret')
    await browser.visit(other, 'change', 'secret')
    const before = browser.cookie
    await browser.visit(origin, 'logout')
    found.push(...differences([[`the cookie after a logout ${name}`, browser.cookie, undefined]]))
    // A copy of the cookie ends with its record; where it is the record, nothing can end it.
    if (pair.cookie) continue
    browser.cookie = before
    for (const site of [pair.flask, pair.vial]) {
      const { _permanent, ...left } = await browser.visit(site, 'read')
      found.push(...differences([[`what is left after a logout ${name}`, left, {}]]))
    }
  }
  return { wrong: found }
}

async function permanence(pair: Pair): Promise<Found> {
  const found: string[] = []
  for (const [name, origin, other] of [
    ['there', pair.flask, pair.vial],
    ['here', pair.vial, pair.flask],
  ] as const) {
    for (const permanent of pair.keepsTransient ? [true, false, true] : [true]) {
      const browser = new SharedBrowser()
      await browser.visit(origin, 'change', 1)
      await browser.visit(origin, 'permanent', permanent)
      const kept = browser.persistent
      const answer = await browser.visit(other, 'permanent')
      await browser.visit(other, 'change', 2)
      found.push(
        ...differences([
          [
            `set ${name}`,
            [kept, answer, browser.persistent],
            [permanent, { permanent }, permanent],
          ],
        ]),
      )
    }
  }
  return { wrong: found }
}

/** Both find the record of the other, and each gives it its own lifetime. */
async function deadlines(pair: Pair): Promise<Found> {
  if (pair.cookie) return { wrong: [] }
  const found: string[] = []
  for (const [name, origin, lifetime] of [
    ['there', pair.flask, pair.lifetimes.flask],
    ['here', pair.vial, pair.lifetimes.vial],
  ] as const) {
    const browser = new SharedBrowser()
    await browser.visit(origin, 'change', 1)
    const { id, left } = await browser.visit(pair.flask, 'stored')
    const near = typeof left === 'number' && left > lifetime - 60 && left <= lifetime + 5
    const inCookie = browser.cookie?.startsWith(`session=${String(id)}`) === true
    found.push(
      ...differences([[`written ${name}, with ${String(left)} s`, [near, inCookie], [true, true]]]),
    )
  }
  return { wrong: found }
}

function differences(
  rows: readonly (readonly [name: string, found: unknown, expected: unknown])[],
): string[] {
  return rows.flatMap(([name, found, expected]) =>
    JSON.stringify(found) === JSON.stringify(expected)
      ? []
      : [`${name}: ${JSON.stringify(found)} in place of ${JSON.stringify(expected)}`],
  )
}

const values = { eachValue: true, inCookie: true } as const
const whole = { eachValue: false, inCookie: true } as const

/** By the titles of their columns. */
export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  'written there, read here': { run: writtenThere, ...values },
  'written here, read there': { run: writtenHere, ...values },
  'one changed here': { run: oneChangedHere, ...values },
  'one changed there': { run: oneChangedThere, ...values },
  'rewritten here': { run: rewrittenHere, ...values },
  'copied here': { run: copiedHere, ...values },
  flash: { run: flashes, ...whole },
  logout: { run: logouts, ...whole },
  permanent: { run: permanence, ...whole },
  'record and expiry': { run: deadlines, ...whole, inCookie: false },
}
