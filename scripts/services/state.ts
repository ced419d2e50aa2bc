/** What `up` has running, in a file, so that tests and `down` find it. */

import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import type { ServiceName } from './names.ts'
import { isRunning, type ProcessId } from './processes.ts'

/** `VIAL_SERVICES_FOLDER`, or `.vial/services` in this checkout. */
export const STATE_FOLDER: string =
  process.env['VIAL_SERVICES_FOLDER'] ||
  fileURLToPath(new URL('../../.vial/services', import.meta.url))
const FILE = join(STATE_FOLDER, 'state.json')

export interface ServiceState {
  readonly url: string
  /** The temporary folder with its data. */
  readonly directory: string
  /** With the signal that each takes for a wish to end. */
  readonly processes: readonly (ProcessId & { readonly stop: NodeJS.Signals })[]
}

export type State = { readonly [Name in ServiceName]?: ServiceState }

/** All that was started and not ended, also what has crashed since. */
export function readState(): State {
  try {
    return JSON.parse(readFileSync(FILE, 'utf8')) as State
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw new Error(`${FILE} cannot be read: end what it names by hand, then remove it.`, {
      cause: error,
    })
  }
}

/** Notes a service, or forgets it. */
export function noteState(name: ServiceName, service: ServiceState | undefined): void {
  const { [name]: _, ...others } = readState()
  const state = service === undefined ? others : { ...others, [name]: service }
  mkdirSync(STATE_FOLDER, { recursive: true })
  writeFileSync(`${FILE}.new`, `${JSON.stringify(state, undefined, 2)}\n`)
  renameSync(`${FILE}.new`, FILE)
}

/** Whether all its processes run. */
export function isUp(service: ServiceState | undefined): service is ServiceState {
  return service?.processes.every(isRunning) ?? false
}
