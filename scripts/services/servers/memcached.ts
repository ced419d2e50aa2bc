/** One Memcached with 64 MB. */

import { program } from '../programs.ts'
import { ask } from './ask.ts'
import {
  type RunningServer,
  type ServerOptions,
  type ServerPlan,
  startServer,
} from './running-server.ts'

const plan: ServerPlan = {
  name: 'memcached',
  command: (_, port) => [
    program('memcached'),
    '-l',
    '127.0.0.1',
    '-p',
    `${port}`,
    '-U',
    '0',
    '-m',
    '64',
  ],
  url: (port) => `memcached://127.0.0.1:${port}`,
  answers: async (port) =>
    (await ask(port, 'version\r\n', (answer) => answer.endsWith('\r\n'))).startsWith('VERSION'),
}

/** Starts one. It is empty after a restart. */
export function startMemcached(options: ServerOptions = {}): Promise<RunningServer> {
  return startServer(plan, options)
}
