/** The clock of a case in the store suite, on which it can wait for an instant. */

import { check } from './runner.ts'

export const HOUR = 3_600_000
export const DAY: number = 24 * HOUR

/** The clock of a suite. */
export interface SuiteClock {
  /** Returns ms since the epoch. Needs no `this`. */
  readonly now: () => number
}

/** How a case waits for a backend that expires records by its own clock. */
export interface ServerTime {
  /** The nearest expiry that a case sets, in ms from now; default 1,000, and at least twice the `resolution`. */
  readonly shortest?: number
  /** Tolerance for the backend's clock, in ms; default 50. */
  readonly slack?: number
}

/** A clock that only the suite moves; with a `ServerTime` the real one. All times in ms. */
export class Timeline implements SuiteClock {
  /** Of the store: see the contract. */
  readonly resolution: number
  /** Tolerance between this clock and the backend's. */
  readonly slack: number
  readonly #shortest: number
  readonly #start: number = Date.now()
  /** The instant of a held clock, from 2033 on, so that a store that reads another clock fails. */
  #held: number | undefined

  constructor(resolution: number, serverTime: ServerTime | undefined) {
    this.resolution = resolution
    this.slack = serverTime === undefined ? 0 : (serverTime.slack ?? 50)
    this.#shortest = Math.max(serverTime?.shortest ?? 1_000, 2 * resolution)
    if (serverTime === undefined) this.#held = 2_000_000_000_123
  }

  readonly now = (): number => this.#held ?? Date.now()

  /** Returns an expiry that no case waits for. */
  later(hours = 1): number {
    return this.now() + hours * HOUR
  }

  /** Returns the nearest expiry that a case may set, or `factor` times as far. */
  soon(factor = 1): number {
    return this.now() + this.#shortest * factor
  }

  /** Returns expiry times that are over, whatever the resolution of the store. */
  over(): number[] {
    const now = this.now()
    return [now - Math.max(this.resolution - 1, this.slack), now - DAY, 0]
  }

  /** Moves a held clock to the last ms before an instant. */
  approach(at: number): void {
    if (this.#held !== undefined) this.#held = at - 1
  }

  /** Whether an instant is certainly in the future. */
  isBefore(at: number): boolean {
    return this.now() + this.slack < at
  }

  /** Resolves when a record with this expiry has ended, also where the store rounded it up. */
  async reach(at: number): Promise<void> {
    const end = at + this.resolution - 1 + this.slack + this.#lateness()
    if (this.#held !== undefined) this.#held = end
    while (this.now() < end) await new Promise((resolve) => setTimeout(resolve, end - this.now()))
  }

  /**
   * Runs steps that must be over before an expiry, with a later expiry each time the machine was too slow for them. An
   * error counts only when it came in time. Resolves to the expiry.
   */
  async before(steps: (expiresAt: number) => Promise<void>): Promise<number> {
    for (let factor = 1; ; factor *= 2) {
      const expiresAt = this.soon(factor)
      try {
        await steps(expiresAt)
      } catch (error) {
        if (this.isBefore(expiresAt)) throw error
      }
      if (this.isBefore(expiresAt)) return expiresAt
      check(factor < 64, `the steps before an expiry took longer than ${factor} times the shortest`)
    }
  }

  /** Whether a record expires when it was asked to, or later by rounding and by the time that its write took. */
  isExpiry(actual: number | undefined, expected: number): boolean {
    const latest = expected + this.resolution + this.slack + this.#lateness()
    return actual !== undefined && actual >= expected - this.slack && actual < latest
  }

  /** Fails unless {@link isExpiry}. */
  checkExpiry(actual: number | undefined, expected: number, what: string): void {
    check(actual !== undefined, `${what}: expiresAt is absent, though the read asked for it`)
    const late = actual - expected
    check(
      this.isExpiry(actual, expected),
      `${what}: expiresAt is ${late} ms after the expiry that was given`,
    )
  }

  /** The writes of a case began after it started and have arrived by now, so none is later than this. */
  #lateness(): number {
    return this.#held === undefined ? Date.now() - this.#start : 0
  }
}
