/**
 * What is known of each place in numbers, side by side: a visit needs most of them, and among many places each array of
 * its own would be one more line that the processor's cache does not hold.
 *
 * @module
 */

/** Of {@link PlaceNumbers.ints}, so many for each place: its neighbours in the order of use, and where it stands among the deadlines. */
export const INTS = 8
export const OLDER = 0
export const NEWER = 1
export const STANDING = 2

/** Of {@link PlaceNumbers.doubles}, so many for each place; the first two are the bytes of its ints. */
export const DOUBLES = 4
export const DUE = 2
export const VERSION = 3

const BYTES = DOUBLES * Float64Array.BYTES_PER_ELEMENT

/** Places are whole numbers from 0. */
export class PlaceNumbers {
  /** Replaced when there is no more room, as are the doubles: not to be kept. */
  ints: Int32Array
  doubles: Float64Array
  #room = 64

  constructor() {
    const buffer = new ArrayBuffer(this.#room * BYTES)
    this.ints = new Int32Array(buffer)
    this.doubles = new Float64Array(buffer)
  }

  /** Makes room for a place. */
  reach(place: number): void {
    if (place < this.#room) return
    while (this.#room <= place) this.#room += this.#room >> 1
    const buffer = new ArrayBuffer(this.#room * BYTES)
    const doubles = new Float64Array(buffer)
    // As bytes: a pair of whole numbers may be a NaN, whose bits a copy of doubles need not keep.
    const ints = new Int32Array(buffer)
    ints.set(this.ints)
    this.ints = ints
    this.doubles = doubles
  }
}
