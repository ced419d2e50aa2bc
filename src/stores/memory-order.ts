/**
 * The order in which places were last used: a ring of numbers, because two links in an object of its own would take three
 * times the memory.
 */

import { INTS, NEWER, OLDER, type PlaceNumbers } from './memory-numbers.ts'

/** Places are whole numbers from 1; 0 is where the ring begins and ends. */
export class UseOrder {
  readonly #numbers: PlaceNumbers

  constructor(numbers: PlaceNumbers) {
    this.#numbers = numbers
  }

  /** The place used longest ago; 0: there is none. */
  get oldest(): number {
    return this.#numbers.ints[NEWER] as number
  }

  /** Puts in a place that is not there, as the one used last. */
  add(place: number): void {
    const { ints } = this.#numbers
    const newest = ints[OLDER] as number
    ints[place * INTS + OLDER] = newest
    ints[place * INTS + NEWER] = 0
    ints[newest * INTS + NEWER] = place
    ints[OLDER] = place
  }

  remove(place: number): void {
    const { ints } = this.#numbers
    const older = ints[place * INTS + OLDER] as number
    const newer = ints[place * INTS + NEWER] as number
    ints[older * INTS + NEWER] = newer
    ints[newer * INTS + OLDER] = older
  }

  /** Makes a place the one used last. */
  use(place: number): void {
    this.remove(place)
    this.add(place)
  }
}
