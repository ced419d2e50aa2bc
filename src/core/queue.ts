/**
 * Commits of one id within one process take turns, so that they need not race in the store; each leaves what it knows
 * of the record to the next, which saves a read.
 *
 * @module
 */

import { StoreError } from '../errors.ts'
import type { Deadline } from './deadline.ts'

/** What one turn leaves to the next: its result, and what it knows of the record; undefined: nothing certain. */
export interface Turn<Known, Result> {
  readonly result: Result
  readonly known: Known | undefined
}

/** Who has the turn. */
interface Holder<Known> {
  /** Whoever waits for the end of it. */
  next: ((known: Known | undefined) => void) | undefined
}

export class Turns<Known> {
  /** The last one of each key; it has not ended. */
  readonly #last = new Map<string, Holder<Known>>()

  /**
   * Runs `task` when the earlier ones of the same key have ended, with what the last of them left. Waiting counts on
   * the deadline: rejects with a {@link StoreError} that says `not-done` when it ends first.
   */
  async take<Result>(
    key: string,
    deadline: Deadline,
    task: (known: Known | undefined) => Promise<Turn<Known, Result>>,
  ): Promise<Result> {
    const before = this.#last.get(key)
    const own: Holder<Known> = { next: undefined }
    this.#last.set(key, own)
    let known: Known | undefined
    try {
      const turn = await task(before === undefined ? undefined : await endOf(before, deadline))
      known = turn.known
      return turn.result
    } finally {
      if (this.#last.get(key) === own) this.#last.delete(key)
      else own.next?.(known)
    }
  }
}

function endOf<Known>(before: Holder<Known>, deadline: Deadline): Promise<Known | undefined> {
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
    before.next = (known) => {
      clearTimeout(timer)
      resolve(known)
    }
  })
}
