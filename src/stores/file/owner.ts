/** The text that identifies a thread, so exactly that another process can check whether it still runs. */

import { randomBytes } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { hostname } from 'node:os'

/** A thread. Fields from `/proc` are absent without it. */
interface Owner {
  readonly pid: number
  /** The thread; a worker may end while its process goes on. */
  readonly tid?: number
  /** When the thread started, in ticks since boot: tells it from a later one with the same number. */
  readonly start?: string
  readonly boot?: string
  /** The namespace in which the numbers count. */
  readonly pidNamespace?: string
  readonly host: string
}

const SCOPE = ['boot', 'pidNamespace', 'host'] as const

let thisThread: Owner | undefined

/** A new text for the calling thread. Two stores in one thread are two owners. */
export function describeOwner(): string {
  return JSON.stringify({ ...describeThread(), nonce: randomBytes(12).toString('hex') })
}

function describeThread(): Owner {
  thisThread ??= { pid: process.pid, host: hostname(), ...readProc() }
  return thisThread
}

function readProc(): Partial<Owner> {
  try {
    // `<pid>/task/<tid>` of the thread that reads it: synchronous, as the thread pool has other threads.
    const path = readlinkSync('/proc/thread-self')
    return {
      tid: Number(path.split('/')[2]),
      start: parseStat(readFileSync('/proc/thread-self/stat', 'utf8')).start,
      boot: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
      pidNamespace: readlinkSync('/proc/self/ns/pid'),
    }
  } catch {
    // There is no complete /proc, so only the age of a lock counts.
    return {}
  }
}

/**
 * Resolves to whether the owner with this text still runs. Undefined: it cannot be checked from here, as it is on another
 * machine or in another container, or the text is damaged.
 */
export async function isRunning(text: string): Promise<boolean | undefined> {
  const owner = parseOwner(text)
  const here = describeThread()
  if (owner === undefined || here.boot === undefined) return undefined
  // Elsewhere the numbers mean other threads.
  if (SCOPE.some((field) => owner[field] !== here[field])) return undefined

  const thread = await statOf(`/proc/${owner.pid}/task/${owner.tid}/stat`)
  if (thread !== undefined && thread.start === owner.start && !thread.ended) return true
  // A killed process may have a thread that is still inside a system call; it is over when only the zombie is left.
  const leader = await statOf(`/proc/${owner.pid}/stat`)
  if (!leader?.ended) return false
  const threads = await readdir(`/proc/${owner.pid}/task`).catch(() => [])
  return threads.length > 1
}

function parseOwner(text: string): Partial<Owner> | undefined {
  try {
    return JSON.parse(text) ?? undefined
  } catch {
    return undefined
  }
}

interface ThreadStat {
  readonly ended: boolean
  readonly start: string
}

async function statOf(path: string): Promise<ThreadStat | undefined> {
  try {
    return parseStat(await readFile(path, 'utf8'))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ESRCH') return undefined
    throw error
  }
}

/** As in proc_pid_stat(5): the state is the 3rd field, the start time the 22nd; the 2nd is a name in parentheses. */
function parseStat(stat: string): ThreadStat {
  const [state, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return { ended: state === 'Z' || state === 'X', start: rest[18] ?? '' }
}
