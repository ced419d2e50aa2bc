/** Processes by pid and start time, so that nothing is ever sent to a process that merely has the same number. */

import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import process from 'node:process'
import { until } from './until.ts'

/** How long threads may take to stop, in ms. */
const FREEZE_LIMIT = 5_000

export interface ProcessId {
  readonly pid: number
  /** As the system tells it: equal for the same process only. */
  readonly startedAt: string
}

/** The process of that number; undefined: none, or one that has ended. */
export function identify(pid: number): ProcessId | undefined {
  const startedAt = process.platform === 'linux' ? linuxStart(pid) : otherStart(pid)
  return startedAt === undefined ? undefined : { pid, startedAt }
}

export function isRunning({ pid, startedAt }: ProcessId): boolean {
  return identify(pid)?.startedAt === startedAt
}

/** Sends a signal to a process and, first to last, to what it has started. */
export function signalTree(root: ProcessId, signal: NodeJS.Signals): void {
  if (!isRunning(root)) return
  // The root first: it starts nothing new while the others are looked up.
  process.kill(root.pid, signal)
  for (const pid of descendants(root.pid)) send(pid, signal)
}

/** Holds a process and what it has started: once this returns, none of their threads runs any more. */
export function freezeTree(root: ProcessId): void {
  signalTree(root, 'SIGSTOP')
  // One thread takes the signal and stops the others, which on a busy machine go on answering until it does.
  const limit = performance.now() + FREEZE_LIMIT
  const all = [root.pid, ...descendants(root.pid)]
  while (process.platform === 'linux' && all.some(hasRunningThread)) {
    if (performance.now() > limit) throw new Error(`process ${root.pid} does not stop`)
  }
}

function hasRunningThread(pid: number): boolean {
  try {
    return readdirSync(`/proc/${pid}/task`).some((thread) => {
      const [state = 'Z'] = stat(pid, thread) ?? []
      return !'TtZX'.includes(state)
    })
  } catch {
    return false
  }
}

/** Sends a signal to a process that may have ended meanwhile. */
function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** Ends a process: by the signal that it takes for a wish, and after five seconds in any case. */
export async function end(root: ProcessId, signal: NodeJS.Signals): Promise<void> {
  if (!isRunning(root)) return
  // A frozen process takes no wish.
  signalTree(root, 'SIGCONT')
  process.kill(root.pid, signal)
  try {
    await until('the end of a process', () => !isRunning(root), { limit: 5_000 })
  } catch {
    await kill(root)
  }
}

/** Ends a process and what it has started at once, as a crash would. */
export async function kill(root: ProcessId): Promise<void> {
  const all = [root.pid, ...descendants(root.pid)].flatMap((pid) => identify(pid) ?? [])
  if (!all.some(({ startedAt, pid }) => pid === root.pid && startedAt === root.startedAt)) return
  // One list, made before: when the root has gone, its children belong to somebody else.
  for (const { pid } of all) send(pid, 'SIGKILL')
  await until('the end of a killed process', () => !all.some(isRunning), { limit: 5_000 })
}

function descendants(root: number): number[] {
  if (process.platform !== 'linux') return []
  const parents = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => [Number(name), Number(stat(Number(name))?.[1])] as const)
  const found = [root]
  for (const parent of found) {
    found.push(...parents.flatMap(([pid, of]) => (of === parent ? [pid] : [])))
  }
  return found.slice(1)
}

/** The fields behind the name: state, parent and so on. */
function stat(pid: number, thread?: string): string[] | undefined {
  try {
    const place = thread === undefined ? pid : `${pid}/task/${thread}`
    const line = readFileSync(`/proc/${place}/stat`, 'utf8')
    // The name in parentheses may hold anything.
    return line.slice(line.lastIndexOf(')') + 2).split(' ')
  } catch {
    return undefined
  }
}

function linuxStart(pid: number): string | undefined {
  const fields = stat(pid)
  return fields === undefined || hasEnded(fields) ? undefined : fields[19]
}

/** A process whose first thread has ended keeps its sockets until the last one has. */
function hasEnded([state, ...rest]: readonly string[]): boolean {
  const threads = Number(rest[16])
  return state === 'Z' && threads <= 1
}

function otherStart(pid: number): string | undefined {
  try {
    const text = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' })
    return text.trim() || undefined
  } catch {
    return undefined
  }
}
