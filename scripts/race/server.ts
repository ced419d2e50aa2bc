/** One process of the application: `server.ts <target> <kind> <place as JSON>`. Runs until its parent says `end`. */

import process from 'node:process'
import type { Place } from './backend.ts'
import { type Kind, startSites } from './contender.ts'
import { backendOf } from './targets.ts'

const [name = '', kind, place = ''] = process.argv.slice(2)
// Without its parent it is of no use.
process.once('disconnect', () => process.exit())

const where = JSON.parse(place) as Place
const { ports, end } = await startSites(await backendOf(name), kind as Kind, where, 1)
process.once('message', async () => {
  await end(where.first)
  process.exit()
})
process.send?.(ports)
