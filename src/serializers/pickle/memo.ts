/**
 * Which object a pickle has written already, and under which number.
 *
 * @module
 */

import { isUtc } from './dates.ts'
import type { Node } from './nodes.ts'

/** Numbers objects in the order of their writing. */
export class Memo {
  readonly #numbers = new Map<unknown, number>()

  get(node: Node): number | undefined {
    return this.#numbers.get(identity(node))
  }

  /** Gives the number. */
  add(node: Node): number {
    const number = this.#numbers.size
    this.#numbers.set(identity(node), number)
    return number
  }
}

/** Python has only one of each name, and of UTC. */
function identity(node: Node): unknown {
  if (node.kind === 'global') return `global ${node.module} ${node.name}`
  return node.kind === 'timezone' && isUtc(node) ? 'utc' : node
}
