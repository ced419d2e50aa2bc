/**
 * The stack of the machine that a pickle is a program of, its marks and its memo.
 *
 * @module
 */

import { notData } from './input.ts'
import type { Node } from './nodes.ts'

export class Stack {
  readonly #nodes: Node[] = []
  readonly #marks: number[] = []
  /** By number; a map, so that a number of a billion costs no memory. */
  readonly #memo = new Map<number, Node>()

  push(node: Node): void {
    this.#nodes.push(node)
  }

  pop(): Node {
    const node = this.top()
    this.#nodes.length -= 1
    return node
  }

  top(): Node {
    if (this.#nodes.length <= (this.#marks.at(-1) ?? 0)) throw notData('its stack is empty')
    return this.#nodes.at(-1) as Node
  }

  /** Takes off the last `count`, in their order. */
  take(count: number): Node[] {
    if (this.#nodes.length - count < (this.#marks.at(-1) ?? 0)) throw notData('its stack is empty')
    return this.#nodes.splice(this.#nodes.length - count)
  }

  mark(): void {
    this.#marks.push(this.#nodes.length)
  }

  /** Takes off what lies above the last mark, and the mark. */
  takeToMark(): Node[] {
    const mark = this.#marks.pop()
    if (mark === undefined) throw notData('it has no mark')
    return this.#nodes.splice(mark)
  }

  put(index: number): void {
    this.#memo.set(index, this.top())
  }

  /** Under the next number. */
  memoize(): void {
    this.put(this.#memo.size)
  }

  get(index: number): void {
    const node = this.#memo.get(index)
    if (node === undefined) throw notData('it refers to nothing')
    this.push(node)
  }

  /** The only one that is left. */
  last(): Node {
    if (this.#nodes.length !== 1 || this.#marks.length > 0) throw notData('it ends too early')
    return this.top()
  }
}
