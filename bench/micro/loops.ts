/** Plain loops: to warm an operation up, and to run it where mitata's loop would allocate. */

import { performance } from 'node:perf_hooks'

export type Loop = (operation: () => unknown, runs: number) => void | Promise<void>

export const sync: Loop = (operation, runs) => {
  for (let run = 0; run < runs; run++) operation()
}

/** Waits for each before the next. */
export const awaiting: Loop = async (operation, runs) => {
  for (let run = 0; run < runs; run++) await operation()
}

/** The loop that an operation needs. Runs it once. */
export async function loopOf(operation: () => unknown): Promise<Loop> {
  const result = operation()
  if (!(result instanceof Promise)) return sync
  await result
  return awaiting
}

/** Runs an operation for so many ms; gives how long one run took in the second half of it, in ms. */
export async function warmedUp(
  operation: () => unknown,
  loop: Loop,
  time: number,
): Promise<number> {
  const start = performance.now()
  for (let runs = 1; ; runs *= 2) {
    const before = performance.now()
    await loop(operation, runs)
    const after = performance.now()
    if (after - start >= time) return (after - before) / runs
  }
}
