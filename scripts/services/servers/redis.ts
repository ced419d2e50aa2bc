/** One Redis, or Valkey, that keeps nothing on disk. */

import { program } from '../programs.ts'
import { ask } from './ask.ts'
import {
  type RunningServer,
  type ServerOptions,
  type ServerPlan,
  startServer,
} from './running-server.ts'

const plan: ServerPlan = {
  name: 'redis',
  command: (directory, port) => [
    program('redis-server'),
    ...['--port', `${port}`, ...redisArguments(directory)],
    ...['--save', '', '--appendonly', 'no', '--enable-debug-command', 'local'],
  ],
  url: (port) => `redis://127.0.0.1:${port}`,
  answers: async (port) => (await ask(port, 'PING\r\n', isLine)).startsWith('+PONG'),
}

/** Starts one on its own. It is empty after a restart. */
export function startRedis(options: ServerOptions = {}): Promise<RunningServer> {
  return startServer(plan, options)
}

/** What each of them needs: loopback only, and its own folder. */
export function redisArguments(directory: string): string[] {
  return ['--bind', '127.0.0.1', '--dir', directory, '--daemonize', 'no']
}

function isLine(answer: string): boolean {
  return answer.endsWith('\r\n')
}
