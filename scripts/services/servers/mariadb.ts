/** One MariaDB, without durability: the user is `root`, without a password, the database is `test`. */

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createConnection } from 'mysql2/promise'
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
  name: 'mariadb',
  async prepare(directory) {
    const data = join(directory, 'data')
    if (existsSync(data)) return
    const flags = ['--auth-root-authentication-method=normal', '--skip-test-db']
    const [file, args] = unprivilegedCommand(program('mariadb-install-db'), [
      ...['--no-defaults', `--datadir=${data}`, '--skip-name-resolve', ...flags],
    ])
    await run(file, args, { cwd: directory })
  },
  command: (directory, port) => [
    program('mariadbd'),
    // First, or the files of the system count.
    '--no-defaults',
    ...[`--datadir=${join(directory, 'data')}`, '--bind-address=127.0.0.1', `--port=${port}`],
    ...[`--socket=${join(directory, 'socket')}`, `--pid-file=${join(directory, 'pid')}`],
    ...['--skip-name-resolve', '--max-connections=200'],
    ...['--innodb-flush-log-at-trx-commit=0', '--innodb-flush-method=nosync'],
  ],
  url: (port) => `mysql://root@127.0.0.1:${port}/test`,
  async answers(port) {
    const client = await createConnection({ host: '127.0.0.1', port, user: 'root' })
    client.on('error', () => undefined)
    await client.query('CREATE DATABASE IF NOT EXISTS test')
    await client.end()
    return true
  },
}

/** Starts one. */
export function startMariadb(options: ServerOptions = {}): Promise<RunningServer> {
  return startServer(plan, options)
}
