/** A way to break a store, to see that the suite finds it. */
import type { Store } from '../../src/core/store.ts'
import { memoryStore } from '../../src/stores/memory.ts'

export interface Defect {
  /** How the name of the case starts that has to fail. */
  readonly fails: string
  readonly what: string
  /** Breaks a sound store. `now` is the clock of the suite. */
  readonly broken: (sound: Store, now: () => number) => Partial<Store>
  /** The clock that the sound store gets in place of the suite's. */
  readonly clock?: (now: () => number) => () => number
}

export const HOUR = 3_600_000

export function tick(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve))
}

/** A sound store behind one defect. */
export function breakStore({ broken, clock }: Defect, now: () => number): () => Store {
  const sound = memoryStore({ now: clock?.(now) ?? now })
  return () => ({ ...sound, ...broken(sound, now) })
}
