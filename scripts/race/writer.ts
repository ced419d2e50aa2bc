/** One writer process of the race: reads its task from the command line, prints its tally. */

import { commits } from './commits.ts'
import { naive } from './naive.ts'
import { target } from './targets.ts'

const [name, place, cookie, writer, count, kind] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
  string,
]
const store = target(name).open(place)
// All writers begin together, when the parent says so.
process.send?.('ready')
await new Promise((resolve) => process.once('message', resolve))
const tally = await commits(
  kind === 'naive' ? naive(store) : store,
  cookie,
  Number(writer),
  Number(count),
)
await store.close?.()
process.send?.(tally)
process.disconnect?.()
