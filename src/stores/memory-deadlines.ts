/** Which place is due first: a binary heap that knows where each place stands in it, so that a deadline can move. */

/** Places are whole numbers; those added first are the smallest. Deadlines are ms, or `Infinity`. */
export class Deadlines {
  /** Each place is due no later than the two at 2i + 1 and 2i + 2. */
  readonly #heap: number[] = []
  /** By place: where it stands in the heap. */
  readonly #standing: number[] = [0]
  /** By place: when it is due. */
  readonly #due: number[] = [0]

  /** The place that is due first; undefined: there is none. */
  get first(): number | undefined {
    return this.#heap[0]
  }

  of(place: number): number {
    return this.#due[place] as number
  }

  add(place: number, due: number): void {
    this.#due[place] = due
    this.#heap.push(place)
    this.#rise(place, this.#heap.length - 1)
  }

  move(place: number, due: number): void {
    const earlier = due < this.of(place)
    this.#due[place] = due
    const standing = this.#standing[place] as number
    if (earlier) this.#rise(place, standing)
    else this.#sink(place, standing)
  }

  remove(place: number): void {
    const last = this.#heap.pop() as number
    if (last === place) return
    const standing = this.#standing[place] as number
    // It may come from another branch, where all are later or where all are earlier.
    if (this.of(last) < this.of(place)) this.#rise(last, standing)
    else this.#sink(last, standing)
  }

  #rise(place: number, from: number): void {
    const due = this.of(place)
    let standing = from
    while (standing > 0) {
      const above = (standing - 1) >> 1
      const parent = this.#heap[above] as number
      if (this.of(parent) <= due) break
      this.#put(parent, standing)
      standing = above
    }
    this.#put(place, standing)
  }

  #sink(place: number, from: number): void {
    const due = this.of(place)
    const heap = this.#heap
    let standing = from
    for (;;) {
      let below = 2 * standing + 1
      if (below >= heap.length) break
      const right = heap[below + 1]
      if (right !== undefined && this.of(right) < this.of(heap[below] as number)) below++
      const child = heap[below] as number
      if (this.of(child) >= due) break
      this.#put(child, standing)
      standing = below
    }
    this.#put(place, standing)
  }

  #put(place: number, standing: number): void {
    this.#heap[standing] = place
    this.#standing[place] = standing
  }
}
