/** Ways to break a store, to check that the suite notices. */

import type { Store } from 'vial'
import { StoreError } from 'vial'
import { memoryStore } from 'vial/stores/memory'
import type { MaybePromise } from '../../src/core/store.ts'

export interface Defect {
  /** How the name of the case that must fail starts. */
  readonly fails: string
  readonly what: string
  /** Breaks a sound store. `now` is the clock of the suite. */
  readonly broken: (sound: Store, now: () => number) => Partial<Store>
  /** The clock that the sound store gets in place of the suite's. */
  readonly clock?: (now: () => number) => () => number
}

export const HOUR = 3_600_000

/** A sound store that can do a write and lose its reply. */
export interface Lossy extends Store {
  loseNextReply(): void
}

export function lossyStore(options: { readonly now?: () => number } = {}): Lossy {
  const sound = memoryStore(options)
  let losing = false
  const replied = async <T>(operation: string, call: () => MaybePromise<T>): Promise<T> => {
    const result = await call()
    if (!losing) return result
    losing = false
    throw new StoreError('The connection broke', { operation, outcome: 'unknown', retriable: true })
  }
  return {
    ...sound,
    loseNextReply() {
      losing = true
    },
    create: (...args) => replied('create', () => sound.create(...args)),
    replace: (...args) => replied('replace', () => sound.replace(...args)),
    touch: (...args) => replied('touch', () => sound.touch(...args)),
    delete: (...args) => replied('delete', () => sound.delete(...args)),
  }
}

/** Writes without the store under test, which may remember records. */
export async function foreignWrite(
  store: Store,
  id: string,
  bytes: Uint8Array,
  expiresAt: number,
): Promise<void> {
  await store.delete(id)
  await store.create(id, bytes, expiresAt)
}

/** Whether two contents are equal. */
export function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}

/** Waits for a turn of the event loop. */
export function tick(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** A sound store, and clients of it that have one defect. */
export function breakStore(
  { broken, clock }: Defect,
  now: () => number,
): { readonly sound: Lossy; readonly client: () => Store } {
  const sound = lossyStore({ now: clock?.(now) ?? now })
  return { sound, client: () => ({ ...sound, ...broken(sound, now) }) }
}
