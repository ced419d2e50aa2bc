/**
 * The race: many processes write one session at once, and requests are in flight at a logout. Prints what every store
 * kept, next to what express-session keeps with the package for that server, or to the same store used without
 * compare-and-set.
 *
 * Usage: npm run race -- [--only NAME,…] [--commits N] [--schedules N] [--seed TEXT] [--markdown | --json]
 */

import { availableParallelism } from 'node:os'
import process from 'node:process'
import { service } from '../../test/support/services.ts'
import type { Backend } from './backend.ts'
import { peerOf } from './contender.ts'
import { type Options, readOptions, USAGE, UsageError } from './options.ts'
import { clear, say } from './progress.ts'
import { race } from './race.ts'
import { losers, type NotRun, type Report, type Row, toMarkdown, toText } from './report.ts'
import { backendOf } from './targets.ts'

const FORMATS = {
  text: toText,
  markdown: toMarkdown,
  json: (report: Report) => JSON.stringify(report, undefined, 2),
}

try {
  await run(readOptions(process.argv.slice(2)))
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  say(`${error.message}\n${USAGE}`)
  process.exitCode = 2
}

async function run(options: Options): Promise<void> {
  const rows: Row[] = []
  const notRun: NotRun[] = []
  const skip = (store: string, reason: string) => {
    notRun.push({ store, reason })
    say(`${store}: not run, ${reason}`)
  }
  let broken = false
  const attempt = async <T>(label: string, work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work()
    } catch (error) {
      broken = true
      skip(label, `it broke: ${error instanceof Error ? error.message : String(error)}`)
      return undefined
    }
  }
  for (const name of options.names) {
    const backend = await attempt(name, () => backendOf(name))
    if (backend === undefined) continue
    const server = serverOf(backend)
    if ('missing' in server) {
      skip(name, server.missing)
      continue
    }
    const { url } = server
    const vial = await attempt(name, () => race(name, backend, 'vial', name, url, options))
    if (vial === undefined) continue
    const peer = peerOf(backend)
    const label = `${name}, ${peer}`
    const other =
      peer && (await attempt(label, () => race(name, backend, 'peer', label, url, options)))
    const atomic = backend.notAtomic !== true
    rows.push({ store: name, atomic, vial, ...(other && { peer: { name: peer, ...other } }) })
  }
  print(options, rows, notRun)
  if (broken || rows.length === 0) process.exitCode = 1
}

function print(options: Options, rows: readonly Row[], notRun: readonly NotRun[]): void {
  const { processes, commits, schedules, seed, format } = options
  const date = new Date().toISOString().slice(0, 10)
  const machine = { date, node: process.versions.node, cores: availableParallelism() }
  const report: Report = { ...machine, processes, commits, schedules, seed, rows, notRun }
  clear()
  console.log(FORMATS[format](report))
  const lost = losers(report)
  if (lost.length === 0) return
  say(`Lost something, or failed: ${lost.join(', ')}.`)
  process.exitCode = 1
}

/** The URL of the server that it needs, or why there is none. */
function serverOf(backend: Backend): { readonly url: string } | { readonly missing: string } {
  const missing = backend.missing?.()
  if (missing !== undefined) return { missing }
  return backend.service === undefined ? { url: '' } : service(backend.service)
}
