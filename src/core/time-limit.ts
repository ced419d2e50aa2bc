/**
 * How long the core waits for a store: one time limit over all steps of a load or a commit. It is kept by a timer of our
 * own, because no client's own time-out can be relied on.
 *
 * @module
 */

import { isSessionError, StoreError } from '../errors.ts'
import { isRequestBound } from './runtime.ts'
import type { MaybePromise, ReadOptions, Verb } from './store.ts'

/** The longest delay of a timer, in ms. A longer one would fire at once. */
const LONGEST_DELAY = 2 ** 31 - 1
/** A write that would have less time than this is not sent: its reply would come too late. In ms, and as a share of the limit. */
const LEAST_FOR_WRITE = 5
const LEAST_SHARE = 0.1

/** Starts when it is made, on the clock of `performance.now()`: this is about waiting, not about expiry. */
export class TimeLimit {
  readonly endsAt: number
  readonly #timer: WaitTimer
  readonly #length: number

  /** @param length In ms. */
  constructor(timer: WaitTimer, length: number) {
    this.endsAt = performance.now() + length
    this.#timer = timer
    this.#length = length
  }

  /** Whether too little time is left to send another write. */
  get isOver(): boolean {
    const least = Math.min(LEAST_FOR_WRITE, this.#length * LEAST_SHARE)
    return this.endsAt - performance.now() < least
  }

  /**
   * Calls one verb of a store. The answer is given at once when it is there at once. Throws or rejects with a
   * {@link StoreError}, or another error of this package that the store threw, when the verb fails or the time is over
   * first; a write may have happened then. A write with too little time left is not sent, which is `not-done`.
   */
  call<T>(
    verb: Verb,
    run: (options: ReadOptions) => MaybePromise<T>,
    options?: Pick<ReadOptions, 'expiry' | 'fresh'>,
  ): MaybePromise<T> {
    if (verb !== 'read' && this.isOver) throw this.#timedOut(verb, 'not-done')
    const call = new StoreCall(options)
    let answer: MaybePromise<T>
    try {
      answer = run(call)
    } catch (error) {
      throw asStoreError(error, verb)
    }
    if (!isThenable(answer)) return answer
    return this.wait(
      answer,
      () => {
        call.abort()
        return this.#timedOut(verb, verb === 'read' ? 'not-done' : 'unknown')
      },
      (error) => asStoreError(error, verb),
    )
  }

  /**
   * Waits for a promise, and rejects with the error of `onTimeout` when the time is over first.
   *
   * @param onError Gives the error to reject with in place of the promise's own.
   */
  wait<T>(
    promise: PromiseLike<T>,
    onTimeout: () => unknown,
    onError: (error: unknown) => unknown = (error) => error,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const wait: Wait = {
        endsAt: this.endsAt,
        place: -1,
        timer: undefined,
        end: () => reject(onTimeout()),
      }
      const fail = (error: unknown): void => {
        this.#timer.remove(wait)
        reject(onError(error))
      }
      this.#timer.add(wait)
      try {
        promise.then((value) => {
          this.#timer.remove(wait)
          resolve(value)
        }, fail)
      } catch (error) {
        // A client may give something else than a promise.
        fail(error)
      }
    })
  }

  #timedOut(verb: Verb, outcome: 'not-done' | 'unknown'): StoreError {
    return new StoreError(`The store did not answer \`${verb}\` within ${this.#length} ms.`, {
      operation: verb,
      outcome,
      retriable: true,
    })
  }
}

/** One call of a store, as the options that it is given. The signal is made when the store asks for it. */
class StoreCall implements ReadOptions {
  readonly expiry: boolean
  readonly fresh: boolean
  aborted = false
  #controller: AbortController | undefined

  constructor({ expiry = false, fresh = false }: Pick<ReadOptions, 'expiry' | 'fresh'> = {}) {
    this.expiry = expiry
    this.fresh = fresh
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.aborted) this.#controller.abort()
    return this.#controller.signal
  }

  abort(): void {
    this.aborted = true
    this.#controller?.abort()
  }
}

/** Something that ends when its time, on the clock of `performance.now()`, is over. */
interface Wait {
  readonly endsAt: number
  /** Where {@link SharedTimer} has it in its array; -1 while it does not. */
  place: number
  /** Its own timer, from {@link RequestTimers}. */
  timer: NodeJS.Timeout | undefined
  /** Called once, unless the wait was removed before. */
  readonly end: () => void
}

/** Ends waits whose time is over. */
export interface WaitTimer {
  add(wait: Wait): void
  remove(wait: Wait): void
}

/** The timer for this runtime. */
export function waitTimer(): WaitTimer {
  return isRequestBound() ? new RequestTimers() : new SharedTimer()
}

/** A timer for each wait, where a timer ends with the request that made it. */
export class RequestTimers implements WaitTimer {
  add(wait: Wait): void {
    const delay = Math.min(Math.ceil(wait.endsAt - performance.now()), LONGEST_DELAY)
    wait.timer = setTimeout(wait.end, delay)
  }

  remove(wait: Wait): void {
    clearTimeout(wait.timer)
  }
}

/**
 * One timer for all waits: nearly every wait ends long before its time, and a timer for each would cost more than the
 * wait itself. Keeps the process alive while there is a wait, and no longer.
 *
 * The waits are in an array and know their places in it. The table of a `Map` or `Set` is replaced as entries come and
 * go; once V8 has moved one of them to the old generation, all that later ones hold is kept until a full collection.
 */
export class SharedTimer implements WaitTimer {
  readonly #waits: Wait[] = []
  #timer: NodeJS.Timeout | undefined
  /** When the timer fires; it may be sooner than any wait ends, and never later. */
  #firesAt = Number.POSITIVE_INFINITY

  add(wait: Wait): void {
    if (this.#waits.length === 0) setKeepsAlive(this.#timer, true)
    wait.place = this.#waits.push(wait) - 1
    if (wait.endsAt < this.#firesAt) this.#arm(wait.endsAt)
  }

  remove(wait: Wait): void {
    const { place } = wait
    if (place < 0) return
    wait.place = -1
    const last = this.#waits.pop() as Wait
    if (last !== wait) {
      this.#waits[place] = last
      last.place = place
    }
    if (this.#waits.length === 0) setKeepsAlive(this.#timer, false)
  }

  #arm(at: number): void {
    clearTimeout(this.#timer)
    this.#firesAt = at
    const delay = Math.min(Math.ceil(at - performance.now()), LONGEST_DELAY)
    // Answers that have arrived are read before a wait ends: after a busy event loop, timers run before sockets.
    this.#timer = setTimeout(() => setImmediate(() => this.#endOverdue()), delay)
  }

  #endOverdue(): void {
    this.#timer = undefined
    this.#firesAt = Number.POSITIVE_INFINITY
    const now = performance.now()
    const overdue = this.#waits.filter((wait) => wait.endsAt <= now)
    for (const wait of overdue) this.remove(wait)
    const next = this.#waits.reduce((at, { endsAt }) => Math.min(at, endsAt), this.#firesAt)
    if (next < Number.POSITIVE_INFINITY) this.#arm(next)
    for (const wait of overdue) wait.end()
  }
}

/** Whether a timer keeps the process alive. Some runtimes give a number for a timer, which cannot say so. */
function setKeepsAlive(timer: NodeJS.Timeout | undefined, keeps: boolean): void {
  if (typeof timer !== 'object') return
  if (keeps) timer.ref()
  else timer.unref()
}

/** Also a promise of another realm, which a client may give. */
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
