/** How long one operation takes: mitata's loop, in windows long enough to mean something. */

import { measure } from 'mitata'
import { type Case, consuming, within } from './case.ts'
import { loopOf, warmedUp } from './loops.ts'

export interface TimingOptions {
  /** How many windows each of the two measurements has. */
  readonly windows: number
  /** How long a window is at least, in ms. */
  readonly window: number
  /** How long it runs before the first window, in ms. */
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

/** mitata unrolls its loop by this; a batch has to be a multiple of it. */
const UNROLL = 4
const NS = 1e6

/**
 * Measures a case: first, second, second, first and so on, so that what drifts hits both alike. A window is one batch,
 * timed as a whole; one that turns out shorter than asked is thrown away, and taken again with more in it.
 */
export function timed(one: Case, options: TimingOptions): Promise<Timing> {
  const operation = consuming(one)
  return within(one, async () => {
    const each = await warmedUp(operation, await loopOf(operation), options.warmUp)
    const batches = new Batches(operation, each * NS, options)
    const first: number[] = []
    const second: number[] = []
    for (let pair = 0; pair < options.windows; pair++) {
      const flipped = options.flipped !== (pair % 2 === 1)
      for (const into of flipped ? [second, first] : [first, second]) {
        into.push(await batches.window())
      }
    }
    return { first, second }
  })
}

class Batches {
  readonly #operation: () => unknown
  readonly #collects: boolean
  /** In ns. */
  readonly #least: number
  #size: number

  /** @param each How long one operation takes, in ns, as far as it is known. */
  constructor(operation: () => unknown, each: number, { window, collects }: TimingOptions) {
    this.#operation = operation
    this.#collects = collects
    this.#least = window * NS
    this.#size = this.#sizeFor(each)
  }

  /** One window: ns for each operation. */
  async window(): Promise<number> {
    for (;;) {
      const each = await batch(this.#operation, this.#size, this.#collects)
      if (each * this.#size >= this.#least) return each
      this.#size = Math.max(this.#size + UNROLL, this.#sizeFor(each))
    }
  }

  /** How many fill a window, with a tenth to spare. */
  #sizeFor(each: number): number {
    return Math.max(1, Math.ceil((this.#least * 1.1) / each / UNROLL)) * UNROLL
  }
}

/** One batch: exactly one sample of mitata's, after a full garbage collection if it `collects`. */
async function batch(operation: () => unknown, size: number, collects: boolean): Promise<number> {
  // Not by mitata: it would mark the 8 MiB that it holds ready for a million samples.
  if (collects) globalThis.gc?.()
  const { samples } = await measure(operation, {
    batch_samples: size,
    batch_unroll: UNROLL,
    batch_threshold: Number.POSITIVE_INFINITY,
    warmup_threshold: Number.POSITIVE_INFINITY,
    warmup_samples: 1,
    min_samples: 1,
    max_samples: 1,
    min_cpu_time: 0,
    gc: false,
  })
  const [sample] = samples
  if (samples.length !== 1 || sample === undefined || !(sample > 0)) {
    throw new Error('mitata did not take the one sample that it was asked for.')
  }
  return sample
}
