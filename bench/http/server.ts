/** One contender in a process of its own. Sends its port to its parent, then its CPU time in µs whenever it is asked. */

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import process from 'node:process'
import { contendersOf } from './frameworks.ts'

const [framework = '', name = ''] = process.argv.slice(2)
const listener = (await contendersOf(framework))[name]?.listener
if (listener === undefined) throw new Error(`${framework} has no contender '${name}'`)

const server = createServer(await listener())
server.keepAliveTimeout = 120_000
server.listen(0, '127.0.0.1', () => {
  process.send?.((server.address() as AddressInfo).port)
})
process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send?.(user + system)
})
process.on('disconnect', () => process.exit())
