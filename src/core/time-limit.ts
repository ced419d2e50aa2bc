/**
 * How long the core waits for a store: one deadline over all steps of a load or a commit, kept by a timer of our own,
 * because no client's own time-out can be relied on.
 *
 * @module
 */

import { isSessionError, StoreError } from '../errors.ts'
import type { MaybePromise } from './maybe-promise.ts'
import type { ReadOptions } from './store.ts'
import type { Wait, Watch } from './watch.ts'

type Verb = 'read' | 'create' | 'replace' | 'touch' | 'delete'
type Call<T> = (options: ReadOptions) => MaybePromise<T>

/**
 * Starts when it is made. The clock is the machine's monotonic one: this is about waiting, not about expiry. It is itself
 * what each verb is given, one verb after the other.
 */
export class Deadline implements ReadOptions, Wait {
  /** Whether the verb that runs is asked for the deadline of the record. */
  expiry = false
  /** When it is over, on the clock of `performance.now()`. */
  readonly end: number
  place = -1
  readonly #watch: Watch
  readonly #length: number
  #verb: Verb = 'read'
  /** Of the wait that is under way. */
  #reject: ((error: unknown) => void) | undefined
  /** Made when a store asks for its signal. */
  #controller: AbortController | undefined
  #ended = false

  /** @param length In ms. */
  constructor(watch: Watch, length: number) {
    this.end = performance.now() + length
    this.#watch = watch
    this.#length = length
  }

  /** The ms left; 0 when it is over. */
  get left(): number {
    return Math.max(0, this.end - performance.now())
  }

  get aborted(): boolean {
    return this.#ended
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#ended) this.#controller.abort()
    return this.#controller.signal
  }

  /**
   * Runs one verb of a store, and `next` on its answer: at once, when it is there at once. Throws or rejects with a
   * {@link StoreError} (or what else of this package the store threw) when the verb fails or the deadline ends first; then
   * a write may have happened.
   *
   * @param expiry Whether the deadline of the record is asked for.
   */
  run<T, R>(verb: Verb, call: Call<T>, next: (answer: T) => R, expiry = false): MaybePromise<R> {
    this.#verb = verb
    this.expiry = expiry
    // A verb that comes after the end, to clean up, is still sent.
    this.#ended = false
    this.#controller = undefined
    let answer: MaybePromise<T>
    try {
      answer = call(this)
    } catch (error) {
      throw asStoreError(error, verb)
    }
    return isThenable(answer) ? this.#wait(answer, next, verb) : next(answer)
  }

  /** The time is over: {@link Watch} says so. */
  over(): void {
    const verb = this.#verb
    this.#ended = true
    this.#controller?.abort()
    this.#reject?.(
      new StoreError(`The store did not answer \`${verb}\` within ${this.#length} ms.`, {
        operation: verb,
        outcome: verb === 'read' ? 'not-done' : 'unknown',
        retriable: true,
      }),
    )
  }

  #wait<T, R>(answer: PromiseLike<T>, next: (answer: T) => R, verb: Verb): Promise<R> {
    return new Promise<R>((resolve, reject) => {
      this.#reject = reject
      this.#watch.add(this)
      answer.then(
        (value) => {
          this.#answered(reject)
          try {
            resolve(next(value))
          } catch (error) {
            reject(error)
          }
        },
        (error: unknown) => {
          this.#answered(reject)
          reject(asStoreError(error, verb))
        },
      )
    })
  }

  /** An answer that comes after its time must not end the wait for another one. */
  #answered(reject: (error: unknown) => void): void {
    if (this.#reject === reject) this.#watch.remove(this)
  }
}

/** Also a promise of another realm, which a client may give: it must not pass for an answer. */
function isThenable<T>(answer: MaybePromise<T>): answer is Promise<T> {
  return (
    answer instanceof Promise || typeof (answer as Partial<Promise<T>> | null)?.then === 'function'
  )
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
