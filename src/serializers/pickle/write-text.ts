/**
 * Nodes to a pickle of protocol 0, which is ASCII throughout. Flask-Session 0.3 to 0.5 kept it in Memcached, whose
 * clients may take it for text.
 *
 * @module
 */

import { pythonFloat } from '../python/float.ts'
import { Memo } from './memo.ts'
import type { GlobalNode, Node } from './nodes.ts'
import { type Reduction, reduce } from './reduce.ts'
import { encodeRawEscapes } from './text.ts'

/** Writes nodes that `measure` let pass. */
export function writeText(root: Node): Uint8Array {
  const pickler = new TextPickler()
  pickler.node(root)
  return new TextEncoder().encode(`${pickler.parts.join('')}.`)
}

const FLOAT_WORDS: Readonly<Record<string, string>> = {
  NaN: 'nan',
  Infinity: 'inf',
  '-Infinity': '-inf',
}

class TextPickler {
  readonly parts: string[] = []
  readonly #memo = new Memo()

  node(node: Node): void {
    switch (node.kind) {
      case 'none':
        this.write('N')
        break
      case 'bool':
        this.write(node.value ? 'I01\n' : 'I00\n')
        break
      case 'int':
        this.int(node.value)
        break
      case 'float':
        this.write(`F${FLOAT_WORDS[String(node.value)] ?? pythonFloat(node.value)}\n`)
        break
      case 'tuple':
        this.tuple(node, node.items)
        break
      default: {
        const number = this.#memo.get(node)
        if (number === undefined) this.object(node)
        else this.write(`g${number}\n`)
      }
    }
  }

  write(text: string): void {
    this.parts.push(text)
  }

  memoize(node: Node): void {
    this.write(`p${this.#memo.add(node)}\n`)
  }

  int(value: number | bigint): void {
    const small = typeof value === 'number' && value >= -(2 ** 31) && value < 2 ** 31
    this.write(small ? `I${value}\n` : `L${value}L\n`)
  }

  object(node: Node): void {
    switch (node.kind) {
      case 'str':
        this.write(`V${encodeRawEscapes(node.text)}\n`)
        this.memoize(node)
        break
      case 'list':
        this.write('(l')
        this.memoize(node)
        for (const item of node.items) {
          this.node(item)
          this.write('a')
        }
        break
      case 'dict':
        this.write('(d')
        this.memoize(node)
        this.setItems(node.items)
        break
      case 'global':
        this.global(node)
        this.memoize(node)
        break
      default:
        this.reduced(node, reduce(node, true))
        break
    }
  }

  tuple(node: Node, items: readonly Node[]): void {
    const number = this.#memo.get(node)
    if (number !== undefined) {
      this.write(`g${number}\n`)
      return
    }
    this.write('(')
    for (const item of items) this.node(item)
    this.write('t')
    if (items.length > 0) this.memoize(node)
  }

  /** By the names of Python 2, which every version reads. */
  global({ module, name }: GlobalNode): void {
    const old = module === 'builtins' ? '__builtin__' : module === 'copyreg' ? 'copy_reg' : module
    this.write(`c${old}\n${old === '__builtin__' && name === 'str' ? 'unicode' : name}\n`)
  }

  setItems(items: readonly Node[]): void {
    items.forEach((item, index) => {
      this.node(item)
      if (index % 2 === 1) this.write('s')
    })
  }

  reduced(node: Node, { callee, args, items = [], state }: Reduction): void {
    this.node(callee)
    this.node({ kind: 'tuple', items: [...args] })
    this.write('R')
    this.memoize(node)
    this.setItems(items)
    if (state === undefined) return
    this.node(state)
    this.write('b')
  }
}
