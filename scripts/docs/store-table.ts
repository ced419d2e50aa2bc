/** The table of stores: what each keeps of the contract, from what its suite is told. */

import { storeSentences } from '../../src/testing/index.ts'
import type { Profile } from '../../test/stores/profiles.ts'

const MILLION = 1_000_000

/** Markdown: one row a store, then every sentence that one does not keep, with the reason. */
export function storeTable(profiles: readonly Profile[]): string {
  const rows = profiles.map((profile) => {
    const { title, entry, on, suite } = profile
    const cells = [
      `${title} ([\`${entry}\`](${pageOf(entry)}))`,
      suite.atomic === false ? '**no**' : 'yes',
      duration(suite.resolution ?? 1),
      limitOf(profile),
      numbers(profile).join(', ') || 'none',
      on,
    ]
    return `| ${cells.join(' | ')} |`
  })
  return [
    '| store | compares and sets | expiry to | largest record | left out | the suite runs on |',
    '|---|---|---|---|---|---|',
    ...rows,
    '',
    'Left out, and why:',
    '',
    ...reasons(profiles),
  ].join('\n')
}

/** What is left out, sentence or single case, in the order of the contract. */
function reasons(profiles: readonly Profile[]): string[] {
  return storeSentences().flatMap(({ number, title, cases }) =>
    [number, ...cases].flatMap((name) => {
      const told = reasonsFor(profiles, name)
      const what = name === number ? title : name.slice(number.length + 1)
      return told.length ? [`- **${number}**, ${what}. ${told.join('. ')}.`] : []
    }),
  )
}

function reasonsFor(profiles: readonly Profile[], name: string): string[] {
  const by = new Map<string, string[]>()
  for (const { title, suite } of profiles) {
    const reason = suite.deviations?.[name]
    if (reason) by.set(reason, [...(by.get(reason) ?? []), title])
  }
  return [...by].map(([reason, titles]) => `${titles.join('; ')}: ${reason}`)
}

function numbers({ suite }: Profile): string[] {
  const all = Object.keys(suite.deviations ?? {}).map((key) => key.split(' ')[0] as string)
  const order = storeSentences().map(({ number }) => number)
  const sorted = [...new Set(all)].sort((a, b) => order.indexOf(a) - order.indexOf(b))
  return suite.atomic === false ? ['what compares', ...sorted] : sorted
}

function limitOf({ limit, suite: { maxBytes } }: Profile): string {
  if (limit !== undefined) return limit
  if (maxBytes === undefined) throw new Error('a profile tells no limit')
  return maxBytes >= MILLION ? `${maxBytes / MILLION} MB` : `${maxBytes / 1000} KB`
}

function duration(ms: number): string {
  return ms < 1000 ? `${ms} ms` : `${ms / 1000} s`
}

/** Stores without a page of their own lead to their source. */
const SOURCES: Readonly<Record<string, string>> = {
  memory: '../src/stores/memory.ts',
  file: '../src/stores/file/index.ts',
}

function pageOf(entry: string): string {
  return SOURCES[entry] ?? `stores/${entry}.md`
}
