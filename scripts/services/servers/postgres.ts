/** One PostgreSQL, without durability: the user is `postgres`, without a password. */

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { program } from '../programs.ts'
import { run } from './run.ts'
import {
  type RunningServer,
  type ServerOptions,
  type ServerPlan,
  startServer,
  unprivilegedCommand,
} from './running-server.ts'

const plan: ServerPlan = {
  name: 'postgres',
  async prepare(directory) {
    const data = join(directory, 'data')
    if (existsSync(data)) return
    const flags = ['-U', 'postgres', '-A', 'trust', '--no-sync', '-E', 'UTF8', '--locale=C.UTF-8']
    const [file, args] = unprivilegedCommand(program('initdb'), ['-D', data, ...flags])
    await run(file, args, { cwd: directory })
  },
  command: (directory, port) => [
    program('postgres'),
    ...['-D', join(directory, 'data'), '-p', `${port}`, '-c', 'listen_addresses=127.0.0.1'],
    ...['-c', `unix_socket_directories=${directory}`, '-c', 'max_connections=200'],
    ...['-c', 'fsync=off', '-c', 'synchronous_commit=off', '-c', 'full_page_writes=off'],
  ],
  url: (port) => `postgres://postgres@127.0.0.1:${port}/postgres`,
  async answers(port) {
    const client = new pg.Client({ connectionString: plan.url(port) })
    client.on('error', () => undefined)
    await client.connect()
    await client.end()
    return true
  },
  // The fast way, which waits for no client.
  stop: 'SIGINT',
}

/** Starts one. */
export function startPostgres(options: ServerOptions = {}): Promise<RunningServer> {
  return startServer(plan, options)
}
