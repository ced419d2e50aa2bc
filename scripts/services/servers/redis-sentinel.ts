/** A Redis with two replicas under three Sentinels. The name of the group is `vial`. */

import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { program, unprivileged } from '../programs.ts'
import { until } from '../until.ts'
import { redisArguments } from './redis.ts'
import { redisCommand } from './redis-command.ts'
import { freePort, ownFolder, type RunningServer, startServer } from './running-server.ts'
import { allStarted, groupOf, withMore } from './server-group.ts'

const GROUP = 'vial'
const SERVERS = 3
const SENTINELS = 3

export interface SentinelOptions {
  /** Absent: a temporary folder that `stop` removes. */
  readonly directory?: string
  /** Six ports on 127.0.0.1, those of the servers first. Absent: free ones. */
  readonly ports?: readonly number[]
  /** How long the primary may be silent until it counts as down, in ms; default 500. */
  readonly downAfter?: number
  /** True: it stays when the program that started it has ended. */
  readonly outlive?: boolean
}

export interface RunningSentinel extends RunningServer {
  /** The one that was the primary at the start, then its replicas. */
  readonly servers: readonly RunningServer[]
  /** Their URLs are those that a client is given. */
  readonly sentinels: readonly RunningServer[]
  /** The server that the Sentinels name as the primary now. */
  primary(): Promise<RunningServer>
  /**
   * Kills the primary and resolves to it once another one takes writes; `restart` of what it resolves to brings it back
   * as a replica.
   */
  failover(): Promise<RunningServer>
}

/** Starts one; ready when a failover could be done. The URL is that of a Sentinel, `?sentinel=vial` names the group. */
export async function startSentinel(options: SentinelOptions = {}): Promise<RunningSentinel> {
  const { downAfter = 500, outlive = false } = options
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'vial-redis-sentinel-')))
  await ownFolder(directory)
  const ports: number[] = [...(options.ports ?? [])]
  while (ports.length < SERVERS + SENTINELS) ports.push(await freePort())
  const [first = 0] = ports
  const serverPorts = ports.slice(0, SERVERS)
  const sentinelPorts = ports.slice(SERVERS)

  const start = (port: number, command: readonly [string, ...string[]]) =>
    startServer(
      {
        name: 'redis-sentinel',
        command: () => command,
        url: () => `redis://127.0.0.1:${port}`,
        answers: async () => (await redisCommand(port, 'PING')) === 'PONG',
      },
      { directory: join(directory, `${port}`), port, outlive },
    )
  const all = await allStarted([
    ...serverPorts.map((port) =>
      start(port, [
        program('redis-server'),
        ...['--port', `${port}`, ...redisArguments(join(directory, `${port}`))],
        ...['--save', '', '--appendonly', 'no', '--repl-diskless-sync-delay', '0'],
        ...(port === first ? [] : ['--replicaof', '127.0.0.1', `${first}`]),
      ]),
    ),
    ...sentinelPorts.map(async (port) => {
      const own = join(directory, `${port}`)
      await ownFolder(own)
      const file = join(own, 'sentinel.conf')
      await writeFile(file, sentinelFile(own, port, first, downAfter))
      const user = unprivileged()
      // It rewrites the file itself.
      if (user !== undefined) await chown(file, user.uid, user.gid)
      return start(port, [program('redis-server'), file, '--sentinel'])
    }),
  ])
  const servers = all.slice(0, SERVERS)
  const sentinels = all.slice(SERVERS)
  const group = groupOf(`redis://127.0.0.1:${sentinelPorts[0]}?sentinel=${GROUP}`, all)
  const primaryPort = async (sentinel = sentinelPorts[0] as number): Promise<number> => {
    const address = await redisCommand(sentinel, 'SENTINEL', 'GET-MASTER-ADDR-BY-NAME', GROUP)
    return Number((address as readonly string[])[1])
  }
  const primary = async (): Promise<RunningServer> =>
    servers[serverPorts.indexOf(await primaryPort())] as RunningServer
  const settled = async (): Promise<boolean> =>
    (await Promise.all(sentinelPorts.map((port) => canFailOver(port)))).every((ok) => ok)
  try {
    await until('Sentinels that could do a failover', settled)
  } catch (error) {
    await group.stop()
    throw error
  }
  return withMore(group, {
    servers,
    sentinels,
    primary,
    async failover() {
      const old = await primary()
      const oldPort = serverPorts[servers.indexOf(old)]
      await old.kill()
      await until('the failover by the Sentinels', async () => {
        const named = await Promise.all(sentinelPorts.map((port) => primaryPort(port)))
        if (named.some((port) => port === oldPort || port !== named[0])) return false
        const role = (await redisCommand(named[0] as number, 'ROLE')) as readonly string[]
        return role[0] === 'master'
      })
      return old
    },
    async restart() {
      await group.restart()
      await until('Sentinels that could do a failover', settled)
    },
    async stop() {
      await group.stop()
      if (options.directory === undefined) await rm(directory, { recursive: true, force: true })
    },
  })
}

function sentinelFile(directory: string, port: number, primary: number, downAfter: number): string {
  return [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${directory}`,
    `sentinel monitor ${GROUP} 127.0.0.1 ${primary} 2`,
    `sentinel down-after-milliseconds ${GROUP} ${downAfter}`,
    `sentinel failover-timeout ${GROUP} 3000`,
    '',
  ].join('\n')
}

/** Whether a Sentinel sees enough others, and both replicas with their link up. */
async function canFailOver(sentinel: number): Promise<boolean> {
  await redisCommand(sentinel, 'SENTINEL', 'CKQUORUM', GROUP)
  const replicas = (await redisCommand(sentinel, 'SENTINEL', 'REPLICAS', GROUP)) as string[][]
  return (
    replicas.length === SERVERS - 1 &&
    replicas.every((fields) => fields[fields.indexOf('master-link-status') + 1] === 'ok')
  )
}
