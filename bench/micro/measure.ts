/** How long one operation takes, in windows long enough to mean something. */

import { performance } from 'node:perf_hooks'
import { type Case, consuming, type Loop, loopOf, warmedUp } from './case.ts'

export interface TimingOptions {
  /** How many windows each of the two measurements has. */
  readonly windows: number
  /** The least length of a window, in ms. Windows below 50 ms gave impossible figures. */
  readonly window: number
  /** How long the operation runs before the first window, in ms of CPU. */
  readonly warmUp: number
  /** Whether the second measurement begins. */
  readonly flipped: boolean
  /** Whether each window begins with a full garbage collection. */
  readonly collects: boolean
}

/** The same operation measured twice, interleaved: ns for each window. */
export interface Timing {
  readonly first: readonly number[]
  readonly second: readonly number[]
}

/** Measures a case first, second, second, first and so on, so that drift hits both alike. */
export async function timed(one: Case, options: TimingOptions): Promise<Timing> {
  const operation = consuming(one)
  const loop = await loopOf(operation)
  let each = await warmedUp(operation, loop, options.warmUp)
  const [first, second]: [number[], number[]] = [[], []]
  for (let pair = 0; pair < options.windows; pair++) {
    const flipped = options.flipped !== (pair % 2 === 1)
    for (const into of flipped ? [second, first] : [first, second]) {
      each = await window(operation, loop, each, options)
      into.push(each * 1e6)
    }
  }
  return { first, second }
}

/** Resolves to the ms of one operation. A window that ends too early is taken again, with more operations. */
async function window(
  operation: () => unknown,
  loop: Loop,
  expected: number,
  { window: least, collects }: TimingOptions,
): Promise<number> {
  for (let each = expected; ; ) {
    const runs = Math.max(1, Math.ceil((least * 1.1) / each))
    if (collects) globalThis.gc?.()
    const begin = performance.now()
    const ended = loop(operation, runs)
    if (ended instanceof Promise) await ended
    const passed = performance.now() - begin
    each = passed / runs
    if (passed >= least) return each
  }
}
