/**
 * Instants that are finer than a millisecond, which MessagePack and pickle keep and a `Date` does not.
 *
 * @module
 */

/**
 * An instant that is finer than a millisecond, as Python's `datetime` is. Setting another millisecond drops what is
 * finer; moving it by whole seconds keeps it.
 */
export class Timestamp extends Date {
  /** Nanoseconds of the second, 0 to 999 999 999; they include the milliseconds. */
  readonly nanoseconds: number

  /** Takes whole seconds since 1970, rounded down, and the nanoseconds of that second, 0 to 999 999 999. */
  constructor(seconds: number, nanoseconds: number) {
    super(seconds * 1000 + Math.floor(nanoseconds / 1e6))
    this.nanoseconds = nanoseconds
  }
}

/** Whole seconds since 1970, rounded down, and the nanoseconds of that second. Both are NaN for an invalid date. */
export function secondsOf(date: Date): [seconds: number, nanoseconds: number] {
  const ms = Date.prototype.getTime.call(date)
  const seconds = Math.floor(ms / 1000)
  const rest = ms - seconds * 1000
  const own = date instanceof Timestamp ? date.nanoseconds : Number.NaN
  // The date may have been set to another millisecond since, and the field to anything.
  const finer = Math.floor(own / 1e6) === rest && own < 1e9 && Number.isInteger(own)
  return [seconds, finer ? own : rest * 1e6]
}
