/**
 * How many bytes one operation allocates: on the heap and in array buffers, counted over many runs in which nothing is
 * collected. Needs `--expose-gc` and a young generation that holds them all. What native code takes from malloc for
 * itself is in no counter.
 */

import { PerformanceObserver, performance } from 'node:perf_hooks'
import process from 'node:process'
import { setImmediate } from 'node:timers/promises'
import { summary } from '../common/statistics.ts'
import { type Case, consuming, within } from './case.ts'
import { awaiting, type Loop, loopOf, sync, warmedUp } from './loops.ts'

export interface AllocationOptions {
  /** How often it is counted; the median is told. */
  readonly times: number
  /** How long it runs before that, in ms. */
  readonly warmUp: number
}

/**
 * The flags of a process that counts: nothing is collected until 256 MiB are full, and a collection is over when it
 * returns, array buffers included; a thread that frees them later would be counted as less than nothing.
 */
export const FLAGS: readonly string[] = [
  '--expose-gc',
  '--single-threaded-gc',
  '--min-semi-space-size=256',
  '--max-semi-space-size=256',
]

/** How much one count may allocate: far below the young generation, and below what V8 lets array buffers take. */
const MOST_BYTES = 12 * 2 ** 20
const MOST_RUNS = 200_000
/** How long one count may take, in ms. */
const LONGEST = 15
const MOST_TRIES = 6

/** Bytes that one operation allocates; NaN when a collection came between each time. */
export async function allocated(one: Case, options: AllocationOptions): Promise<number> {
  const operation = consuming(one)
  return within(one, async () => {
    const loop = await loopOf(operation)
    const each = await warmedUp(operation, loop, options.warmUp)
    const rough = (await counted(loop, operation, 16)) / 16
    const fit = Math.min(MOST_RUNS, MOST_BYTES / Math.max(rough, 1), LONGEST / each)
    const runs = Math.max(4, Math.floor(fit))
    const found: number[] = []
    for (let time = 0; time < options.times; time++) {
      found.push((await counted(loop, operation, runs)) / runs)
    }
    const kept = found.filter((bytes) => !Number.isNaN(bytes))
    return kept.length === 0 ? Number.NaN : Math.max(0, summary(kept).median)
  })
}

/** Throws unless the meter counts what is known: nothing, a small object, an array buffer. */
export async function proveMeter(): Promise<void> {
  const options = { times: 3, warmUp: 20 }
  const nothing = 1
  const resolved = Promise.resolve(nothing)
  const known: [name: string, run: () => unknown, least: number, most: number][] = [
    ['nothing', () => nothing, 0, 0.5],
    ['nothing, awaited', () => resolved, 0, 0.5],
    // A header of three words, and four fields that are kept free.
    ['{}', () => ({}), 24, 64],
    ['new Uint8Array(1000)', () => new Uint8Array(1000), 1000, 1400],
  ]
  for (const [name, run, least, most] of known) {
    const bytes = await allocated({ group: '', name, run, check: () => undefined }, options)
    if (bytes >= least && bytes <= most) continue
    throw new Error(
      `The meter says that ${name} allocates ${bytes} bytes; it should be ${least} to ${most}.`,
    )
  }
}

/** Bytes that so many runs allocate, less what awaiting them does. NaN when there was a collection each time. */
async function counted(loop: Loop, operation: () => unknown, runs: number): Promise<number> {
  const all = await uncollected(loop, operation, runs)
  return loop === sync ? all : all - runs * (await forAwaiting())
}

let awaitingBytes: Promise<number> | undefined

/** Bytes that one `await` of a promise takes. Counted once. */
function forAwaiting(): Promise<number> {
  const idle = Promise.resolve()
  const wait = (): Promise<void> => idle
  awaitingBytes ??= (async () => {
    await warmedUp(wait, awaiting, 20)
    return (await uncollected(awaiting, wait, MOST_RUNS)) / MOST_RUNS
  })()
  return awaitingBytes
}

async function uncollected(loop: Loop, operation: () => unknown, runs: number): Promise<number> {
  for (let attempt = 0; attempt < MOST_TRIES; attempt++) {
    const collected = watch()
    // Empties the young generation; a full collection would take much longer and count the same.
    globalThis.gc?.({ type: 'minor' })
    const start = performance.now()
    const before = used()
    const ended = loop(operation, runs)
    if (ended instanceof Promise) await ended
    const after = used()
    if (!(await collected(start, performance.now()))) return after - before
  }
  return Number.NaN
}

function used(): number {
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** Watches for collections; tells whether one began in that time. */
function watch(): (from: number, to: number) => Promise<boolean> {
  const starts: number[] = []
  const observer = new PerformanceObserver((list) => {
    for (const { startTime } of list.getEntries()) starts.push(startTime)
  })
  observer.observe({ entryTypes: ['gc'] })
  return async (from, to) => {
    // They are told in later turns of the event loop.
    await setImmediate()
    await setImmediate()
    for (const { startTime } of observer.takeRecords()) starts.push(startTime)
    observer.disconnect()
    return starts.some((start) => start > from && start < to)
  }
}
