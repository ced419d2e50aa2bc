/**
 * The race: many processes write one session at once, requests are in flight at a logout, and a session is rotated beside
 * a logout and among busy writers. Prints what every store kept, next to what express-session keeps with the package for
 * that server, or to the same store used without compare-and-set.
 *
 * Sessions with Flask's ids are not in the race: their rotation is a new record and a delete, so a logout beside it can
 * leave the new session alive.
 */

import { randomBytes } from 'node:crypto'
import { availableParallelism } from 'node:os'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { service } from '../../test/support/services.ts'
import { peerOf } from './processes.ts'
import { type Options, race } from './race.ts'
import { losers, type NotRun, type Report, type Row, toMarkdown, toText } from './report.ts'
import { BACKENDS, type Backend } from './stores.ts'

const NAMES = Object.keys(BACKENDS)

const USAGE = `Usage: npm run race -- [options]
  --only NAME,…     these stores: ${NAMES.join(', ')}
  --commits N       commits of each process on one session, 200
  --schedules N     logouts against 4 requests in flight, 1000
  --rotations N     logins and regenerates against a logout in flight, 1000
  --contended N     logins and as many regenerates among 3 busy writers, 20
  --revocations N   revocations of all sessions of a user, with 9 requests in flight, 1000
  --limits N        times that a user logs in too often at once, 10
  --timeout MS      the time limit of a commit among busy writers; vial's own
  --processes N     processes of the application, 8
  --seed TEXT       of the delays in the schedules; random and printed
  --markdown        the table as Markdown, with its date
  --json            everything, as JSON`

const FORMATS = {
  text: toText,
  markdown: toMarkdown,
  json: (report: Report) => JSON.stringify(report, undefined, 2),
}

/** A command line that cannot be followed. */
class UsageError extends Error {}

try {
  await run(readOptions(process.argv.slice(2)))
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  console.error(`${error.message}\n${USAGE}`)
  process.exitCode = 2
}

async function run(options: Options): Promise<void> {
  const rows: Row[] = []
  const notRun: NotRun[] = []
  let isBroken = false
  const skip = (store: string, reason: string): void => {
    notRun.push({ store, reason })
    console.error(`${store}: not run, ${reason}`)
  }
  for (const name of options.names) {
    const backend = BACKENDS[name] as Backend
    const server = serverOf(backend)
    if ('missing' in server) {
      skip(name, server.missing)
      continue
    }
    const attempt = async (label: string, kind: 'vial' | 'peer') => {
      const { timeout } = options
      const setup = { backend: name, kind, ...(timeout !== undefined && { timeout }) }
      try {
        return await race(setup, server.url, options, progressOf(label))
      } catch (error) {
        isBroken = true
        skip(label, `it broke: ${error instanceof Error ? error.message : String(error)}`)
        return undefined
      }
    }
    const vial = await attempt(name, 'vial')
    if (vial === undefined) continue
    const peer = peerOf(backend)
    const other = peer === undefined ? undefined : await attempt(`${name}, ${peer}`, 'peer')
    const isAtomic = backend.notAtomic !== true
    const beside = other !== undefined && peer !== undefined ? { name: peer, ...other } : undefined
    rows.push({ store: name, atomic: isAtomic, vial, ...(beside && { peer: beside }) })
  }
  const { names: _, format, timeout: __, ...numbers } = options
  const date = new Date().toISOString().slice(0, 10)
  const machine = { date, node: process.versions.node, cores: availableParallelism() }
  const report: Report = { ...machine, ...numbers, rows, notRun }
  console.log(FORMATS[format](report))
  const lost = losers(report)
  if (lost.length > 0) console.error(`Lost something, or failed: ${lost.join(', ')}.`)
  if (isBroken || rows.length === 0 || lost.length > 0) process.exitCode = 1
}

/** The URL of the server that a store needs, or why there is none. */
function serverOf(backend: Backend): { readonly url: string } | { readonly missing: string } {
  const missing = backend.missing?.()
  if (missing !== undefined) return { missing }
  return backend.service === undefined ? { url: '' } : service(backend.service)
}

/** Reports on one run: a line every ten seconds. */
function progressOf(label: string): (line: string) => void {
  let due = performance.now() + 10_000
  return (line) => {
    if (performance.now() < due) return
    due = performance.now() + 10_000
    console.error(`${label}: ${line} …`)
  }
}

/** @throws {UsageError} That names what is wrong. */
function readOptions(args: readonly string[]): Options {
  const values = parse(args)
  if (values.json && values.markdown) throw new UsageError('Give --json or --markdown, not both.')
  const timeout =
    values.timeout === undefined ? {} : { timeout: wholeNumber('timeout', values.timeout) }
  return {
    ...timeout,
    names: chosen(values.only),
    processes: wholeNumber('processes', values.processes),
    commits: wholeNumber('commits', values.commits),
    schedules: wholeNumber('schedules', values.schedules),
    rotations: wholeNumber('rotations', values.rotations),
    contended: wholeNumber('contended', values.contended),
    revocations: wholeNumber('revocations', values.revocations),
    limits: wholeNumber('limits', values.limits),
    seed: values.seed ?? randomBytes(4).toString('hex'),
    format: values.json ? 'json' : values.markdown ? 'markdown' : 'text',
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        only: { type: 'string', multiple: true },
        commits: { type: 'string', default: '200' },
        schedules: { type: 'string', default: '1000' },
        rotations: { type: 'string', default: '1000' },
        contended: { type: 'string', default: '20' },
        revocations: { type: 'string', default: '1000' },
        limits: { type: 'string', default: '10' },
        timeout: { type: 'string' },
        processes: { type: 'string', default: '8' },
        seed: { type: 'string' },
        markdown: { type: 'boolean' },
        json: { type: 'boolean' },
      },
    }).values
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error })
  }
}

function chosen(only: readonly string[] | undefined): readonly string[] {
  if (only === undefined) return NAMES
  const names = only.flatMap((list) => list.split(',')).map((name) => name.trim())
  const unknown = names.filter((name) => !NAMES.includes(name))
  if (unknown.length > 0) {
    throw new UsageError(
      `There is no store '${unknown.join("', '")}' in the race. There are: ${NAMES.join(', ')}.`,
    )
  }
  return NAMES.filter((name) => names.includes(name))
}

function wholeNumber(option: string, text: string): number {
  const number = Number(text)
  if (/^\d+$/.test(text) && number >= 1 && number <= 1_000_000) return number
  throw new UsageError(`--${option} takes a whole number from 1 to 1000000, not '${text}'.`)
}
