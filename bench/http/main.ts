/** What a request costs on each framework, beside the bare framework and every peer. */

import { isAsked, type Options } from '../common/options.ts'
import { digits, type Report, type Table } from '../common/report.ts'
import { barPlot } from '../common/svg.ts'
import type { Contender, Contenders } from './contender.ts'
import { FRAMEWORKS } from './frameworks.ts'
import { PATHS } from './page.ts'
import { type Entry, type Measured, measure, overRounds } from './rounds.ts'
import { overhead, targetTable } from './targets.ts'
import { WORKLOADS } from './workloads.ts'

/** Of the topic `untouched`. */
const CONTROLS: ReadonlySet<string> = new Set(['bare again', 'empty middleware'])
/** What is the same on each framework, and is measured on some. */
const MEASURED_ON: Readonly<Record<string, readonly string[]>> = {
  'vial flask': ['express'],
  'vial redis-idle': ['express'],
  'vial redis-near': ['express', 'fastify'],
  'floor cookie': ['express', 'fastify', 'hono'],
  'floor memory': ['express', 'fastify', 'hono'],
  'floor redis': ['express', 'fastify', 'hono'],
}

/** Where the size of a session is measured, too. */
const SIZED: ReadonlySet<string> = new Set(['express', 'fastify'])

/** For daily use: the framework that adds least of its own, and what its targets are about. */
const QUICK_FRAMEWORK = 'fastify'
const QUICK =
  /^(?:bare|vial (?:cookie|memory|redis)|@fastify\/session \+ connect-redis|@fastify\/secure-session)$/

export async function run(options: Options): Promise<Report> {
  const entries = await entriesOf(options)
  const measured = await measure({
    entries,
    // What does not ask for its session has a topic of its own, with more rounds.
    workloads: WORKLOADS.filter(
      ({ name, path }) => path !== PATHS.plain && (!options.quick || !name.includes('-')),
    ),
    isFor: ({ name }, { framework }) => !name.includes('-') || SIZED.has(framework),
    processes: options.check ? 1 : 2,
    rounds: options.check ? 0 : 3,
    seconds: 1,
    warmUp: 1,
    connections: 100,
  })
  return reportOf(measured)
}

/** The tables and plots of what was measured. */
export function reportOf(measured: readonly Measured[]): Report {
  return {
    tables: [
      targetTable(measured),
      ...(measured.length === 0 ? [] : [ratioTable(measured)]),
      ...tablesOf(measured),
    ],
    data: measured,
    plots: plotsOf(measured),
  }
}

async function entriesOf(options: Options): Promise<Entry[]> {
  const entries: Entry[] = []
  for (const framework of FRAMEWORKS) {
    if (options.quick && options.only.length === 0 && framework !== QUICK_FRAMEWORK) continue
    const { CONTENDERS } = (await import(`./servers/${framework}.ts`)) as { CONTENDERS: Contenders }
    for (const [name, contender] of Object.entries(CONTENDERS)) {
      if (!isOffered(framework, name, options)) continue
      if (options.only.length === 0 && MEASURED_ON[name]?.includes(framework) === false) continue
      if (options.quick && options.only.length === 0 && !QUICK.test(name)) continue
      entries.push({ framework, label: name, name, contender, env: {} })
      entries.push(...earlier(framework, name, contender, options))
    }
  }
  return entries
}

/** The bare framework and its floor are always there: without them the figures mean nothing. */
function isOffered(framework: string, name: string, { only }: Options): boolean {
  const words = only.filter((word) => !FRAMEWORKS.includes(word as 'express'))
  const named = only.filter((word) => FRAMEWORKS.includes(word as 'express'))
  return (
    (named.length === 0 || named.includes(framework)) &&
    (name === 'bare' || (!CONTROLS.has(name) && isAsked({ only: words }, name)))
  )
}

function earlier(
  framework: string,
  name: string,
  contender: Contender,
  { against }: Options,
): Entry[] {
  if (!name.startsWith('vial')) return []
  return [...against].map(([commit, folder]) => ({
    framework,
    label: `${name} @ ${commit}`,
    name,
    contender,
    env: { VIAL_DIST: folder },
  }))
}

function tablesOf(measured: readonly Measured[]): Table[] {
  const frameworks = [...new Set(measured.map(({ framework }) => framework))]
  return frameworks.flatMap((framework) => {
    const own = measured.filter((one) => one.framework === framework)
    return [
      table(
        own,
        `${framework}: CPU of the server, µs per request (least to most)`,
        ({ cpu }) => `${digits(cpu.median)} (${digits(cpu.least)}–${digits(cpu.most)})`,
      ),
      table(own, `${framework}: the user time in it, µs per request`, ({ user }) =>
        digits(user.median),
      ),
      table(own, `${framework}: requests per second`, ({ perSecond }) =>
        String(Math.round(perSecond.median)),
      ),
      table(own, `${framework}: median latency with 100 connections, ms`, ({ p50 }) =>
        digits(p50.median),
      ),
    ]
  })
}

/** The steadiest figures: what slows the machine for a while slows both of a round. */
function ratioTable(measured: readonly Measured[]): Table {
  const workloads = [...new Set(measured.map(({ workload }) => workload))]
  const names = [...new Set(measured.map(({ framework, label }) => `${framework}: ${label}`))]
  const of = (name: string, workload: string): string => {
    const one = measured.find(
      (other) => `${other.framework}: ${other.label}` === name && other.workload === workload,
    )
    const bare = measured.find(
      ({ framework, label, workload: its }) =>
        framework === one?.framework && label === 'bare' && its === workload,
    )
    if (one === undefined || bare === undefined) return ''
    const { median, least, most } = overRounds(one, bare, (a, b) => a / b)
    return `${digits(median)} (${digits(least)}–${digits(most)})`
  }
  return {
    title:
      'CPU of the server as a multiple of the bare framework: median of the rounds (least to most)',
    head: ['', ...workloads],
    rows: names.map((name) => [name, ...workloads.map((workload) => of(name, workload))]),
  }
}

function table(
  measured: readonly Measured[],
  title: string,
  cell: (one: Measured) => string,
): Table {
  const workloads = [...new Set(measured.map(({ workload }) => workload))]
  const labels = [...new Set(measured.map(({ label }) => label))]
  const of = (label: string, workload: string): string => {
    const found = measured.find((one) => one.label === label && one.workload === workload)
    return found === undefined ? '' : cell(found)
  }
  return {
    title,
    head: ['', ...workloads],
    rows: labels.map((label) => [label, ...workloads.map((workload) => of(label, workload))]),
  }
}

/** Overhead per framework, of what keeps its records in the same place. */
function plotsOf(measured: readonly Measured[]): Record<string, string> {
  const plot = (workload: string, small: string): string =>
    barPlot({
      title: `What a session costs: ${workload} of ${small}`,
      unit: 'CPU of the server above the bare framework, µs per request',
      groups: FRAMEWORKS.flatMap((framework) => {
        const own = measured.filter(
          (one) => one.framework === framework && one.workload === workload,
        )
        const bare = own.find(({ label }) => label === 'bare')
        if (bare === undefined) return []
        const bars = own
          .filter(({ label }) => !/^(?:bare|empty)|@ |-idle|-near|useSession/.test(label))
          .map((one) => ({
            name: one.label,
            value: overhead(one, bare),
            low: one.cpu.least - bare.cpu.median,
            high: one.cpu.most - bare.cpu.median,
          }))
        return [{ name: framework, bars }]
      }),
    })
  return { 'read.svg': plot('read', '200 B'), 'write.svg': plot('write', '200 B') }
}
