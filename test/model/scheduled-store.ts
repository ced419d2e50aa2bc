/** A store whose calls wait for a scheduler, which chooses the order and the faults. */

import { type Store, StoreError } from 'vial'
import type { MaybePromise } from '../../src/core/store.ts'

/** Random numbers from a seed, so that a schedule can be run again. */
export function randomFrom(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

interface Call {
  readonly actor: number
  readonly isWrite: boolean
  readonly run: () => MaybePromise<unknown>
  readonly resolve: (result: unknown) => void
  readonly reject: (error: unknown) => void
}

export interface Faults {
  /** The share of writes whose reply is lost: done, done later, or never done. */
  readonly lost: number
  /** The actor that stops, after how many of its calls. Absent: none. */
  readonly crash?: { readonly actor: number; readonly after: number }
}

/** Runs actors, each a process of its own over one store. */
export class Scheduler {
  readonly #store: Store
  readonly #random: () => number
  readonly #faults: Faults
  readonly #calls: Call[] = []
  readonly #made: number[] = []
  /** Writes that land after their reply was lost. */
  readonly #late: (() => MaybePromise<unknown>)[] = []
  #hasCrashed = false
  /** Counts the steps, for "before" and "after". */
  time = 0

  constructor(store: Store, random: () => number, faults: Faults) {
    this.#store = store
    this.#random = random
    this.#faults = faults
  }

  /** The store as one actor sees it. */
  storeOf(actor: number): Store {
    const scheduled =
      <A extends unknown[], R>(isWrite: boolean, verb: (...args: A) => MaybePromise<R>) =>
      (...args: A): Promise<R> =>
        new Promise<R>((resolve, reject) => {
          const run = (): MaybePromise<R> => verb(...args)
          this.#calls.push({ actor, isWrite, run, resolve: resolve as Call['resolve'], reject })
        })
    const { read, create, replace, touch, delete: remove } = this.#store
    return {
      ...this.#store,
      read: scheduled(false, read),
      create: scheduled(true, create),
      replace: scheduled(true, replace),
      touch: scheduled(true, touch),
      delete: scheduled(true, remove),
    }
  }

  /** Resolves when each actor has ended, failed or crashed, and every late write has landed. */
  async run(actors: readonly (() => Promise<unknown>)[]): Promise<void> {
    let open = actors.length
    for (const actor of actors)
      actor().then(
        () => open--,
        () => open--,
      )
    for (;;) {
      // Lets every actor run until it waits for the store.
      await new Promise((resolve) => setImmediate(resolve))
      if (open === 0) break
      if (this.#calls.length === 0) {
        if (this.#late.length === 0) break
        await this.#late.shift()?.()
      } else await this.#step()
    }
    for (const late of this.#late) await late()
    if (open > (this.#hasCrashed ? 1 : 0)) throw new Error(`${open} actors wait for nothing.`)
  }

  async #step(): Promise<void> {
    this.time++
    if (this.#late.length > 0 && this.#random() < 0.15) {
      const [late] = this.#late.splice(Math.floor(this.#random() * this.#late.length), 1)
      await late?.()
      return
    }
    const [call] = this.#calls.splice(Math.floor(this.#random() * this.#calls.length), 1)
    if (call === undefined) return
    const { actor, isWrite, run, resolve, reject } = call
    const made = this.#made[actor] ?? 0
    this.#made[actor] = made + 1
    const { crash, lost } = this.#faults
    // A process that has stopped neither sends nor hears anything.
    if (crash?.actor === actor && made >= crash.after) {
      this.#hasCrashed = true
      return
    }
    if (!isWrite || this.#random() >= lost) {
      resolve(await run())
      return
    }
    const fate = this.#random()
    if (fate < 0.4) await run()
    else if (fate < 0.8) this.#late.push(run)
    reject(new StoreError('lost', { operation: 'replace', outcome: 'unknown', retriable: true }))
  }
}
