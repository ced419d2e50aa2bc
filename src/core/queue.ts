/**
 * Commits of one id within one process take turns, so that they need not race in the store; each leaves what it knows
 * of the record to the next, which saves a read.
 *
 * @module
 */

import { StoreError } from '../errors.ts'
import type { Deadline } from './deadline.ts'

/** One commit's turn at its id. */
export class Turn<Known> {
  readonly #key: string
  readonly #last: Map<string, Turn<Known>>
  #before: Turn<Known> | undefined
  /** Whoever waits for the end of this one. */
  #next: ((known: Known | undefined) => void) | undefined

  constructor(key: string, last: Map<string, Turn<Known>>) {
    this.#key = key
    this.#last = last
    this.#before = last.get(key)
    last.set(key, this)
  }

  /**
   * What the one before leaves, when it has ended; undefined: nothing certain, or there was none. Waiting counts on the
   * deadline: rejects with a {@link StoreError} that says `not-done` when it ends first.
   */
  begin(deadline: Deadline): Known | undefined | Promise<Known | undefined> {
    const before = this.#before
    if (before === undefined) return undefined
    // Or whoever waits would keep all that came before him.
    this.#before = undefined
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
      before.#next = (known) => {
        clearTimeout(timer)
        resolve(known)
      }
    })
  }

  /** Lets the next one begin. To be called whatever happened. */
  end(known: Known | undefined): void {
    if (this.#last.get(this.#key) === this) this.#last.delete(this.#key)
    else this.#next?.(known)
  }
}

export class Turns<Known> {
  /** The last one of each id; it has not ended. */
  readonly #last = new Map<string, Turn<Known>>()

  /** Takes a turn behind those that were taken before: begin it in the same breath, so that none is missed. */
  take(key: string): Turn<Known> {
    return new Turn(key, this.#last)
  }
}
