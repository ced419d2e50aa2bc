/** What is tried on each pair of a Flask and a vial that share sessions. Each gives the differences that it found. */

import { canonical } from './canonical.ts'
import { type Page, SharedBrowser } from './shared-browser.ts'
import { type ValueFormat, valueNamed } from './values.ts'

/** Two sites on one backend. */
export interface Pair {
  /** Origins. */
  readonly flask: string
  readonly vial: string
  readonly format: ValueFormat
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

/** Something that is tried. */
export interface Scenario {
  /** Resolves to the differences. None: both sides agree. */
  run(pair: Pair): Promise<readonly string[]>
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
  work: (browser: SharedBrowser, names: readonly string[]) => Promise<string[]>,
): Promise<string[]> {
  const differences: string[] = []
  for (const some of chunks(names)) differences.push(...(await work(new SharedBrowser(), some)))
  return differences
}

async function writtenThere(pair: Pair): Promise<readonly string[]> {
  return onEach(pair, async (browser, names) => {
    await browser.visit(pair.flask, 'write', names)
    const read = await browser.visit(pair.vial, 'read')
    return names.flatMap((name) => [
      ...difference(name, read[name], pair.alone[name]?.[1]),
      // What is read is what was meant, and not only the same text.
      ...difference(name, read[name], canonical(valueNamed(pair.format, name))),
    ])
  })
}

async function writtenHere(pair: Pair): Promise<readonly string[]> {
  return onEach(pair, async (browser, names) => {
    await browser.visit(pair.vial, 'write', names)
    return [...rewritten(pair, names, await browser.visit(pair.flask, 'read'))]
  })
}

async function oneChangedHere(pair: Pair): Promise<readonly string[]> {
  return onEach(pair, async (browser, names) => {
    await browser.visit(pair.flask, 'write', names)
    await browser.visit(pair.vial, 'change', 'here')
    const read = await browser.visit(pair.flask, 'read')
    const changed = difference('changed', textOf(read, 'changed', 1), '"here"')
    return [...untouched(pair, names, read), ...changed]
  })
}

async function rewrittenHere(pair: Pair): Promise<readonly string[]> {
  return onEach(pair, async (browser, names) => {
    await browser.visit(pair.flask, 'write', names)
    await browser.visit(pair.vial, 'rewrite')
    const read = await browser.visit(pair.flask, 'read')
    return [...rewritten(pair, names, read), ...rewritten(pair, names, read, 'again ')]
  })
}

async function oneChangedThere(pair: Pair): Promise<readonly string[]> {
  return onEach(pair, async (browser, names) => {
    await browser.visit(pair.vial, 'write', names)
    await browser.visit(pair.flask, 'change', 'there')
    const read = await browser.visit(pair.vial, 'read')
    return [...names, 'changed'].flatMap((name) =>
      difference(name, read[name], name === 'changed' ? '"there"' : pair.alone[name]?.[1]),
    )
  })
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
function rewritten(
  { alone }: Pair,
  names: readonly string[],
  read: Page,
  prefix = '',
): readonly string[] {
  return names.flatMap((name) => {
    const at = name === REORDERED ? 1 : 0
    return difference(name, textOf(read, prefix + name, at), alone[name]?.[at])
  })
}

function textOf(read: Page, key: string, at: 0 | 1): unknown {
  return (read[key] as readonly unknown[] | undefined)?.[at]
}

function difference(name: string, found: unknown, expected: unknown): string[] {
  return found === expected && expected !== undefined
    ? []
    : [`${name}: ${String(found)} in place of ${String(expected)}`]
}

async function flashes(pair: Pair): Promise<readonly string[]> {
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
  return differences([
    // Here a message is a text, whatever it was there.
    [
      'here',
      here,
      { shown: shown.map(([category, text]) => [category, text?.replace('Markup ', '')]) },
    ],
    ['there', there, { shown }],
    ['once', again, [{ shown: [] }, { shown: [] }]],
  ])
}

async function logouts(pair: Pair): Promise<readonly string[]> {
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
  return found
}

async function permanence(pair: Pair): Promise<readonly string[]> {
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
  return found
}

/** Both find the record of the other, and each gives it its own lifetime. */
async function deadlines(pair: Pair): Promise<readonly string[]> {
  if (pair.cookie) return []
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
  return found
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
  flash: { run: flashes, ...whole },
  logout: { run: logouts, ...whole },
  permanent: { run: permanence, ...whole },
  'record and expiry': { run: deadlines, ...whole, inCookie: false },
}
