/**
 * What the nodes of a pickle would be as a tree: values here share nothing, so what refers to one thing many times is
 * copied, and what holds itself cannot be.
 *
 * @module
 */

import { MAX_DEPTH } from '../shared/path.ts'
import { BUDGET, notData } from './input.ts'
import { inside, type Node, UNHASHABLE } from './nodes.ts'

/** What a value costs besides its text or bytes. */
const VALUE_COST = 64
/** The record itself is one more level. */
const MAX_LEVELS = MAX_DEPTH + 1

interface Measure {
  /** Copies included, in bytes more or less. */
  readonly size: number
  readonly levels: number
  /** Whether Python takes it as a key or in a set. */
  readonly hashable: boolean
}

/**
 * Throws {@link SerializationError} unless the nodes are data that can be walked as a tree: without cycles, at most 128
 * levels inside a session key, at most 64 MiB with every copy counted, keys that Python can look up, no bare names.
 */
export function measure(root: Node): void {
  visit(root, 0, new Map())
}

/** Done: its measure; undefined in the map: it is being visited further up. */
type Known = Map<Node, Measure | undefined>

function visit(node: Node, level: number, known: Known): Measure {
  if (!('items' in node)) return leaf(node)
  const done = known.get(node)
  if (done === undefined && known.has(node)) throw notData('it holds itself')
  if (level + (done?.levels ?? 1) > MAX_LEVELS) {
    throw notData(`it nests deeper than ${MAX_DEPTH} levels`)
  }
  if (done !== undefined) return done
  known.set(node, undefined)
  const measured = container(node, level, known)
  known.set(node, measured)
  return measured
}

function container(node: Node, level: number, known: Known): Measure {
  let size = VALUE_COST
  let levels = 0
  let hashable = true
  const keyed = node.kind === 'dict' || node.kind === 'OrderedDict' || node.kind === 'defaultdict'
  const unique = node.kind === 'set' || node.kind === 'frozenset'
  inside(node).forEach((item, index) => {
    const inner = visit(item, level + 1, known)
    if (!inner.hashable && (unique || (keyed && index % 2 === 0))) {
      throw notData('a key in it can change')
    }
    size += inner.size
    if (size > BUDGET) throw notData(`it unfolds to more than ${BUDGET} bytes`)
    levels = Math.max(levels, inner.levels)
    hashable = hashable && inner.hashable
  })
  return { size, levels: levels + 1, hashable: hashable && !UNHASHABLE.has(node.kind) }
}

function leaf(node: Node): Measure {
  if (node.kind === 'global') throw notData(`it holds ${node.module}.${node.name} as a value`)
  if (node.kind === 'raw') throw notData('a string of Python 2 in it is not ASCII')
  if (node.kind === 'UUID' && node.int === undefined) throw notData('a UUID in it has no number')
  const length = 'text' in node ? node.text.length : 'bytes' in node ? node.bytes.length : 0
  return { size: VALUE_COST + length, levels: 0, hashable: !UNHASHABLE.has(node.kind) }
}
