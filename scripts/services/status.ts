/** `status`: what is there. */

import { givenUrl, SERVICES, variableOf } from './names.ts'
import { isUp, readState } from './state.ts'
import { table } from './table.ts'

/** Prints a table. */
export function status(): void {
  const state = readState()
  const rows = SERVICES.map((name) => {
    const given = givenUrl(name)
    if (given !== undefined) return [name, given, `from ${variableOf(name)}`]
    const service = state[name]
    if (service === undefined) return [name, '', 'not started']
    const pids = service.processes.map(({ pid }) => pid).join(' ')
    return [name, service.url, isUp(service) ? `runs as ${pids}` : `has ended: it was ${pids}`]
  })
  console.log(table(rows))
}
