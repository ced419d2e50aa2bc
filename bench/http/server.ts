/** One contender in a process of its own. Tells its port, and its CPU time whenever it is asked. */

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import process from 'node:process'
import type { Contenders } from './contender.ts'

const [framework = '', name = ''] = process.argv.slice(2)
const { CONTENDERS } = (await import(`./servers/${framework}.ts`)) as { CONTENDERS: Contenders }
const contender = CONTENDERS[name]
if (contender === undefined) throw new Error(`${framework} has no contender '${name}'`)

const server = createServer(await contender.listener())
server.keepAliveTimeout = 120_000
server.listen(0, '127.0.0.1', () => {
  process.send?.({ port: (server.address() as AddressInfo).port })
})
process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send?.({ user, system })
})
process.on('disconnect', () => process.exit())
