/** The stores that take part in the race, and how several processes come to share one. */

import type { Store } from 'vial'
import { fileStore } from 'vial/stores/file'
import { memoryStore } from 'vial/stores/memory'

export interface Target {
  readonly name: string
  /** Whether other processes reach the same data. */
  readonly shared: boolean
  /** @param place A directory of this run's own. */
  open(place: string): Store
}

export const targets: readonly Target[] = [
  { name: 'memory', shared: false, open: () => memoryStore() },
  { name: 'file', shared: true, open: (place) => fileStore(place) },
]

/** The target of that name. */
export function target(name: string): Target {
  const found = targets.find((candidate) => candidate.name === name)
  if (found === undefined) {
    throw new Error(
      `There is no store '${name}' in the race. Known: ${targets.map((t) => t.name).join(', ')}.`,
    )
  }
  return found
}
