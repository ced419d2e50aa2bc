/**
 * The race: many processes write one session at once, and requests are in flight at a logout. Prints what every store
 * kept, next to the same store used without compare-and-set.
 *
 * Usage: npm run race -- [--store NAME] [--schedules N] [--commits N]
 */

import { type ChildProcess, fork } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Store } from 'vial'
import { commits, raceSessions, type Tally } from './commits.ts'
import { logouts } from './logout.ts'
import { naive } from './naive.ts'
import { type Target, target, targets } from './targets.ts'

const WRITERS = 8
const { values } = parseArgs({
  options: {
    store: { type: 'string' },
    schedules: { type: 'string', default: '200' },
    commits: { type: 'string', default: '200' },
  },
})
const perWriter = Number(values.commits)
const schedules = Number(values.schedules)
const expected = WRITERS * perWriter

interface Row {
  readonly store: string
  readonly kept: number
  readonly counter: number
  readonly alive: number
  readonly retries: number
  readonly seconds: number
}

const rows: Row[] = []
for (const entry of values.store === undefined ? targets : [target(values.store)]) {
  for (const kind of ['vial', 'naive'] as const) rows.push(await race(entry, kind))
}
print(rows)
const failed = rows.filter(
  (row) =>
    !row.store.startsWith('naive') &&
    (row.kept < expected || row.counter !== expected || row.alive > 0),
)
if (failed.length > 0) {
  console.error(`Lost something: ${failed.map((row) => row.store).join(', ')}.`)
  process.exitCode = 1
}

async function race(entry: Target, kind: 'vial' | 'naive'): Promise<Row> {
  const place = await mkdtemp(join(tmpdir(), 'vial-race-'))
  const label = kind === 'naive' ? `naive ${entry.name}` : entry.name
  const store = kind === 'naive' ? naive(entry.open(place)) : entry.open(place)
  try {
    const sessions = raceSessions(store)
    const session = await sessions.load(undefined)
    session.set('counter', 0)
    const cookie = (await sessions.commit(session)).headers[0]?.[1].split(';')[0] as string
    say(`${label}: ${WRITERS} writers × ${perWriter} commits on one session …`)
    const begin = performance.now()
    const tallies = entry.shared
      ? await inProcesses(entry.name, place, cookie, kind)
      : await inOneProcess(store, cookie)
    const seconds = (performance.now() - begin) / 1000
    const after = await sessions.load(cookie)
    const alive = await logouts(store, schedules, (done) => {
      if (done % 50 === 0) say(`${label}: ${done} of ${schedules} logouts …`)
    })
    const retries = tallies.reduce((sum, tally) => sum + tally.retries, 0)
    return {
      store: label,
      kept: [...after.keys()].filter((key) => key.startsWith('writer')).length,
      counter: Number(after.get('counter')),
      alive,
      retries,
      seconds,
    }
  } finally {
    await store.close?.()
    await rm(place, { recursive: true, force: true })
  }
}

/** A life cycle for each writer, so that their commits race in the store and not in one queue. */
function inOneProcess(store: Store, cookie: string): Promise<Tally[]> {
  return Promise.all(
    Array.from({ length: WRITERS }, (_, writer) => commits(store, cookie, writer, perWriter)),
  )
}

async function inProcesses(
  name: string,
  place: string,
  cookie: string,
  kind: string,
): Promise<Tally[]> {
  const script = fileURLToPath(new URL('./writer.ts', import.meta.url))
  const children = Array.from({ length: WRITERS }, (_, writer) =>
    fork(script, [name, place, cookie, String(writer), String(perWriter), kind], {
      execArgv: ['--import', 'tsx'],
    }),
  )
  await Promise.all(children.map((child) => said(child)))
  const tallies = Promise.all(children.map((child) => said(child) as Promise<Tally>))
  for (const child of children) child.send('go')
  return tallies
}

function said(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    child.once('message', resolve)
    child.once('exit', (code) => {
      if (code !== 0) reject(new Error(`A writer ended with code ${code}.`))
    })
  })
}

function print(all: readonly Row[]): void {
  say('')
  console.log(
    `| store | kept of ${expected} | counter | alive after logout, of ${schedules} | retries per commit | commits/s |`,
  )
  console.log('|---|---|---|---|---|---|')
  for (const { store, kept, counter, alive, retries, seconds } of all) {
    const perCommit = (retries / expected).toFixed(2)
    const rate = Math.round(expected / seconds)
    console.log(`| ${store} | ${kept} | ${counter} | ${alive} | ${perCommit} | ${rate} |`)
  }
}

function say(line: string): void {
  console.error(line)
}
