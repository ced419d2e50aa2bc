/**
 * How long the core waits for a store: one deadline over all steps of a load or a commit, kept by a timer of our own,
 * because no client's own time-out can be relied on.
 *
 * @module
 */

import { isSessionError, StoreError } from '../errors.ts'
import type { ReadOptions } from './store.ts'
import type { Wait, Watch } from './watch.ts'

type Verb = 'read' | 'create' | 'replace' | 'touch' | 'delete'

/** One call of a store verb that is being waited for, and what the verb is given. The signal is made when a store asks for it. */
class Waiting implements ReadOptions, Wait {
  readonly deadline: boolean
  readonly end: number
  readonly #verb: Verb
  readonly #length: number
  readonly #reject: (error: unknown) => void
  #controller: AbortController | undefined
  #ended = false

  constructor(
    verb: Verb,
    length: number,
    end: number,
    deadline: boolean,
    reject: (error: unknown) => void,
  ) {
    this.deadline = deadline
    this.end = end
    this.#verb = verb
    this.#length = length
    this.#reject = reject
  }

  get aborted(): boolean {
    return this.#ended
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#ended) this.#controller.abort()
    return this.#controller.signal
  }

  over(): void {
    this.#ended = true
    this.#controller?.abort()
    this.#reject(
      new StoreError(`The store did not answer \`${this.#verb}\` within ${this.#length} ms.`, {
        operation: this.#verb,
        outcome: this.#verb === 'read' ? 'not-done' : 'unknown',
        retriable: true,
      }),
    )
  }
}

/** Starts when it is made. The clock is the machine's monotonic one: this is about waiting, not about expiry. */
export class Deadline {
  readonly #watch: Watch
  readonly #length: number
  readonly #end: number

  /** @param length In ms. */
  constructor(watch: Watch, length: number) {
    this.#watch = watch
    this.#length = length
    this.#end = performance.now() + length
  }

  /** The ms left; 0 when it is over. */
  get left(): number {
    return Math.max(0, this.#end - performance.now())
  }

  /**
   * Runs one verb of a store. Rejects with a {@link StoreError} (or what else of this package the store threw) when it
   * fails or the deadline ends first; then a write may have happened.
   *
   * @param expiry Whether the deadline of the record is asked for.
   */
  run<T>(verb: Verb, call: (options: ReadOptions) => Promise<T>, expiry = false): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const waiting = new Waiting(verb, this.#length, this.#end, expiry, reject)
      const fail = (error: unknown): void => {
        this.#watch.remove(waiting)
        reject(asStoreError(error, verb))
      }
      this.#watch.add(waiting)
      try {
        call(waiting).then((value) => {
          this.#watch.remove(waiting)
          resolve(value)
        }, fail)
      } catch (error) {
        fail(error)
      }
    })
  }
}

function asStoreError(error: unknown, verb: Verb): unknown {
  if (isSessionError(error)) return error
  return new StoreError(`The store failed on \`${verb}\`.`, {
    operation: verb,
    outcome: verb === 'read' ? 'not-done' : 'unknown',
    retriable: false,
    cause: error,
  })
}
