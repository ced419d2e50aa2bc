/**
 * How long the core waits for a store: one deadline over all steps of a load or a commit, kept by a timer of our own,
 * because no client's own time-out can be relied on.
 *
 * @module
 */

import { isSessionError, StoreError } from '../errors.ts'
import type { ReadOptions } from './store.ts'

type Verb = 'read' | 'create' | 'replace' | 'touch' | 'delete'

/** What a store verb is given. The signal is made when a store asks for it. */
class Waiting implements ReadOptions {
  readonly deadline: boolean
  #controller: AbortController | undefined
  #ended = false

  constructor(deadline: boolean) {
    this.deadline = deadline
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#ended) this.#controller.abort()
    return this.#controller.signal
  }

  end(): void {
    this.#ended = true
    this.#controller?.abort()
  }
}

/** Starts when it is made. The clock is the machine's monotonic one: this is about waiting, not about expiry. */
export class Deadline {
  readonly #length: number
  readonly #end: number

  /** @param length In ms. */
  constructor(length: number) {
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
   */
  run<T>(verb: Verb, call: (options: ReadOptions) => Promise<T>, expiry = false): Promise<T> {
    const waiting = new Waiting(expiry)
    return new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => {
        waiting.end()
        reject(
          new StoreError(`The store did not answer \`${verb}\` within ${this.#length} ms.`, {
            operation: verb,
            outcome: verb === 'read' ? 'not-done' : 'unknown',
            retriable: true,
          }),
        )
      }, this.left)
      const fail = (error: unknown): void => {
        clearTimeout(timer)
        reject(asStoreError(error, verb))
      }
      try {
        call(waiting).then((value) => {
          clearTimeout(timer)
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
