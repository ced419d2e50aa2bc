/**
 * Who holds a lock: a text that names a thread so precisely that others can tell whether it still runs.
 *
 * @module
 */

import { randomBytes } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { hostname } from 'node:os'

/** The fields are absent where the system has no `/proc` to tell them. */
interface Owner {
  readonly pid: number
  /** The thread; a worker may end while its process goes on. */
  readonly tid?: number
  /** When that thread started, in ticks since boot: tells it from a later one with the same number. */
  readonly start?: string
  readonly boot?: string
  /** The namespace in which the numbers count. */
  readonly pidNamespace?: string
  readonly host: string
  /** Two stores in one thread are two owners. */
  readonly nonce: string
}

/** Gives a new text for the calling thread. */
export function describeOwner(): string {
  const owner: Owner = {
    pid: process.pid,
    ...thisThread(),
    host: hostname(),
    nonce: randomBytes(12).toString('hex'),
  }
  return JSON.stringify(owner)
}

/**
 * Tells whether the owner of a lock still runs. Undefined: it cannot be told from here, as it is of another machine or
 * container, or the text is damaged.
 */
export async function isRunning(text: string): Promise<boolean | undefined> {
  const owner = parseOwner(text)
  const here = thisThread()
  const sameNumbers =
    owner?.start !== undefined &&
    here.boot !== undefined &&
    owner.boot === here.boot &&
    owner.pidNamespace === here.pidNamespace &&
    owner.host === hostname()
  if (!sameNumbers) return undefined

  const thread = await statOf(`/proc/${owner.pid}/task/${owner.tid}/stat`)
  if (thread?.start === owner.start && !thread.ended) return true
  // A killed process may still have a thread inside a system call; all is over when only its zombie is left.
  const leader = await statOf(`/proc/${owner.pid}/stat`)
  if (!leader?.ended) return false
  const threads = await readdir(`/proc/${owner.pid}/task`).catch(() => [])
  return threads.length > 1
}

let cachedThread: Partial<Owner> | undefined

function thisThread(): Partial<Owner> {
  cachedThread ??= describeThread()
  return cachedThread
}

function describeThread(): Partial<Owner> {
  try {
    // `<pid>/task/<tid>` of the thread that reads it, so this must not run on a thread of the pool.
    const path = readlinkSync('/proc/thread-self')
    const start = parseStat(readFileSync('/proc/thread-self/stat', 'utf8'))?.start
    if (start === undefined) return {}
    return {
      tid: Number(path.split('/')[2]),
      start,
      boot: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
      pidNamespace: readlinkSync('/proc/self/ns/pid'),
    }
  } catch {
    // No /proc, or not all of it: then the age of a lock has to do.
    return {}
  }
}

function parseOwner(text: string): Owner | undefined {
  try {
    const owner: unknown = JSON.parse(text)
    return typeof owner === 'object' && owner !== null ? (owner as Owner) : undefined
  } catch {
    return undefined
  }
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

interface ThreadStat {
  readonly ended: boolean
  readonly start: string
}

/** proc_pid_stat(5): the state is the 3rd field, the start time the 22nd; the 2nd is a name in parentheses. */
function parseStat(stat: string): ThreadStat | undefined {
  const [state, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const start = rest[18]
  return start === undefined ? undefined : { ended: state === 'Z' || state === 'X', start }
}
