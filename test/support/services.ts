/** Where the real servers are that a test needs. */

import { givenUrl, type ServiceName, variableOf } from '../../scripts/services/names.ts'
import { isUp, readState } from '../../scripts/services/state.ts'

/**
 * The server that the environment names, or that `npm run services -- up` has running. Where there is none, `missing`
 * is the reason, for the names of the tests that are skipped.
 */
export function service(
  name: ServiceName,
): { readonly url: string } | { readonly missing: string } {
  const given = givenUrl(name)
  if (given !== undefined) return { url: given }
  const started = readState()[name]
  if (isUp(started)) return { url: started.url }
  return {
    missing: `no ${name}: run "npm run services -- up ${name}" or set ${variableOf(name)}`,
  }
}
