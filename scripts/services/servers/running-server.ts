/** A server of one process, in a folder of its own. */

import { spawn } from 'node:child_process'
import { chown, mkdir, mkdtemp, open, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  end,
  freezeTree,
  identify,
  isRunning,
  kill,
  type ProcessId,
  signalTree,
} from '../processes.ts'
import { findProgram, unprivileged } from '../programs.ts'
import { until } from '../until.ts'

export interface ServerOptions {
  /** Where its data are, made when it is not there. Absent: a temporary folder that `stop` removes. */
  readonly directory?: string
  /** On 127.0.0.1. Absent: a free one. */
  readonly port?: number
  /** More arguments for the server. */
  readonly arguments?: readonly string[]
  /** True: it stays when the program that started it has ended. */
  readonly outlive?: boolean
}

export interface RunningServer {
  readonly url: string
  /** Of the server itself. Another one after `restart`. */
  readonly pid: number
  /** The processes to end, and the signal that each takes for a wish. */
  readonly processes: readonly (ProcessId & { readonly stop: NodeJS.Signals })[]
  /** Holds it, with all its connections open: SIGSTOP. */
  freeze(): void
  thaw(): void
  /** Ends it as a crash would: SIGKILL. */
  kill(): Promise<void>
  /** Ends it, if it runs, and starts it again, on the same port and with the same data. */
  restart(): Promise<void>
  /** Ends it for good, and removes a temporary folder. */
  stop(): Promise<void>
}

/** How a server is started. */
export interface ServerPlan {
  readonly name: string
  /** Prepares the folder, once. */
  readonly prepare?: (directory: string) => Promise<void>
  readonly command: (directory: string, port: number) => readonly [string, ...string[]]
  readonly url: (port: number) => string
  /** Resolves to true when it answers. */
  readonly answers: (port: number) => Promise<boolean>
  /** The signal that ends it in order; default SIGTERM. */
  readonly stop?: NodeJS.Signals
  /** Wraps the command; default {@link unprivilegedCommand}. */
  readonly wrap?: Wrap
}

/** What to run in place of a command, so that it runs as it should. */
export type Wrap = (
  command: string,
  args: readonly string[],
  outlive: boolean,
) => readonly [string, readonly string[]]

/** Somebody else listens there. */
export class PortTakenError extends Error {}

/** Starts a server and resolves when it answers. */
export async function startServer(
  plan: ServerPlan,
  { directory: wanted, port: wantedPort, arguments: more = [], outlive = false }: ServerOptions,
): Promise<RunningServer> {
  const directory = wanted ?? (await mkdtemp(join(tmpdir(), `vial-${plan.name}-`)))
  const port = wantedPort ?? (await freePort())
  await ownFolder(directory)
  await plan.prepare?.(directory)
  let running = await start()

  async function start(): Promise<ProcessId> {
    // Or the answer could be that of another server.
    if (!(await isFree(port))) throw new PortTakenError(`port ${port} is taken`)
    const [command, ...given] = plan.command(directory, port)
    const { wrap = unprivilegedCommand } = plan
    const id = await launch(wrap(command, [...given, ...more], outlive), directory)
    await until(
      `an answer of ${plan.name}`,
      async () => (await plan.answers(port)) && isRunning(id),
      {
        hopeless: () => (isRunning(id) ? undefined : 'it ended by itself'),
      },
    ).catch(async (error: unknown) => {
      await kill(id)
      const log = await readFile(join(directory, 'log'), 'utf8')
      const reason = error instanceof Error ? error.message : String(error)
      throw new Error(`${reason}\n${log.trim().split('\n').slice(-10).join('\n')}`, {
        cause: error,
      })
    })
    return id
  }
  return {
    url: plan.url(port),
    get pid() {
      return running.pid
    },
    get processes() {
      return [{ ...running, stop: plan.stop ?? 'SIGTERM' }]
    },
    freeze: () => freezeTree(running),
    thaw: () => signalTree(running, 'SIGCONT'),
    kill: () => kill(running),
    async restart() {
      await end(running, plan.stop ?? 'SIGTERM')
      running = await start()
    },
    async stop() {
      await end(running, plan.stop ?? 'SIGTERM')
      if (wanted === undefined) await rm(directory, { recursive: true, force: true })
    },
  }
}

/** Makes a folder, for the user that servers run as. */
export async function ownFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true })
  const user = unprivileged()
  if (user !== undefined) await chown(path, user.uid, user.gid)
}

/** A command as the user that servers run as; one that ends with its parent unless it may outlive it. */
export function unprivilegedCommand(
  command: string,
  args: readonly string[],
  outlive = false,
): readonly [string, readonly string[]] {
  const user = unprivileged()
  const setpriv = findProgram('setpriv')
  if (setpriv === undefined) return [command, args]
  const flags = outlive ? [] : ['--pdeathsig', 'KILL']
  if (user !== undefined)
    flags.push('--reuid', `${user.uid}`, '--regid', `${user.gid}`, '--clear-groups')
  return flags.length === 0 ? [command, args] : [setpriv, [...flags, '--', command, ...args]]
}

/** A port that nobody has now, below those that the system hands out by itself. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000)
    if (await isFree(port)) return port
  }
}

export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
}

/** A command as it is; one that ends with its parent unless it may outlive it. */
export function ownCommand(
  command: string,
  args: readonly string[],
  outlive: boolean,
): readonly [string, readonly string[]] {
  const setpriv = findProgram('setpriv')
  if (outlive || setpriv === undefined) return [command, args]
  return [setpriv, ['--pdeathsig', 'KILL', '--', command, ...args]]
}

async function launch(
  [file, args]: readonly [string, readonly string[]],
  directory: string,
): Promise<ProcessId> {
  const log = await open(join(directory, 'log'), 'a')
  try {
    // A session of its own, so that Ctrl-C in a terminal is for the tests alone.
    const child = spawn(file, args, {
      cwd: directory,
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
    })
    child.unref()
    await new Promise((resolve, reject) => {
      child.once('spawn', resolve)
      child.once('error', reject)
    })
    const pid = child.pid as number
    return identify(pid) ?? { pid, startedAt: 'it has ended' }
  } finally {
    await log.close()
  }
}
