/** Where what was downloaded for servers is kept between runs. */

import { homedir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'

/** `VIAL_CACHE`, or a folder of the user. The unprivileged user of the servers can read root's. */
export function cacheFolder(): string {
  const named = process.env['VIAL_CACHE']
  if (named) return named
  if (process.getuid?.() === 0) return '/var/cache/vial'
  return join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'vial')
}
