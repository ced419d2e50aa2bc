/** `up`: everything that is not there yet, at once. */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { endService } from './down.ts'
import { givenUrl, type ServiceName, variableOf } from './names.ts'
import { installPackages, whatIsMissing } from './packages.ts'
import { portsOf } from './ports.ts'
import { PortTakenError } from './servers/running-server.ts'
import { startService } from './start.ts'
import { isUp, noteState, readState, type ServiceState } from './state.ts'
import { table } from './table.ts'

interface Outcome {
  readonly name: ServiceName
  readonly url?: string
  /** How it came to be there, or why it is not. */
  readonly what: string
}

/** Starts the services, prints a table and the variables, and resolves to whether all of them are there. */
export async function up(names: readonly ServiceName[]): Promise<boolean> {
  const wanted = names.filter((name) => givenUrl(name) === undefined && !isUp(readState()[name]))
  const busy = new Set<string>(wanted)
  const startedAt = Date.now()
  let timer = setTimeout(tell, 2_000)
  function tell(): void {
    const seconds = Math.round((Date.now() - startedAt) / 1_000)
    console.log(`  still at work on ${[...busy].join(', ')} after ${seconds} s`)
    timer = setTimeout(tell, 5_000)
  }
  try {
    await installPackages(wanted)
    const outcomes = await Promise.all(
      names.map((name) => bring(name).finally(() => busy.delete(name))),
    )
    console.log(table(outcomes.map(({ name, url = '', what }) => [name, url, what])))
    for (const { name, url } of outcomes) {
      if (url !== undefined) console.log(`export ${variableOf(name)}='${url}'`)
    }
    return outcomes.every(({ url }) => url !== undefined)
  } finally {
    clearTimeout(timer)
  }
}

async function bring(name: ServiceName): Promise<Outcome> {
  const given = givenUrl(name)
  if (given !== undefined) return { name, url: given, what: `from ${variableOf(name)}` }
  const before = readState()[name]
  if (isUp(before)) return { name, url: before.url, what: 'was running' }
  if (before !== undefined) await endService(name, before)
  const missing = whatIsMissing(name)
  if (missing !== undefined) return { name, what: missing }

  const startedAt = Date.now()
  try {
    const { url, ...service } = await start(name)
    noteState(name, { url, ...service })
    return { name, url, what: `started in ${((Date.now() - startedAt) / 1_000).toFixed(1)} s` }
  } catch (error) {
    return { name, what: error instanceof Error ? error.message : String(error) }
  }
}

/** Starts one in a folder of its own; on other ports when somebody was faster. */
async function start(name: ServiceName, tries = 3): Promise<ServiceState> {
  const directory = await mkdtemp(join(tmpdir(), `vial-services-${name}-`))
  try {
    const ports = await portsOf(name)
    const { url, processes } = await startService(name, { directory, ports })
    return { url, directory, processes }
  } catch (error) {
    await rm(directory, { recursive: true, force: true })
    if (!(error instanceof PortTakenError) || tries === 1) throw error
    return start(name, tries - 1)
  }
}
