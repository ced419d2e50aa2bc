/**
 * Flask and vial on one backend, one cookie between them: every value, both ways. With `VIAL_INTEROP_RESULTS=write`, which
 * is what `npm run interop:results` sets, interop/RESULTS.md is written; else it is compared.
 */

import { writeFileSync } from 'node:fs'
import process from 'node:process'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Running, startPair, whyNot } from './pair.ts'
import {
  committedLines,
  matrixLine,
  matrixLines,
  type Result,
  resultsPage,
  strangers,
} from './results.ts'
import { ROWS, type Row, titleOf } from './rows.ts'
import { type Found, SCENARIOS } from './scenarios.ts'

const LIMIT = 120_000
const results = new Map<Row, Result>()

describe.each(ROWS.map((row) => [titleOf(row), row] as const))('%s', (_, row) => {
  const missing = whyNot(row)
  const found = new Map<string, Found>()
  let running: Running | undefined

  beforeAll(async () => {
    if (missing === undefined) running = await startPair(row)
    results.set(row, {
      row,
      found,
      ...(missing !== undefined && { missing }),
      ...(running && { alone: running.pair.alone, versions: running.versions }),
    })
  }, LIMIT)
  beforeEach((context) => {
    if (missing !== undefined) context.skip(missing)
  })
  afterAll(() => running?.stop())

  test.each(Object.entries(SCENARIOS))(
    '%s',
    async (name, scenario) => {
      const came = await scenario.run((running as Running).pair)
      found.set(name, came)
      expect(came.wrong).toEqual([])
    },
    LIMIT,
  )
})

test('interop/RESULTS.md says what came out', () => {
  const all = [...results.values()]
  console.log(matrixLines(all).join('\n'))
  if (process.env['VIAL_INTEROP_RESULTS'] === 'write') {
    // A row that did not start is no result.
    expect(all.length).toBe(ROWS.length)
    const { file, text } = resultsPage(all)
    writeFileSync(file, text)
  }
  const committed = committedLines()
  // What was left out here may have run where the file was made.
  const ran = all.filter(({ found }) => found.size === Object.keys(SCENARIOS).length)
  expect(committed).toEqual(expect.arrayContaining(ran.map(matrixLine)))
  expect(strangers(committed)).toEqual([])
})
