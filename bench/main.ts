/** `npm run bench`: measures and prints tables. The words choose topics; with `http` also frameworks and contenders. */

import { readFileSync, writeFileSync } from 'node:fs'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { keepAwake, machine } from './common/machine.ts'
import type { Options } from './common/options.ts'
import { markdown, type Report, type Table } from './common/report.ts'
import { startServer } from './common/stores.ts'

const PAGE = fileURLToPath(new URL('../docs/performance.md', import.meta.url))
/** The part of the page that `--docs` replaces. */
const FIGURES = /(<!-- figures: [^\n]* -->\n)[\s\S]*?(<!-- end of figures -->)/

/** Each topic is a module of its own, so that no topic loads what only another one needs. */
const TOPICS: Readonly<Record<string, () => Promise<{ run(options: Options): Promise<Report> }>>> =
  {
    http: () => import('./http/main.ts'),
    tail: () => import('./http/tail.ts'),
    micro: () => import('./micro/main.ts'),
    commands: () => import('./commands/main.ts'),
    near: () => import('./near/main.ts'),
    stored: () => import('./stored/main.ts'),
    start: () => import('./start/main.ts'),
  }

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    /** Puts the table of `http` into `docs/performance.md`. */
    docs: { type: 'boolean', default: false },
    /** The folder of another build, after the name of its commit: `417ebc8=/tmp/build`. */
    against: { type: 'string', multiple: true, default: [] },
  },
})
const named = positionals.filter((word) => word in TOPICS)
const topics =
  named.length > 0 ? named : values.quick || values.docs ? ['http'] : Object.keys(TOPICS)
const options: Options = {
  quick: values.quick,
  check: values.check,
  only: positionals.filter((word) => !(word in TOPICS)),
  against: new Map(values.against.map((one) => one.split('=') as [string, string])),
}

const redis = process.env['BENCH_REDIS_URL'] === undefined ? await startServer('redis') : undefined
if (redis !== undefined) process.env['BENCH_REDIS_URL'] = redis.url
try {
  console.log(`${machine()}; ${keepAwake()}\n`)
  for (const topic of topics) {
    const load = TOPICS[topic]
    if (load === undefined) continue
    const startedAt = performance.now()
    const { tables, docs } = await (await load()).run(options)
    console.log(`## ${topic}\n\n${tables.map(markdown).join('\n\n')}\n`)
    console.error(`  ${topic} took ${Math.round((performance.now() - startedAt) / 1000)} s`)
    if (values.docs && docs !== undefined) fillPage(docs)
  }
} finally {
  await redis?.stop()
}

function fillPage(table: Table): void {
  const text = `${markdown(table)}\n\n${machine()}, \`npm run bench -- http --docs\`.`
  const page = readFileSync(PAGE, 'utf8')
  if (!FIGURES.test(page)) throw new Error(`${PAGE} has no place for the figures.`)
  writeFileSync(
    PAGE,
    page.replace(FIGURES, (_, begin: string, end: string) => `${begin}\n${text}\n\n${end}`),
  )
}
