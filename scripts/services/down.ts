/** `down`: ends what `up` has started, and nothing else. */

import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname } from 'node:path'
import type { ServiceName } from './names.ts'
import { end } from './processes.ts'
import { noteState, readState, type ServiceState } from './state.ts'

/** Ends the services and removes their data. */
export async function down(names: readonly ServiceName[]): Promise<void> {
  const state = readState()
  const ended = await Promise.all(
    names.map(async (name) => {
      const service = state[name]
      if (service === undefined) return []
      await endService(name, service)
      return [name]
    }),
  )
  console.log(
    ended.flat().length === 0 ? 'Nothing was running.' : `Ended ${ended.flat().join(', ')}.`,
  )
}

/** Ends one, whatever is left of it. */
export async function endService(name: ServiceName, service: ServiceState): Promise<void> {
  await Promise.all(service.processes.map(({ stop, ...id }) => end(id, stop)))
  if (dirname(service.directory) === tmpdir()) {
    await rm(service.directory, { recursive: true, force: true })
  }
  noteState(name, undefined)
}
