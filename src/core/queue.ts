/**
 * Commits of one id within one process take turns, so that they need not race in the store; each leaves what it knows
 * of the record to the next, which saves a read.
 *
 * @module
 */

import { StoreError } from '../errors.ts'
import type { Deadline } from './deadline.ts'
import type { MaybePromise } from './maybe-promise.ts'

/** What a turn comes to. */
export interface Outcome<Known> {
  /** What the next one may start from; undefined: nothing is certain. */
  readonly known: Known | undefined
}

type Doing<Known, T> = (known: Known | undefined) => MaybePromise<T>

export class Turns<Known> {
  /** The last one of each id; it has not ended. */
  readonly #last = new Map<string, Turn<Known>>()

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
    const before = this.#last.get(key)
    const turn = new Turn(key, this.#last)
    if (before === undefined) return turn.do(doing, undefined)
    return before.ended(deadline).then(
      (known) => turn.do(doing, known),
      (error: unknown) => turn.fail(error),
    )
  }
}

class Turn<Known> {
  readonly #key: string
  readonly #last: Map<string, Turn<Known>>
  /** Whoever waits for the end of this one. */
  #next: ((known: Known | undefined) => void) | undefined

  constructor(key: string, last: Map<string, Turn<Known>>) {
    this.#key = key
    this.#last = last
    last.set(key, this)
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
      this.#next = (known) => {
        clearTimeout(timer)
        resolve(known)
      }
    })
  }

  do<T extends Outcome<Known>>(doing: Doing<Known, T>, before: Known | undefined): MaybePromise<T> {
    let done: MaybePromise<T>
    try {
      done = doing(before)
    } catch (error) {
      return this.fail(error)
    }
    return done instanceof Promise
      ? done.then(
          (outcome) => this.#end(outcome),
          (error: unknown) => this.fail(error),
        )
      : this.#end(done)
  }

  fail(error: unknown): never {
    this.#leave(undefined)
    throw error
  }

  #end<T extends Outcome<Known>>(outcome: T): T {
    this.#leave(outcome.known)
    return outcome
  }

  /** Lets the next one begin. */
  #leave(known: Known | undefined): void {
    if (this.#last.get(this.#key) === this) this.#last.delete(this.#key)
    else this.#next?.(known)
  }
}
