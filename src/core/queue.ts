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

export class Turns<Known> {
  readonly #tails = new Map<string, Promise<Known | undefined>>()

  /**
   * Runs `task` when the earlier ones of the same key have ended, with what the last of them left. Waiting counts on
   * the deadline: rejects with a {@link StoreError} that says `not-done` when it ends first.
   */
  async take<Result>(
    key: string,
    deadline: Deadline,
    task: (known: Known | undefined) => Promise<Turn<Known, Result>>,
  ): Promise<Result> {
    const before = this.#tails.get(key)
    let leave: (known: Known | undefined) => void = () => {}
    const tail = new Promise<Known | undefined>((resolve) => {
      leave = resolve
    })
    this.#tails.set(key, tail)
    let known: Known | undefined
    try {
      const turn = await task(before === undefined ? undefined : await inTime(before, deadline))
      known = turn.known
      return turn.result
    } finally {
      leave(known)
      if (this.#tails.get(key) === tail) this.#tails.delete(key)
    }
  }
}

function inTime<T>(turn: Promise<T>, deadline: Deadline): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(
        new StoreError('Earlier commits of the same session took until the deadline.', {
          operation: 'replace',
          outcome: 'not-done',
          retriable: true,
        }),
      )
    }, deadline.left)
    void turn.then((value) => {
      clearTimeout(timer)
      resolve(value)
    })
  })
}
