/**
 * When a session ends: pure functions of the clock. All times are ms since the epoch, all lengths ms.
 *
 * @module
 */

const LONGEST_WINDOW = 60_000
const WINDOW_SHARE = 0.05

/** A session lives at most `lifetime`, whatever happens, and at most `idle` after its last request. */
export class Expiry {
  readonly lifetime: number
  readonly idle: number | undefined
  /**
   * The coalescing window: a deadline is moved only when that gains at least this much, so that reading writes at most
   * once in 60 s or 5 % of `idle`, whichever is longer, and never less often than four times in `idle`. A session may
   * therefore end up to one window early, and never late.
   */
  readonly #window: number

  /**
   * @param window In place of that one: 0 moves the deadline on each request, Infinity on none that changes nothing.
   */
  constructor(lifetime: number, idle: number | undefined, window?: number) {
    this.lifetime = lifetime
    this.idle = idle
    this.#window =
      window ??
      (idle === undefined ? 0 : Math.min(Math.max(LONGEST_WINDOW, idle * WINDOW_SHARE), idle / 4))
  }

  /** Whether a request that changes nothing ever moves the deadline. */
  get moves(): boolean {
    return this.idle !== undefined && this.#window < Number.POSITIVE_INFINITY
  }

  /** Whether the deadline on record matters to {@link due}. */
  get compares(): boolean {
    return this.#window > 0 && this.#window < Number.POSITIVE_INFINITY
  }

  /** The deadline of a session that was last active at `activeAt`. An unknown beginning counts as then. */
  deadline(createdAt: number | undefined, activeAt: number): number {
    const absolute = (createdAt ?? activeAt) + this.lifetime
    return this.idle === undefined ? absolute : Math.min(absolute, activeAt + this.idle)
  }

  /** Whether the lifetime is over. */
  outlived(createdAt: number | undefined, now: number): boolean {
    return createdAt !== undefined && createdAt + this.lifetime <= now
  }

  /** Whether the deadline on record is worth moving; an unknown one is. */
  due(expiresAt: number | undefined, createdAt: number | undefined, now: number): boolean {
    if (!this.moves) return false
    if (expiresAt === undefined || this.#window === 0) return true
    // Also when it is too late: a record from before `idle` was configured.
    return Math.abs(this.deadline(createdAt, now) - expiresAt) >= this.#window
  }
}
