/** A way to break a store, to see that the suite finds it. */
import type { MaybePromise } from '../../src/core/maybe-promise.ts'
import type { Store } from '../../src/core/store.ts'
import { StoreError } from '../../src/errors.ts'
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

/** A sound store that can be made to do a write and not to tell. */
export interface Lossy extends Store {
  loseNextReply(): void
}

export function lossyStore(options: { readonly now?: () => number } = {}): Lossy {
  const sound = memoryStore(options)
  let losing = false
  const told = async <T>(operation: string, call: () => MaybePromise<T>): Promise<T> => {
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
    create: (...args) => told('create', () => sound.create(...args)),
    replace: (...args) => told('replace', () => sound.replace(...args)),
    touch: (...args) => told('touch', () => sound.touch(...args)),
    delete: (...args) => told('delete', () => sound.delete(...args)),
  }
}

/** Writes past everything that a store in front of it may remember. */
export async function foreignWrite(
  store: Store,
  id: string,
  bytes: Uint8Array,
  expiresAt: number,
): Promise<void> {
  await store.delete(id)
  await store.create(id, bytes, expiresAt)
}

export function tick(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve))
}

/** A sound store, and clients of it that have one defect. */
export function breakStore(
  { broken, clock }: Defect,
  now: () => number,
): { readonly sound: Lossy; readonly client: () => Store } {
  const sound = lossyStore({ now: clock?.(now) ?? now })
  return { sound, client: () => ({ ...sound, ...broken(sound, now) }) }
}
