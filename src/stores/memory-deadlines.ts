/**
 * Which place is due first: a binary heap. A deadline that moves to a later time, as each write makes one, does not move
 * in it: the heap knows a time that is no later than the deadline, and puts that right when it has come.
 */

import { DOUBLES, DUE, INTS, type PlaceNumbers, STANDING } from './memory-numbers.ts'

/** Places are whole numbers from 1. Deadlines are ms, or `Infinity`. */
export class Deadlines {
  readonly #numbers: PlaceNumbers
  /** The places; each stands no later than the two at 2i + 1 and 2i + 2. */
  readonly #heap: number[] = []
  /** As in the heap: by when to look at the place. */
  readonly #times: number[] = []

  constructor(numbers: PlaceNumbers) {
    this.#numbers = numbers
  }

  of(place: number): number {
    return this.#numbers.doubles[place * DOUBLES + DUE] as number
  }

  add(place: number, due: number): void {
    this.#setDue(place, due)
    this.#rise(place, due, this.#heap.length)
  }

  move(place: number, due: number): void {
    this.#setDue(place, due)
    const standing = this.#standing(place)
    if (due < (this.#times[standing] as number)) this.#rise(place, due, standing)
  }

  remove(place: number): void {
    const last = this.#heap.pop() as number
    const time = this.#times.pop() as number
    if (last === place) return
    const standing = this.#standing(place)
    // It may come from another branch, where all are later or where all are earlier.
    if (time < (this.#times[standing] as number)) this.#rise(last, time, standing)
    else this.#sink(last, time, standing)
  }

  /**
   * Looks at the one place that may be due first, and gives it when it is due at that time. 0: it is not, because its
   * deadline moved; look again. Undefined: none is due. Each move of a deadline costs at most one such 0.
   */
  look(time: number): number | undefined {
    const [place] = this.#heap
    if (place === undefined || (this.#times[0] as number) > time) return undefined
    const due = this.of(place)
    if (due <= time) return place
    this.#sink(place, due, 0)
    return 0
  }

  #setDue(place: number, due: number): void {
    this.#numbers.doubles[place * DOUBLES + DUE] = due
  }

  #standing(place: number): number {
    return this.#numbers.ints[place * INTS + STANDING] as number
  }

  #rise(place: number, time: number, from: number): void {
    let standing = from
    while (standing > 0) {
      const above = (standing - 1) >> 1
      const parent = this.#times[above] as number
      if (parent <= time) break
      this.#put(this.#heap[above] as number, parent, standing)
      standing = above
    }
    this.#put(place, time, standing)
  }

  #sink(place: number, time: number, from: number): void {
    const times = this.#times
    let standing = from
    for (;;) {
      let below = 2 * standing + 1
      if (below >= times.length) break
      const right = times[below + 1]
      if (right !== undefined && right < (times[below] as number)) below++
      const child = times[below] as number
      if (child >= time) break
      this.#put(this.#heap[below] as number, child, standing)
      standing = below
    }
    this.#put(place, time, standing)
  }

  #put(place: number, time: number, standing: number): void {
    this.#heap[standing] = place
    this.#times[standing] = time
    this.#numbers.ints[place * INTS + STANDING] = standing
  }
}
