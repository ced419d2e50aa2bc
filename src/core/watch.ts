/**
 * One timer for everything that waits for a store. Nearly every wait ends long before its time, so setting and clearing
 * a timer for each would cost more than the wait itself; here a wait is an entry of an array, and knows its place there.
 *
 * Not of a `Set` or `Map`: their tables are made anew as entries come and go, and each leads to the next one, so that V8,
 * once one of them is old, takes all that they ever held for old, and garbage collection costs several times as much.
 *
 * @module
 */

/** Of a timer, ms. */
const LONGEST = 2 ** 31 - 1

/** Something that is to be told when its time is over. */
export interface Wait {
  /** On the clock of `performance.now()`, ms. */
  readonly end: number
  /** Kept by the {@link Watch}: where it is in its array; -1 while it is not. */
  place: number
  /** Called once, unless the wait was removed before. */
  over(): void
}

/** Keeps the process alive while there is a wait, and no longer. */
export class Watch {
  readonly #waits: Wait[] = []
  #timer: NodeJS.Timeout | undefined
  /** When the timer fires; it may be sooner than any wait ends, and never later. */
  #firesAt = Number.POSITIVE_INFINITY

  add(wait: Wait): void {
    if (wait.place >= 0) return
    if (this.#waits.length === 0) this.#timer?.ref()
    wait.place = this.#waits.push(wait) - 1
    if (wait.end < this.#firesAt) this.#arm(wait.end)
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
    if (this.#waits.length === 0) this.#timer?.unref()
  }

  #arm(at: number): void {
    clearTimeout(this.#timer)
    this.#firesAt = at
    // Sooner does no harm, and a longer wait than a timer knows would fire at once.
    this.#timer = setTimeout(() => this.#fire(), Math.min(at - performance.now(), LONGEST))
  }

  #fire(): void {
    this.#timer = undefined
    this.#firesAt = Number.POSITIVE_INFINITY
    const now = performance.now()
    const over = this.#waits.filter((wait) => wait.end <= now)
    for (const wait of over) this.remove(wait)
    let next = Number.POSITIVE_INFINITY
    for (const wait of this.#waits) next = Math.min(next, wait.end)
    if (next < Number.POSITIVE_INFINITY) this.#arm(next)
    for (const wait of over) wait.over()
  }
}
