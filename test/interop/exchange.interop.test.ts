/**
 * 10,000 sessions of chance between a Python and this process, in both directions. `VIAL_TEST_SEED` makes others.
 */

import process from 'node:process'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type ExchangeFormat, ExchangePeer, type Written } from './exchange-peer.ts'
import { isTooLarge, samples, sideOf, textOf } from './exchange-side.ts'
import { findPython } from './python.ts'

const FORMATS: readonly ExchangeFormat[] = ['cookie', 'msgpack', 'json', 'pickle']
/** For each format and direction. */
const COUNT = 1_250
const BATCH = 125
const LIMIT = 120_000
const seed = Number(process.env['VIAL_TEST_SEED'] ?? 20_261_120)

const python = findPython()
let peer: ExchangePeer

beforeAll(() => {
  if ('command' in python) peer = new ExchangePeer(python.command)
})
beforeEach((context) => {
  if ('missing' in python) context.skip(python.missing)
})
afterAll(() => peer?.close())

describe.each(FORMATS)('%s', (format) => {
  const side = sideOf(format, true)
  const usual = sideOf(format, false)

  test(
    `${COUNT} sessions of Python are the same here, and there again`,
    async () => {
      for (let done = 0; done < COUNT; done += BATCH) {
        const made = await peer.make(format, seed + done, BATCH)
        const records: string[] = []
        const rewritten: string[] = []
        const expected: string[] = []
        for (const [record, text] of made) {
          same([await side.look(record)], [text], done)
          const left = await side.visit(record, (session) => {
            // One key is new, one is written again, the rest is carried along.
            const [first] = session
            if (first !== undefined) session.set(...first)
            session.set('one more', 1)
            expected.push(textOf(session))
          })
          records.push(left)
          // Each key again with whole floats as numbers, which are floats again by where they stood.
          const again = await usual.visit(record, (session) => {
            for (const [key, value] of [...session]) session.set(key, value)
            session.set('one more', 1)
          })
          rewritten.push(again)
        }
        const read = await peer.read(format, [...records, ...rewritten])
        same(textsOf(read), [...expected, ...expected], done)
      }
    },
    LIMIT,
  )

  test(
    `${COUNT} sessions made here are the same in Python, and here again`,
    async () => {
      let done = 0
      for (let batch = 0; done < COUNT; batch += 1) {
        const records: string[] = []
        const expected: string[] = []
        for (const entries of samples(format, seed + batch, BATCH)) {
          const record = await written(entries)
          if (record === undefined) continue
          records.push(record)
          expected.push(textOf(entries))
        }
        const read = await peer.read(format, records)
        same(textsOf(read), expected, batch)
        for (const [index, [again]] of read.entries()) {
          same([await side.look(again)], expected.slice(index, index + 1), batch)
        }
        done += records.length
      }
    },
    LIMIT,
  )

  test(
    `${COUNT} flashed values show here as Python's str()`,
    async () => {
      for (let done = 0; done < COUNT; done += BATCH) {
        const made = await peer.flash(format, seed + done, BATCH)
        for (const [record, text] of made) {
          const messages: string[] = []
          await usual.visit(record, (session) => {
            messages.push(...session.flashes().map(({ message }) => message))
            session.set('looked', true)
          })
          same(messages, [text], done)
        }
      }
    },
    LIMIT,
  )

  /** Undefined: it is too large for a cookie. */
  async function written(
    entries: readonly (readonly [string, unknown])[],
  ): Promise<string | undefined> {
    try {
      return await side.visit(undefined, (session) => {
        for (const [key, value] of entries) session.set(key, value)
      })
    } catch (error) {
      if (isTooLarge(error)) return undefined
      throw error
    }
  }
})

function textsOf(read: readonly Written[]): readonly string[] {
  return read.map(([, text]) => text)
}

/** Fails with the place where two texts part, as they may be long. */
function same(found: readonly string[], expected: readonly string[], at: number): void {
  expect(found.length).toBe(expected.length)
  for (const [index, text] of found.entries()) {
    const other = expected[index] ?? ''
    if (text === other) continue
    let parted = 0
    while (text[parted] === other[parted]) parted += 1
    const around = (whole: string) => whole.slice(Math.max(0, parted - 60), parted + 60)
    expect(around(text), `VIAL_TEST_SEED=${seed}, from ${at}, session ${index}`).toBe(around(other))
  }
}
