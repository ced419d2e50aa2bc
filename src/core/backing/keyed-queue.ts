/**
 * Commits of one session within one process run in turn, so that they need not race in the store. Each leaves what it
 * knows of the record to the next, which saves a read.
 *
 * @module
 */

import { StoreError } from '../../errors.ts'
import type { TimeLimit } from '../time-limit.ts'

/** What a task comes to. */
export interface Result<Known> {
  /** What the next task may start from. Absent: nothing is certain. */
  readonly known?: Known | undefined
}

/** A task that has not ended, or that waits for earlier ones. */
class Place<Known> {
  readonly key: string
  /** Made for the first task that waits, which is rare. */
  #ended: Promise<Known | undefined> | undefined
  #resolve: ((known: Known | undefined | Promise<Known | undefined>) => void) | undefined

  constructor(key: string) {
    this.key = key
  }

  /** Resolves when this task and all earlier ones of the key have ended. */
  get ended(): Promise<Known | undefined> {
    this.#ended ??= new Promise((resolve) => {
      this.#resolve = resolve
    })
    return this.#ended
  }

  /** Lets the next task begin. Later calls do nothing. */
  leave(known: Known | undefined | Promise<Known | undefined>): void {
    if (this.#resolve === undefined) this.#ended ??= Promise.resolve(known)
    else this.#resolve(known)
  }
}

/** A power of two. Thousands of commits that wait for a slow store share a few places each. */
const BUCKETS = 256

export class KeyedQueue<Known> {
  /** By a hash of the key, each in the order of arrival. Not a `Map`, for the reason that `SharedTimer` gives. */
  readonly #buckets: Place<Known>[][] = Array.from({ length: BUCKETS }, () => [])

  /**
   * Runs `task` after earlier tasks of the same key and passes it what the last one left. Rejects with a `not-done`
   * {@link StoreError} when the time is over before its turn; later tasks then wait for those before it.
   */
  async run<T extends Result<Known>>(
    key: string,
    limit: TimeLimit,
    task: (known: Known | undefined) => Promise<T>,
  ): Promise<T> {
    const bucket = this.#bucketOf(key)
    const before = bucket.findLast((place) => place.key === key)
    const place = new Place<Known>(key)
    bucket.push(place)
    try {
      const known = before && (await this.#turn(before, place, limit))
      const result = await task(known)
      place.leave(result.known)
      return result
    } finally {
      place.leave(undefined)
      bucket.splice(bucket.indexOf(place), 1)
    }
  }

  /** By the end of the key, which is random. */
  #bucketOf(key: string): Place<Known>[] {
    let hash = 0
    for (let at = Math.max(0, key.length - 8); at < key.length; at++) {
      hash = (hash * 31 + key.charCodeAt(at)) | 0
    }
    return this.#buckets[hash & (BUCKETS - 1)] as Place<Known>[]
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
