/**
 * What the environment says about this start.
 *
 * @module
 */

import { resolve } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

/** Where to listen and where to keep things. */
export interface Settings {
  readonly port: number
  readonly host: string
  /** The data directory, as an absolute path. */
  readonly data: string
}

/** A mistake that whoever starts the program can mend. Its message says how. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError'
}

/** Reads PORT, HOST and VIAL_DATA. Without VIAL_DATA, data is kept in `.vial` in the root of the repository. */
export function readSettings(environment: NodeJS.ProcessEnv = process.env): Settings {
  const { PORT = '3000', HOST = '127.0.0.1', VIAL_DATA } = environment
  const port = /^\d{1,5}$/.test(PORT) ? Number(PORT) : Number.NaN
  if (!(port <= 65_535)) {
    throw new SettingsError(`PORT=${PORT} is not a port. Give a number from 0 to 65535.`)
  }
  return {
    port,
    host: HOST,
    data: resolve(VIAL_DATA || fileURLToPath(new URL('../../.vial', import.meta.url))),
  }
}
