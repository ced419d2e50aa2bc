/**
 * What one operation takes besides time: bytes on the heap and in array buffers, promises, calls of the store. These
 * figures have no noise, so bounds of a few percent are shown by them. Bytes are counted over many runs in which nothing
 * is collected: that needs the flags below. What native code takes from malloc for itself is in no counter.
 */

import { createHook } from 'node:async_hooks'
import { PerformanceObserver, performance } from 'node:perf_hooks'
import process from 'node:process'
import { setImmediate } from 'node:timers/promises'
import { median } from '../common/report.ts'
import { awaiting, type Case, consuming, type Loop, loopOf, sync, warmedUp } from './case.ts'

export interface CountingOptions {
  /** How often bytes are counted; the median is reported. */
  readonly times: number
  /** How long the operation runs before that, in ms of CPU. */
  readonly warmUp: number
}

export interface Counted {
  /** Null: a collection came between each time. */
  readonly bytes: number | null
  readonly promises: number
  /** Null: the case counts none. */
  readonly storeCalls: number | null
}

/**
 * The flags of a process that counts: nothing is collected until 256 MiB are full, and a collection is over when it
 * returns, array buffers included; buffers that a thread frees later would be counted as less than nothing.
 */
export const FLAGS: readonly string[] = [
  '--expose-gc',
  '--single-threaded-gc',
  '--min-semi-space-size=256',
  '--max-semi-space-size=256',
]

/** How much one count may allocate: far below the young generation, and below V8's limit of array buffers. */
const MOST_BYTES = 12 * 2 ** 20
const MOST_RUNS = 200_000
/** How long one count may take, in ms. */
const LONGEST = 15
const MOST_TRIES = 6
/** Promises are counted over this many runs, and twice as many. */
const FEW_RUNS = 64
/** One to find the loop, one before the counts, then the counts. */
const ALL_RUNS = 2 + 3 * FEW_RUNS

/** Counts each case. Bytes come first for all: once promises have been counted, `await` allocates more. */
export async function counted(
  cases: readonly Case[],
  options: CountingOptions,
): Promise<Counted[]> {
  await proveBytes()
  const bytes: (number | null)[] = []
  for (const one of cases) bytes.push(await bytesOfCase(one, options))
  await provePromises()
  const all: Counted[] = []
  for (const [index, one] of cases.entries()) {
    const before = one.storeCalls?.() ?? 0
    const promises = await promisesOf(one)
    const calls = one.storeCalls === undefined ? null : one.storeCalls() - before
    const storeCalls = calls === null ? null : calls / ALL_RUNS
    all.push({ bytes: bytes[index] ?? null, promises, storeCalls })
  }
  return all
}

async function bytesOfCase(one: Pick<Case, 'run'>, options: CountingOptions) {
  const operation = consuming(one)
  const loop = await loopOf(operation)
  const each = await warmedUp(operation, loop, options.warmUp)
  const rough = (await bytesOf(loop, operation, 16)) / 16
  const fit = Math.min(MOST_RUNS, MOST_BYTES / Math.max(rough, 1), LONGEST / each)
  const runs = Math.max(4, Math.floor(fit) || 4)
  const found: number[] = []
  for (let time = 0; time < options.times; time++) {
    found.push((await bytesOf(loop, operation, runs)) / runs)
  }
  const kept = found.filter((bytes) => !Number.isNaN(bytes))
  return kept.length === 0 ? null : Math.max(0, median(kept))
}

/** Throws unless the counter counts what is known: nothing, a small object, an array buffer. */
async function proveBytes(): Promise<void> {
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
    const bytes = (await bytesOfCase({ run }, { times: 3, warmUp: 50 })) ?? Number.NaN
    if (bytes >= least && bytes <= most) continue
    throw new Error(
      `The counter says that ${name} allocates ${bytes} bytes; it should be ${least} to ${most}.`,
    )
  }
}

/** Throws unless the counter counts what is known. */
async function provePromises(): Promise<void> {
  const resolved = Promise.resolve(1)
  const known: [name: string, run: () => unknown, promises: number][] = [
    ['nothing', () => 1, 0],
    ['nothing, awaited', () => resolved, 0],
    ['an async function', async () => 1, 1],
  ]
  for (const [name, run, promises] of known) {
    const found = await promisesOf({ run })
    if (found === promises) continue
    throw new Error(`The counter says that ${name} makes ${found} promises, not ${promises}.`)
  }
}

/** Promises that one operation makes, less those of awaiting it. */
async function promisesOf(one: Pick<Case, 'run'>): Promise<number> {
  const operation = consuming(one)
  const loop = await loopOf(operation)
  const idle = Promise.resolve()
  const awaited = loop === sync ? 0 : await promisesPerRun(awaiting, () => idle)
  return (await promisesPerRun(loop, operation)) - awaited
}

/** The difference of two counts, so that what a count itself makes does not matter. */
async function promisesPerRun(loop: Loop, operation: () => unknown): Promise<number> {
  // The first count of a process has one more.
  await promisesIn(loop, operation, 1)
  const few = await promisesIn(loop, operation, FEW_RUNS)
  return ((await promisesIn(loop, operation, 2 * FEW_RUNS)) - few) / FEW_RUNS
}

async function promisesIn(loop: Loop, operation: () => unknown, runs: number): Promise<number> {
  let made = 0
  const hook = createHook({
    init(_id, type) {
      if (type === 'PROMISE') made += 1
    },
  }).enable()
  const ended = loop(operation, runs)
  if (ended instanceof Promise) await ended
  hook.disable()
  return made
}

/** Bytes of that many runs, less those of awaiting. NaN when there was a collection each time. */
async function bytesOf(loop: Loop, operation: () => unknown, runs: number): Promise<number> {
  const all = await uncollected(loop, operation, runs)
  return loop === sync ? all : all - runs * (await bytesOfAwaiting())
}

let awaitingBytes: Promise<number> | undefined

/** Bytes that one `await` of a promise takes. Counted once. */
function bytesOfAwaiting(): Promise<number> {
  const idle = Promise.resolve()
  const wait = (): Promise<void> => idle
  awaitingBytes ??= (async () => {
    await warmedUp(wait, awaiting, 50)
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

/** Watches for collections; resolves to whether one began in that time. */
function watch(): (from: number, to: number) => Promise<boolean> {
  const starts: number[] = []
  const observer = new PerformanceObserver((list) => {
    for (const { startTime } of list.getEntries()) starts.push(startTime)
  })
  observer.observe({ entryTypes: ['gc'] })
  return async (from, to) => {
    // They are reported in later turns of the event loop.
    await setImmediate()
    await setImmediate()
    for (const { startTime } of observer.takeRecords()) starts.push(startTime)
    observer.disconnect()
    return starts.some((start) => start > from && start < to)
  }
}
