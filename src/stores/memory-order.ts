/**
 * The order in which places were last used: a ring of numbers in two arrays, because two links in an object of its own
 * would take three times the memory.
 */

/** Places are whole numbers from 1; 0 is where the ring begins and ends. */
export class UseOrder {
  readonly #older: number[] = [0]
  readonly #newer: number[] = [0]

  /** The place used longest ago; 0: there is none. */
  get oldest(): number {
    return this.#newer[0] as number
  }

  /** Puts in a place that is not there, as the one used last. */
  add(place: number): void {
    const newest = this.#older[0] as number
    this.#older[place] = newest
    this.#newer[place] = 0
    this.#newer[newest] = place
    this.#older[0] = place
  }

  remove(place: number): void {
    const older = this.#older[place] as number
    const newer = this.#newer[place] as number
    this.#newer[older] = newer
    this.#older[newer] = older
  }

  /** Makes a place the one used last. */
  use(place: number): void {
    this.remove(place)
    this.add(place)
  }
}
