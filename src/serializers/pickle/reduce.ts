/**
 * How Python's objects are taken apart for a pickle: by which name they are made, of what, and what is put in after.
 *
 * @module
 */

import { bytesNode, type GlobalNode, intNode, NONE, type Node, strNode } from './nodes.ts'
import { latin1 } from './text.ts'

export interface Reduction {
  readonly callee: GlobalNode
  readonly args: readonly Node[]
  /** By NEWOBJ instead of a call. */
  readonly isNew?: boolean
  /** Key, value, key, value. */
  readonly items?: readonly Node[]
  readonly state?: Node
}

const INT = strNode('int')
const IS_SAFE = strNode('is_safe')
const LATIN1 = strNode('latin1')
const OBJECT = name('builtins', 'object')
const STR = name('builtins', 'str')

/** `old`: for protocol 0, which has no bytes, no sets and no NEWOBJ. */
export function reduce(node: Node, old: boolean): Reduction {
  switch (node.kind) {
    case 'datetime':
    case 'date':
    case 'time': {
      const state: Node = { kind: 'bytes', bytes: old ? withoutFold(node) : node.state }
      return { callee: name('datetime', node.kind), args: node.zone ? [state, node.zone] : [state] }
    }
    case 'timedelta': {
      const { days, seconds, microseconds } = node
      const args = [days, seconds, microseconds].map(intNode)
      return { callee: name('datetime', 'timedelta'), args }
    }
    case 'timezone': {
      const args = node.name ? [node.offset, node.name] : [node.offset]
      return { callee: name('datetime', 'timezone'), args }
    }
    case 'Decimal':
      return { callee: name('decimal', 'Decimal'), args: [strNode(node.text)] }
    case 'Markup':
      return made(name('markupsafe', 'Markup'), [copyOf(node.text)], STR, old)
    case 'UUID': {
      const items: Node[] = [INT, intNode(node.int ?? 0)]
      if (node.safe !== undefined)
        items.push(IS_SAFE, node.safe === null ? NONE : intNode(node.safe))
      return { ...made(name('uuid', 'UUID'), [], OBJECT, old), state: { kind: 'dict', items } }
    }
    case 'OrderedDict':
      return { callee: name('collections', 'OrderedDict'), args: [], items: node.items }
    case 'defaultdict': {
      const args = node.factory === null ? [] : [name('builtins', node.factory)]
      return { callee: name('collections', 'defaultdict'), args, items: node.items }
    }
    case 'set':
    case 'frozenset': {
      const list: Node = { kind: 'list', items: [...node.items] }
      return { callee: name('builtins', node.kind), args: [list] }
    }
    case 'bytearray': {
      const bytes = bytesNode(node.bytes)
      return { callee: name('builtins', 'bytearray'), args: node.bytes.length === 0 ? [] : [bytes] }
    }
    case 'bytes':
      return node.bytes.length === 0
        ? { callee: name('builtins', 'bytes'), args: [] }
        : { callee: name('_codecs', 'encode'), args: [strNode(latin1(node.bytes)), LATIN1] }
    default:
      throw new TypeError(`A ${node.kind} is not reduced.`)
  }
}

function name(module: string, name: string): GlobalNode {
  return { kind: 'global', module, name }
}

function made(type: GlobalNode, args: readonly Node[], base: GlobalNode, old: boolean): Reduction {
  if (!old) return { callee: type, args, isNew: true }
  return { callee: name('copyreg', '_reconstructor'), args: [type, base, args[0] ?? NONE] }
}

/** Markup hands over a copy of its text, also of a short one. */
function copyOf(text: string): Node {
  return text === '' ? strNode(text) : { kind: 'str', text }
}

/** Before protocol 4 there was no place for it. */
function withoutFold({ kind, state }: { kind: string; state: Uint8Array }): Uint8Array {
  const place = kind === 'time' ? 0 : 2
  return state.map((byte, index) => (index === place && kind !== 'date' ? byte & 0x7f : byte))
}
