/** The table of stores agrees with the options of their suites. */

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { withTable } from '../../scripts/docs/page.ts'
import { storeTable } from '../../scripts/docs/store-table.ts'
import { PROFILES } from './profiles.ts'

test('docs/stores.md is what npm run docs:stores writes', () => {
  const page = fileURLToPath(new URL('../../docs/stores.md', import.meta.url))
  const text = readFileSync(page, 'utf8')
  expect(text).toBe(withTable(text, storeTable(Object.values(PROFILES))))
})

test('each store that the package has is in the table', () => {
  const { exports } = JSON.parse(
    readFileSync(fileURLToPath(new URL('../../package.json', import.meta.url)), 'utf8'),
  ) as { exports: Record<string, unknown> }
  const entries = Object.keys(exports).flatMap((name) => /^\.\/stores\/(.+)/.exec(name)?.[1] ?? [])
  const listed = new Set<string>(Object.values(PROFILES).map(({ entry }) => entry))
  // Parts of stores, and the function that opens them.
  const parts = ['memcached-transport', 'node-sqlite', 'open', 'redis-near-cache']
  expect(entries.filter((name) => !listed.has(name) && !parts.includes(name))).toEqual([])
})
