/** One operation, how it is run, and how to tell that it does what its name says. */

import { performance } from 'node:perf_hooks'
import process from 'node:process'

export interface Case {
  /** The table that it belongs to. */
  readonly group: string
  /** Unique in its stage. */
  readonly name: string
  /** Does the operation once. Its result is consumed; a promise is awaited before the next operation. */
  readonly run: () => unknown
  /** Throws or rejects when the result is not what it should be. */
  readonly check: (result: unknown) => void | Promise<void>
  /** The cases whose time this one is divided by. */
  readonly peers?: readonly string[]
  /** It runs nothing of vial, so another build has nothing to measure. */
  readonly foreign?: true
  /** Left out with `--quick`. */
  readonly rare?: boolean
  /** How many calls a store of the case has served so far. Absent: they are not counted. */
  readonly storeCalls?: () => number
}

type Consumer = (run: () => unknown, kept: unknown[]) => () => unknown

/**
 * The operation, with its result kept for a moment, so that the compiler cannot leave it out. Each case gets code of its
 * own: closures of one function share what the compiler learned from the others.
 */
export function consuming({ run }: Pick<Case, 'run'>): () => unknown {
  const make = new Function(
    'run',
    'kept',
    `let at = 0
    return () => {
      at = (at + 1) & 7
      return (kept[at] = run())
    }`,
  ) as Consumer
  return make(run, new Array(8).fill(undefined))
}

/** Runs a case once and checks its result. Rejects with what is wrong. */
export async function checked({ name, run, check }: Case): Promise<void> {
  try {
    await check(await run())
  } catch (error) {
    throw new Error(`${name} is wrong: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    })
  }
}

export type Loop = (operation: () => unknown, runs: number) => void | Promise<void>

export const sync: Loop = (operation, runs) => {
  for (let run = 0; run < runs; run++) operation()
}

/** Awaits each operation before the next. */
export const awaiting: Loop = async (operation, runs) => {
  for (let run = 0; run < runs; run++) await operation()
}

/** The loop that an operation needs. Runs the operation once. */
export async function loopOf(operation: () => unknown): Promise<Loop> {
  const result = operation()
  if (!(result instanceof Promise)) return sync
  await result
  return awaiting
}

/** Runs an operation for that many ms of CPU; resolves to the ms that one run took in the second half of it. */
export async function warmedUp(
  operation: () => unknown,
  loop: Loop,
  time: number,
): Promise<number> {
  const start = process.cpuUsage()
  for (let runs = 1; ; runs *= 2) {
    const before = performance.now()
    await loop(operation, runs)
    const each = (performance.now() - before) / runs
    const { user, system } = process.cpuUsage(start)
    if (user + system >= time * 1000) return each
  }
}
