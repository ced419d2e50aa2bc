/** What a request costs on each framework, beside the bare framework, the peers, and the builds of other commits. */

import { isAsked, type Options } from '../common/options.ts'
import { digits, type Report, rangeOf, type Table } from '../common/report.ts'
import { boundsTable, FLASK, judge } from './bounds.ts'
import { coldOpens } from './cold-open.ts'
import type { Contender } from './contender.ts'
import { startGunicorn } from './flask/gunicorn.ts'
import { contendersOf, FRAMEWORKS, type Framework } from './frameworks.ts'
import type { WorkloadName } from './page.ts'
import { type Entry, type Measured, measure } from './rounds.ts'

/** With `--quick`: the framework that adds the least of its own, and the kinds of sessions that differ the most. */
const QUICK_FRAMEWORK = 'fastify'
const QUICK = /^(?:bare|control|vial (?:cookie|redis)|@fastify\/.*)$/
/** Servers that no bound is about: for the table of `docs/performance.md`, and left out beside another build. */
const SHOWN: ReadonlySet<string> = new Set(['iron-session', '@hono/session cookie'])
/** Servers that one framework stands for. */
const ONLY_ON: Readonly<Record<string, Framework>> = { 'vial near': 'fastify' }
/** Sessions that are read at 4 KB, too. */
const LARGE: ReadonlySet<string> = new Set([
  'vial redis',
  'express-session + connect-redis',
  '@fastify/session + connect-redis',
])

export async function run(options: Options): Promise<Report> {
  const { quick, check, against } = options
  const groups = await groupsOf(options)
  const measured = await measure({
    groups,
    processes: check ? 1 : quick ? 2 : 3,
    // Twelve windows of each server in all.
    rounds: check ? 0 : quick ? 6 : 4,
    seconds: 1,
    connections: 100,
  })
  if (check) return { tables: [checkTable(groups)] }
  const judged = [...judge(measured, [...against.keys()]), ...(await coldOpens(against, options))]
  return {
    tables: [boundsTable(judged), ...groups.map((group) => frameworkTable(measured, group))],
    docs: docsTable(measured),
  }
}

async function groupsOf(options: Options): Promise<Entry[][]> {
  const words = options.only.filter((word) => !isFramework(word))
  const frameworks = options.only.filter(isFramework)
  const chosen = FRAMEWORKS.filter((framework) => {
    if (frameworks.length > 0) return frameworks.includes(framework)
    return !options.quick || framework === QUICK_FRAMEWORK
  })
  const groups = await Promise.all(chosen.map((framework) => groupOf(framework, words, options)))
  return groups.filter((entries) => entries.length > 0)
}

function isFramework(word: string): word is Framework {
  return FRAMEWORKS.some((framework) => framework === word)
}

async function groupOf(
  framework: Framework,
  words: readonly string[],
  { quick, against, check }: Options,
): Promise<Entry[]> {
  const entries: Entry[] = []
  const add = (name: string, contender: Contender): void => {
    const isBare = name === 'bare' || name === 'control'
    if (!isBare && !isAsked({ only: words }, name)) return
    if (words.length === 0 && !check) {
      if (quick && !QUICK.test(name)) return
      if (against.size > 0 && SHOWN.has(name)) return
      if ((ONLY_ON[name] ?? framework) !== framework) return
    }
    const workloads = workloadsOf(name)
    entries.push({ framework, label: name, name, contender, workloads })
    if (!name.startsWith('vial ') || name === 'vial near') return
    for (const [commit, build] of against) {
      const label = `${name} @ ${commit}`
      const both = workloads.filter((workload) => workload !== 'read 4 KB')
      entries.push({ framework, label, name, contender, build, workloads: both })
    }
  }
  for (const [name, contender] of Object.entries(await contendersOf(framework))) {
    add(name, contender)
  }
  const python = process.env['BENCH_PYTHON']
  if (framework === 'express' && !quick) {
    if (python !== undefined) add(FLASK, { start: () => startGunicorn(python) })
    else console.error(`${FLASK}: not measured, as no Python has all three.`)
  }
  return entries
}

/** Both pages of a bare server are the same, so one is measured. */
function workloadsOf(name: string): readonly WorkloadName[] {
  if (name === 'bare' || name === 'control' || name === 'vial near') return ['read']
  return LARGE.has(name) ? ['read', 'write', 'read 4 KB'] : ['read', 'write']
}

function frameworkTable(measured: readonly Measured[], [first]: readonly Entry[]): Table {
  const framework = first?.framework ?? ''
  const own = measured.filter((one) => one.framework === framework)
  return {
    title: `${framework}: the lower quartile of the windows (all of them), requests per second, latency`,
    head: ['', 'CPU per request, µs', 'requests per second', 'p99, ms'],
    rows: own.map(({ label, workload, cpu, windows, perSecond, p99 }) => [
      `${workload}: ${label}`,
      `${digits(cpu)} (${rangeOf(windows)})`,
      String(Math.round(perSecond)),
      digits(p99),
    ]),
  }
}

/** A row for each way to keep sessions. */
function docsTable(measured: readonly Measured[]): Table {
  const names = new Set(
    measured
      .filter(({ label }) => !label.includes(' @ ') && label !== 'control')
      .map(({ framework, label }) => `${framework}\n${label}`),
  )
  const rows = [...names].map((name) => {
    const [framework = '', label = ''] = name.split('\n')
    const of = (workload: WorkloadName, other = label): Measured | undefined =>
      measured.find(
        (one) => one.framework === framework && one.label === other && one.workload === workload,
      )
    const bare = of('read', 'bare')?.cpu ?? Number.NaN
    const overhead = (workload: WorkloadName): string => {
      const cpu = of(workload)?.cpu
      if (cpu === undefined) return ''
      return label === 'bare' ? digits(cpu) : `+ ${digits(cpu - bare)}`
    }
    const perSecond = Math.round(of('read')?.perSecond ?? Number.NaN)
    const where = label === FLASK ? '' : `${NAMES[framework] ?? framework}: `
    return [
      `${where}${label === 'bare' ? 'no session' : label}`,
      overhead('read'),
      overhead('write'),
      perSecond.toLocaleString('en'),
    ]
  })
  return {
    title:
      'CPU of the server in µs per request: the bare framework, and what each kind of session adds to it',
    head: ['', 'read', 'write', 'reads per second, one process'],
    rows,
  }
}

const NAMES: Readonly<Record<string, string>> = {
  express: 'Express',
  fastify: 'Fastify',
  hono: 'Hono',
}

function checkTable(groups: readonly (readonly Entry[])[]): Table {
  return {
    title: 'Started and checked',
    head: ['', 'servers'],
    rows: groups.map((entries) => [
      entries[0]?.framework ?? '',
      entries.map(({ label }) => label).join(', '),
    ]),
  }
}
