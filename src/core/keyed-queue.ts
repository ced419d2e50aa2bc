/**
 * Commits of one session within one process run in turn, so that they need not race in the store. Each leaves what it
 * knows of the record to the next, which saves a read.
 *
 * @module
 */

import { StoreError } from '../errors.ts'
import type { TimeLimit } from './time-limit.ts'

/** What a task comes to. */
export interface Result<Known> {
  /** What the next task may start from. Undefined: nothing is certain. */
  readonly known: Known | undefined
}

/** A task that has not ended, or that waits for earlier ones. */
class Place<Known> {
  readonly key: string
  /** Resolves when this task and all earlier ones of the key have ended. */
  readonly ended: Promise<Known | undefined>
  #resolve: (known: Known | undefined | Promise<Known | undefined>) => void = () => {}

  constructor(key: string) {
    this.key = key
    this.ended = new Promise((resolve) => {
      this.#resolve = resolve
    })
  }

  /** Lets the next task begin. Later calls do nothing. */
  leave(known: Known | undefined | Promise<Known | undefined>): void {
    this.#resolve(known)
  }
}

export class KeyedQueue<Known> {
  /** In the order of their arrival. Not a `Map`, for the reason that `SharedTimer` gives. */
  readonly #places: Place<Known>[] = []

  /**
   * Runs `task` after earlier tasks of the same key and passes it what the last one left. Rejects with a `not-done`
   * {@link StoreError} when the time is over before its turn; later tasks then wait for those before it.
   */
  async run<T extends Result<Known>>(
    key: string,
    limit: TimeLimit,
    task: (known: Known | undefined) => Promise<T>,
  ): Promise<T> {
    const before = this.#places.findLast((place) => place.key === key)
    const place = new Place<Known>(key)
    this.#places.push(place)
    try {
      const known = before && (await this.#turn(before, place, limit))
      const result = await task(known)
      place.leave(result.known)
      return result
    } finally {
      place.leave(undefined)
      this.#places.splice(this.#places.indexOf(place), 1)
    }
  }

  #turn(before: Place<Known>, place: Place<Known>, limit: TimeLimit): Promise<Known | undefined> {
    return limit.wait(before.ended, () => {
      place.leave(before.ended)
      return new StoreError('Earlier commits of the same session took all of the time limit.', {
        operation: 'replace',
        outcome: 'not-done',
        retriable: true,
      })
    })
  }
}
