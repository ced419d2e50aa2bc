/**
 * Real servers for the tests, on 127.0.0.1, in a temporary folder, as an unprivileged user.
 *
 * Usage: npm run services -- up [NAME…] | down [NAME…] | status
 */

import process from 'node:process'
import { parseArgs } from 'node:util'
import { alone } from './lock.ts'
import { SERVICES, type ServiceName } from './names.ts'

const USAGE = `Usage: npm run services -- up [NAME…] | down [NAME…] | status
Names: ${SERVICES.join(', ')}. Without names: all of them.`

const { positionals } = parseArgs({ allowPositionals: true })
const [command = '', ...given] = positionals
const unknown = given.filter((name) => !isService(name))
const names = given.length === 0 ? SERVICES : given.filter(isService)

if (unknown.length > 0) {
  console.error(`There is no service ${unknown.join(', ')}.\n${USAGE}`)
  process.exitCode = 2
} else if (command === 'up') {
  const { up } = await import('./up.ts')
  process.exitCode = (await alone(() => up(names))) ? 0 : 1
} else if (command === 'down') {
  const { down } = await import('./down.ts')
  await alone(() => down(names))
} else if (command === 'status') {
  const { status } = await import('./status.ts')
  status()
} else {
  console.error(USAGE)
  process.exitCode = 2
}

function isService(name: string): name is ServiceName {
  return (SERVICES as readonly string[]).includes(name)
}
