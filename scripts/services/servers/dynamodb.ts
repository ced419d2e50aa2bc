/** One dynoxide, an emulator of DynamoDB in one program. It is downloaded from npm into the cache folder. */

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import { cacheFolder } from '../cache.ts'
import { isProgram } from '../programs.ts'
import { run } from './run.ts'
import {
  type RunningServer,
  type ServerOptions,
  type ServerPlan,
  startServer,
} from './running-server.ts'

const PACKAGE = '@dynoxide/linux-x64'
const VERSION = '1.2.1'

const plan: ServerPlan = {
  name: 'dynamodb',
  command: (_, port) => [dynoxidePath(), 'serve', '--host', '127.0.0.1', '--port', `${port}`],
  url: (port) => `http://127.0.0.1:${port}`,
  // Also an answer that refuses the request is an answer of the server.
  answers: async (port) => (await fetch(plan.url(port), { method: 'POST' })).status > 0,
}

/** Starts one. It is empty after a restart. */
export async function startDynamodb(options: ServerOptions = {}): Promise<RunningServer> {
  await installDynoxide()
  return startServer(plan, options)
}

/**
 * Downloads it, unless it is there.
 *
 * @throws {Error} When there is none for this machine, or npm fails.
 */
export async function installDynoxide(): Promise<void> {
  if (isProgram(dynoxidePath())) return
  if (`${process.platform}-${process.arch}` !== 'linux-x64') {
    throw new Error('the emulator dynoxide is there for Linux on x64 only')
  }
  const folder = dynoxideFolder()
  await mkdir(folder, { recursive: true })
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  await run('npm', ['install', '--prefix', folder, ...flags, `${PACKAGE}@${VERSION}`], {
    cwd: folder,
  })
}

function dynoxideFolder(): string {
  return join(cacheFolder(), `dynoxide-${VERSION}`)
}

function dynoxidePath(): string {
  return join(dynoxideFolder(), 'node_modules', PACKAGE, 'dynoxide')
}
