/** A Redis Cluster: three primaries with a replica each. */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { program } from '../programs.ts'
import { until } from '../until.ts'
import { redisArguments } from './redis.ts'
import { fieldOf, redisCommand } from './redis-command.ts'
import { freePort, ownFolder, type RunningServer, startServer } from './running-server.ts'
import { allStarted, groupOf, withMore } from './server-group.ts'

const PRIMARIES = 3
const SLOTS = 16_384

export interface ClusterOptions {
  /** Absent: a temporary folder that `stop` removes. */
  readonly directory?: string
  /** Six ports on 127.0.0.1. Absent: free ones. */
  readonly ports?: readonly number[]
  /** How long a node may be silent until the others call it down, in ms; default 1,000. */
  readonly nodeTimeout?: number
  /** True: it stays when the program that started it has ended. */
  readonly outlive?: boolean
}

export interface RunningCluster extends RunningServer {
  /** The three that were primaries at the start, then their replicas in the same order. */
  readonly nodes: readonly RunningServer[]
  /**
   * Kills the primary of a slot and resolves to it once a replica has taken over everywhere; `restart` of what it
   * resolves to brings it back as a replica.
   */
  failover(slot?: number): Promise<RunningServer>
}

/** Starts one; ready when all nodes call it complete and all replicas are linked. The URL is that of one node. */
export async function startCluster(options: ClusterOptions = {}): Promise<RunningCluster> {
  const { nodeTimeout = 1_000, outlive = false } = options
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'vial-redis-cluster-')))
  await ownFolder(directory)
  const ports: number[] = [...(options.ports ?? [])]
  while (ports.length < 2 * PRIMARIES) ports.push(await freePort())

  const nodes = await allStarted(
    ports.map(async (port) => {
      const own = join(directory, `${port}`)
      const bus = await freePort()
      return startServer(
        {
          name: 'redis-cluster',
          command: () => [
            program('redis-server'),
            ...['--port', `${port}`, ...redisArguments(own), '--save', '', '--appendonly', 'no'],
            ...['--cluster-enabled', 'yes', '--cluster-port', `${bus}`],
            ...['--cluster-node-timeout', `${nodeTimeout}`, '--repl-diskless-sync-delay', '0'],
            ...['--cluster-replica-validity-factor', '0'],
          ],
          url: () => `redis://127.0.0.1:${port}`,
          answers: async () => (await redisCommand(port, 'PING')) === 'PONG',
        },
        { directory: own, port, outlive },
      )
    }),
  )
  const group = groupOf(nodes[0]?.url ?? '', nodes)
  try {
    await join6(ports)
  } catch (error) {
    await group.stop()
    throw error
  }
  const cluster = withMore(group, {
    nodes,
    async failover(slot = 0) {
      const alive = await portsThatAnswer(ports)
      const down = ports.indexOf(await primaryOf(alive, slot))
      const primary = nodes[down]
      if (primary === undefined) throw new Error(`no node has slot ${slot}`)
      await primary.kill()
      const others = alive.filter((port) => port !== ports[down])
      await until('the failover of a cluster', async () => {
        const seen = await Promise.all(others.map((port) => primaryOf([port], slot)))
        return seen.every((port) => port !== ports[down]) && (await allOk(others))
      })
      return primary
    },
    async restart() {
      await group.restart()
      await until('a complete cluster', () => allOk(ports))
    },
    async stop() {
      await group.stop()
      if (options.directory === undefined) await rm(directory, { recursive: true, force: true })
    },
  })
  return cluster
}

/** Makes one cluster of nodes that know nothing yet. */
async function join6(ports: readonly number[]): Promise<void> {
  const first = ports[0] as number
  const names = await Promise.all(
    ports.map(async (port) => String(await redisCommand(port, 'CLUSTER', 'MYID'))),
  )
  await Promise.all(
    ports.slice(0, PRIMARIES).map(async (port, n) => {
      const from = Math.round((n * SLOTS) / PRIMARIES)
      const count = Math.round(((n + 1) * SLOTS) / PRIMARIES) - from
      const slots = Array.from({ length: count }, (_, slot) => `${from + slot}`)
      await redisCommand(port, 'CLUSTER', 'ADDSLOTS', ...slots)
      await redisCommand(port, 'CLUSTER', 'SET-CONFIG-EPOCH', `${n + 1}`)
    }),
  )
  for (const port of ports.slice(1)) {
    const bus = fieldOfNode(await redisCommand(port, 'CLUSTER', 'NODES'))
    await redisCommand(first, 'CLUSTER', 'MEET', '127.0.0.1', `${port}`, bus)
  }
  await until('nodes that know each other', async () => {
    const known = await Promise.all(ports.map((port) => redisCommand(port, 'CLUSTER', 'NODES')))
    return known.every((text) => names.every((name) => String(text).includes(name)))
  })
  await Promise.all(
    ports
      .slice(PRIMARIES)
      .map((port, n) => redisCommand(port, 'CLUSTER', 'REPLICATE', names[n] as string)),
  )
  await until('a complete cluster', () => allOk(ports))
}

/** Whether every node calls the cluster complete, every replica is linked, and every node knows all replicas. */
async function allOk(ports: readonly number[]): Promise<boolean> {
  const each = await Promise.all(
    ports.map(async (port) => {
      const info = await redisCommand(port, 'CLUSTER', 'INFO')
      const replication = await redisCommand(port, 'INFO', 'replication')
      const linked =
        fieldOf(replication, 'role') === 'master' ||
        fieldOf(replication, 'master_link_status') === 'up'
      return linked && fieldOf(info, 'cluster_state') === 'ok'
    }),
  )
  return each.every((ok) => ok)
}

async function portsThatAnswer(ports: readonly number[]): Promise<number[]> {
  const each = await Promise.all(
    ports.map((port) =>
      redisCommand(port, 'PING').then(
        () => [port],
        () => [],
      ),
    ),
  )
  return each.flat()
}

/** The port of the primary that a node names for a slot. */
async function primaryOf(ports: readonly number[], slot: number): Promise<number> {
  const ranges = (await redisCommand(ports[0] as number, 'CLUSTER', 'SLOTS')) as [
    number,
    number,
    [string, number],
  ][]
  return ranges.find(([from, to]) => from <= slot && slot <= to)?.[2][1] ?? 0
}

/** The port of the bus, from the only line of a node that is alone: `<id> <host>:<port>@<bus> …`. */
function fieldOfNode(nodes: unknown): string {
  return /@(\d+)/.exec(String(nodes))?.[1] ?? ''
}
