/**
 * One timer for everything that waits for a store. Nearly every wait ends long before its time, so setting and clearing
 * a timer for each would cost more than the wait itself; here a wait is an entry of a set.
 *
 * @module
 */

/** Of a timer, ms. */
const LONGEST = 2 ** 31 - 1

/** Something that is to be told when its time is over. */
export interface Wait {
  /** On the clock of `performance.now()`, ms. */
  readonly end: number
  /** Called once, unless the wait was removed before. */
  over(): void
}

/** Keeps the process alive while there is a wait, and no longer. */
export class Watch {
  readonly #waits = new Set<Wait>()
  #timer: NodeJS.Timeout | undefined
  /** When the timer fires; it may be sooner than any wait ends, and never later. */
  #firesAt = Number.POSITIVE_INFINITY

  add(wait: Wait): void {
    if (this.#waits.size === 0) this.#timer?.ref()
    this.#waits.add(wait)
    if (wait.end < this.#firesAt) this.#arm(wait.end)
  }

  remove(wait: Wait): void {
    if (this.#waits.delete(wait) && this.#waits.size === 0) this.#timer?.unref()
  }

  #arm(at: number): void {
    clearTimeout(this.#timer)
    this.#firesAt = at
    // Sooner does no harm, and a longer wait than a timer knows would fire at once.
    this.#timer = setTimeout(() => this.#fire(), Math.min(at - performance.now(), LONGEST))
  }

  #fire(): void {
    const now = performance.now()
    let next = Number.POSITIVE_INFINITY
    for (const wait of this.#waits) {
      if (wait.end > now) next = Math.min(next, wait.end)
      else {
        this.#waits.delete(wait)
        wait.over()
      }
    }
    this.#timer = undefined
    this.#firesAt = Number.POSITIVE_INFINITY
    if (next < Number.POSITIVE_INFINITY) this.#arm(next)
  }
}
