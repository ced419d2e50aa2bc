/** One run of the race: commits, logouts, rotations, and rotations among busy writers. */

import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { FailureCount, type Failures, look, retriesOf, send, start } from './browser.ts'
import { type Ports, type Setup, startProcesses } from './processes.ts'
import { exceedsLimit, listsUsers, survivesRevocation } from './users.ts'

export interface Options {
  readonly names: readonly string[]
  readonly processes: number
  /** Commits of each process. */
  readonly commits: number
  /** Logouts with four other requests in flight. */
  readonly schedules: number
  /** Rotations with a logout in flight. */
  readonly rotations: number
  /** Rotations of each kind among busy writers. */
  readonly contended: number
  /** Times that all sessions of a user are ended, with logins, writes and a rotation in flight. */
  readonly revocations: number
  /** Times that one user logs in more often at once than the user may. */
  readonly limits: number
  /** The time limit of a commit among busy writers, in ms. Absent: vial's own. */
  readonly timeout?: number
  readonly seed: string
  readonly format: 'text' | 'markdown' | 'json'
}

export interface Result {
  /** Keys that are there in the end. */
  readonly kept: number
  readonly counter: number
  readonly retries: number
  readonly perSecond: number
  /** Logouts after which the session was alive. */
  readonly alive: number
  /** Rotations after which a session was alive although the logout had been answered. */
  readonly rotatedAlive: number
  /** Revocations after which a session lived that was there before; absent: the store cannot list sessions. */
  readonly revokedAlive?: number
  /** Times that another number of sessions lived than the limit; absent likewise. */
  readonly overLimit?: number
  /** Logins and regenerates among busy writers that succeeded, without a pause and with one; absent: not tried. */
  readonly contended?: { readonly busy: Succeeded; readonly paused: Succeeded }
  readonly failures: Failures
}

interface Succeeded {
  readonly login: number
  readonly regenerate: number
}

type Progress = (line: string) => void

/** Runs one store with vial's sessions, or its peer. Rejects when that was not possible. */
export async function race(
  setup: Omit<Setup, 'place'>,
  url: string,
  options: Options,
  progress: Progress,
): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), 'vial-race-'))
  const name = basename(folder).toLowerCase().replaceAll('-', '_')
  try {
    const place = { folder, name, url, first: true }
    const running = await startProcesses({ ...setup, place }, options.processes)
    try {
      return await runAll(running.ports, options, progress)
    } finally {
      await running.end()
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function runAll(ports: Ports, options: Options, progress: Progress): Promise<Result> {
  const failures = new FailureCount()
  const { near, far } = ports
  const { seed, schedules, rotations, contended } = options
  const written = await runCommits(near, options.commits, failures, progress)
  const alive = await runRounds('logouts', schedules, progress, (index) =>
    survivesLogout(near, scheduleOf(`${seed} ${index}`, 5), failures),
  )
  const rotatedAlive = await runRounds('rotations', rotations, progress, (index) =>
    survivesRotation(near, scheduleOf(`${seed} rotation ${index}`, 2), index, failures),
  )
  const listed = await runUsers(near, options, failures, progress)
  const lost = { ...written, alive, rotatedAlive, ...listed }
  if (far.length === 0) return { ...lost, failures: failures.total }
  const busy = await runContended(far, 0, contended, failures, progress)
  const paused = await runContended(far, PAUSE, contended, failures, progress)
  const all = { busy, paused }
  return { ...lost, contended: all, failures: failures.total }
}

async function runUsers(
  ports: readonly number[],
  { seed, revocations, limits }: Options,
  failures: FailureCount,
  progress: Progress,
): Promise<Pick<Result, 'revokedAlive' | 'overLimit'>> {
  if (!(await listsUsers(ports[0] ?? 0))) return {}
  const revokedAlive = await runRounds('revocations', revocations, progress, (index) => {
    const schedule = scheduleOf(`${seed} revocation ${index}`, 10)
    return survivesRevocation(ports, schedule, `revoked-${index}`, failures)
  })
  const overLimit = await runRounds('limits', limits, progress, (index) =>
    exceedsLimit(ports, `limited-${index}`, failures),
  )
  return { revokedAlive, overLimit }
}

/** Each port gets `count` writes on one session, one after the other; each writes a key of its own and counts. */
async function runCommits(
  ports: readonly number[],
  count: number,
  failures: FailureCount,
  progress: Progress,
): Promise<Pick<Result, 'kept' | 'counter' | 'retries' | 'perSecond'>> {
  const [first = 0] = ports
  const cookie = await start(first)
  const total = ports.length * count
  let done = 0
  const began = performance.now()
  const writing = ports.map(async (port, writer) => {
    for (let i = 0; i < count; i += 1) {
      const target = `/write?key=writer-${writer}-key-${i}`
      await failures.watch(() => send(port, 'POST', target, cookie))
      done += 1
      progress(`${done} of ${total} commits`)
    }
  })
  await Promise.all(writing)
  const seconds = (performance.now() - began) / 1000
  const { kept, counter } = await look(first, cookie)
  const retries = (await Promise.all(ports.map(retriesOf))).reduce((sum, some) => sum + some, 0)
  return { kept, counter, retries, perSecond: Math.round(total / seconds) }
}

/** Rounds that are played at once, each with a session of its own. */
const AT_ONCE = 16

/** Plays `count` rounds; resolves to the number of those that resolve to true. */
async function runRounds(
  what: string,
  count: number,
  progress: Progress,
  play: (index: number) => Promise<boolean>,
): Promise<number> {
  let [next, done, survivals] = [0, 0, 0]
  const player = async (): Promise<void> => {
    while (next < count) {
      if (await play(next++)) survivals += 1
      done += 1
      progress(`${done} of ${count} ${what}`)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, player))
  return survivals
}

/** Longest delays in ms: short ones for stores that answer at once, long ones for slow stores. */
const PACES = [2, 6, 20, 60]

/** How the requests of one round meet. */
export interface Schedule {
  /** `delay` is before a request is sent, `takes` is its handler's own time, both in ms. */
  readonly requests: readonly { readonly delay: number; readonly takes: number }[]
  /** Which server gets the first request; the others follow in turn. */
  readonly server: number
}

/** The same seed gives the same delays; how the processes then take turns is theirs. */
function scheduleOf(seed: string, requests: number): Schedule {
  const digest = createHash('shake256', { outputLength: 8 + 8 * requests })
    .update(seed)
    .digest()
  const random = (i: number, below: number): number => digest.readUInt32LE(4 * i) % below
  const pace = PACES[random(0, PACES.length)] as number
  return {
    server: random(1, 1_000),
    requests: Array.from({ length: requests }, (_, request) => ({
      delay: random(2 + 2 * request, pace),
      takes: random(3 + 2 * request, pace),
    })),
  }
}

/** A logout, with four writes in flight: whether the session is alive after the logout was answered. */
async function survivesLogout(
  ports: readonly number[],
  { requests, server }: Schedule,
  failures: FailureCount,
): Promise<boolean> {
  const port = (index: number): number => ports[(server + index) % ports.length] as number
  const cookie = await start(port(0))
  const [logout] = await Promise.all(
    requests.map(async ({ delay, takes }, index) => {
      if (delay > 0) await sleep(delay)
      const path = index === 0 ? '/logout?' : `/write?key=request-${index}&`
      return failures.watch(() => send(port(index), 'POST', `${path}takes=${takes}`, cookie))
    }),
  )
  return logout?.status === 204 && (await look(port(0), cookie)).loggedIn
}

/**
 * A logout, with a `login` or `regenerate` of the same session in flight: whether a session is alive afterwards, with the
 * cookie before or with the new one. A login may begin a new session when it commits after the logout; only one that was
 * answered before the logout's `destroy` counts.
 */
async function survivesRotation(
  ports: readonly number[],
  { requests: [first, second], server }: Schedule,
  index: number,
  failures: FailureCount,
): Promise<boolean> {
  const port = (place: number): number => ports[(server + place) % ports.length] as number
  const isLogin = index % 2 === 0
  const cookie = await start(port(0))
  let rotatedAt = Number.POSITIVE_INFINITY
  const [rotation, logout] = await Promise.all([
    failures
      .watch(async () => {
        await sleep(first?.delay)
        const path = isLogin ? '/login' : '/regenerate'
        return send(port(0), 'POST', `${path}?takes=${first?.takes}`, cookie)
      })
      .finally(() => {
        rotatedAt = Date.now()
      }),
    failures.watch(async () => {
      await sleep(second?.delay)
      return send(port(1), 'POST', `/logout?takes=${second?.takes}`, cookie)
    }),
  ])
  if (logout?.status !== 204) return false
  if ((await look(port(0), cookie)).loggedIn) return true
  const isFirst = rotatedAt < logout.began
  if (rotation?.cookie === undefined || (isLogin && !isFirst)) return false
  return (await look(port(1), rotation.cookie)).loggedIn
}

const WRITERS = 3
/** ms between the writes of one writer, in the second half. */
export const PAUSE = 30

/** Logins and regenerates of a session that three writers write: how many of each were stored. */
async function runContended(
  ports: readonly number[],
  pause: number,
  count: number,
  failures: FailureCount,
  progress: Progress,
): Promise<Succeeded> {
  const succeeded = { login: 0, regenerate: 0 }
  for (const kind of ['login', 'regenerate'] as const) {
    for (let i = 0; i < count; i += 1) {
      progress(`${i} of ${count} with busy writers: ${kind}`)
      if (await rotatesAmongWriters(ports, pause, kind, failures)) succeeded[kind] += 1
    }
  }
  return succeeded
}

async function rotatesAmongWriters(
  ports: readonly number[],
  pause: number,
  kind: keyof Succeeded,
  failures: FailureCount,
): Promise<boolean> {
  const port = (index: number): number => ports[index % ports.length] as number
  const cookie = await start(port(0))
  let isOver = false
  const firsts: Promise<unknown>[] = []
  const writers = Array.from({ length: WRITERS }, async (_, writer) => {
    for (let i = 0; !isOver; i += 1) {
      const target = `/write?key=writer-${writer}-key-${i}`
      const written = failures.watch(() => send(port(writer), 'POST', target, cookie))
      if (i === 0) firsts.push(written)
      await written
      if (pause > 0) await sleep(pause)
    }
  })
  // All writers are at work.
  await Promise.all(firsts)
  const answer = await send(port(WRITERS), 'POST', `/${kind}`, cookie)
  isOver = true
  await Promise.all(writers)
  if (answer.status !== 204 || answer.cookie === undefined || answer.cookie === cookie) return false
  const { loggedIn, kept } = await look(port(0), answer.cookie)
  return loggedIn && kept >= WRITERS
}
