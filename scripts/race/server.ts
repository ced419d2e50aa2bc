/** One process of the application: `server.ts <setup as JSON>`. Runs until its parent sends `end`. */

import process from 'node:process'
import { type Setup, startSites } from './processes.ts'

const setup = JSON.parse(process.argv[2] ?? '') as Setup
process.once('disconnect', () => process.exit())
const { ports, end } = await startSites(setup, 1)
process.once('message', async () => {
  await end()
  process.exit()
})
process.send?.(ports)
