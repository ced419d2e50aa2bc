/**
 * `npm run bench`: measures, prints the tables, and keeps them in `results/`. The words choose topics; with `http` also
 * frameworks and contenders.
 */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { startRedis } from '../scripts/services/servers/redis.ts'
import { machine } from './common/machine.ts'
import type { Options } from './common/options.ts'
import { fillPage } from './common/pages.ts'
import { markdown, type Report } from './common/report.ts'
import { keepAwake } from './common/waking.ts'

const RESULTS = fileURLToPath(new URL('results', import.meta.url))
const PAGES = ['README.md', '../docs/performance.md'].map((page) =>
  fileURLToPath(new URL(page, import.meta.url)),
)

/** Each topic in its own module, so that none of them loads what only another one needs. */
const TOPICS: Readonly<Record<string, () => Promise<{ run(options: Options): Promise<Report> }>>> =
  {
    http: () => import('./http/main.ts'),
    untouched: () => import('./http/untouched.ts'),
    tail: () => import('./http/tail.ts'),
    connections: () => import('./http/connections.ts'),
    micro: () => import('./micro/main.ts'),
    commands: () => import('./commands/main.ts'),
    near: () => import('./near/main.ts'),
    stored: () => import('./growth/stored.ts'),
    records: () => import('./growth/records.ts'),
    memory: () => import('./growth/memory.ts'),
    churn: () => import('./growth/churn.ts'),
    start: () => import('./start/main.ts'),
    flask: () => import('./flask/main.ts'),
  }
/** What daily use wants to know, in under three minutes. */
const QUICK = ['http']

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    /** name=folder of another build. */
    against: { type: 'string', multiple: true, default: [] },
  },
})
const named = positionals.filter((word) => word in TOPICS)
const topics = named.length > 0 ? named : values.quick ? QUICK : Object.keys(TOPICS)
const options: Options = {
  quick: values.quick,
  check: values.check,
  only: positionals.filter((word) => !(word in TOPICS)),
  against: new Map(values.against.map((one) => one.split('=') as [string, string])),
}

mkdirSync(RESULTS, { recursive: true })
const redis = process.env['BENCH_REDIS_URL'] === undefined ? await startRedis() : undefined
if (redis !== undefined) process.env['BENCH_REDIS_URL'] = redis.url
try {
  console.log(`${machine()}; ${keepAwake()}\n`)
  for (const topic of topics) {
    const load = TOPICS[topic]
    if (load === undefined) continue
    const startedAt = performance.now()
    const report = await (await load()).run(options)
    const text = report.tables.map(markdown).join('\n\n')
    console.log(`## ${topic}\n\n${text}\n`)
    console.error(`  ${topic} took ${Math.round((performance.now() - startedAt) / 1000)} s`)
    // A part of the whole would pass for all of it.
    if (!options.check && options.only.length === 0) keep(topic, text, report)
  }
} finally {
  await redis?.stop()
}

function keep(topic: string, text: string, { data, plots = {} }: Report): void {
  const name = options.quick ? `quick-${topic}` : topic
  const flags = [
    ...(options.quick ? ['--quick'] : []),
    ...[...options.against.keys()].map((commit) => `--against=${commit}`),
  ]
  const head = `${machine()}, \`npm run bench -- ${[topic, ...flags].join(' ')}\``
  writeFileSync(join(RESULTS, `${name}.md`), `${head}\n\n${text}\n`)
  writeFileSync(join(RESULTS, `${name}.json`), `${JSON.stringify({ machine: machine(), data })}\n`)
  if (!options.quick) {
    for (const [file, svg] of Object.entries(plots)) writeFileSync(join(RESULTS, file), svg)
  }
  for (const page of PAGES) fillPage(page, RESULTS)
}
