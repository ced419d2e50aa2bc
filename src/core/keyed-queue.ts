/**
 * Commits of one id within one process take turns, so that they need not race in the store; each leaves what it knows
 * of the record to the next, which saves a read.
 *
 * @module
 */

import { StoreError } from '../errors.ts'
import type { MaybePromise } from './maybe-promise.ts'
import type { Deadline } from './time-limit.ts'

/** What a turn comes to. */
export interface Outcome<Known> {
  /** What the next one may start from; undefined: nothing is certain. */
  readonly known: Known | undefined
}

type Doing<Known, T> = (known: Known | undefined) => MaybePromise<T>

/** Of the table of turns. More turns than this at one time are found more slowly. */
const SLOTS = 256

export class Turns<Known> {
  /** Those that have not ended, the newest first in each slot. Not a `Map`, for the reason that `watch.ts` gives. */
  readonly #slots: (Turn<Known> | undefined)[] = new Array(SLOTS).fill(undefined)

  /**
   * Does something with an id once those have ended that came before: at once, when there is none. It is told what the
   * one before left. Waiting counts on the deadline: rejects with a {@link StoreError} that says `not-done` when it ends
   * first.
   */
  take<T extends Outcome<Known>>(
    key: string,
    deadline: Deadline,
    doing: Doing<Known, T>,
  ): MaybePromise<T> {
    const slot = slotOf(key)
    const before = this.#last(key, slot)
    if (before !== undefined) return this.#until(before.ended(deadline).then(doing), key, slot)
    const done = doing(undefined)
    // What is done at once needs no turn: nobody can come in between.
    return done instanceof Promise ? this.#until(done, key, slot) : done
  }

  #last(key: string, slot: number): Turn<Known> | undefined {
    let turn = this.#slots[slot]
    while (turn !== undefined && turn.key !== key) turn = turn.older
    return turn
  }

  /** A turn that ends when this does. */
  #until<T extends Outcome<Known>>(done: Promise<T>, key: string, slot: number): Promise<T> {
    const turn = new Turn(key, this.#slots[slot])
    this.#slots[slot] = turn
    return done.then(
      (outcome) => {
        this.#leave(turn, slot, outcome.known)
        return outcome
      },
      (error: unknown) => {
        this.#leave(turn, slot, undefined)
        throw error
      },
    )
  }

  #leave(turn: Turn<Known>, slot: number, known: Known | undefined): void {
    let newer = this.#slots[slot]
    if (newer === turn) this.#slots[slot] = turn.older
    else {
      while (newer !== undefined && newer.older !== turn) newer = newer.older
      if (newer !== undefined) newer.older = turn.older
    }
    turn.older = undefined
    turn.next?.(known)
  }
}

class Turn<Known> {
  readonly key: string
  /** In the same slot. */
  older: Turn<Known> | undefined
  /** Whoever waits for the end of this one. */
  next: ((known: Known | undefined) => void) | undefined

  constructor(key: string, older: Turn<Known> | undefined) {
    this.key = key
    this.older = older
  }

  /** Resolves to what this one leaves. */
  ended(deadline: Deadline): Promise<Known | undefined> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(
          new StoreError('Earlier commits of the same session took until the deadline.', {
            operation: 'replace',
            outcome: 'not-done',
            retriable: true,
          }),
        )
      }, deadline.left)
      this.next = (known) => {
        clearTimeout(timer)
        resolve(known)
      }
    })
  }
}

/** By the end of the key, which is random. */
function slotOf(key: string): number {
  let hash = 0
  for (let i = Math.max(0, key.length - 8); i < key.length; i++) {
    hash = (hash * 31 + key.charCodeAt(i)) | 0
  }
  return hash & (SLOTS - 1)
}
