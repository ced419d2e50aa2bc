/**
 * Nodes to a pickle of protocol 4 or 5, the same bytes as CPython's pickler gives for the same objects.
 *
 * @module
 */

import { Buffer } from 'node:buffer'
import { Memo } from './memo.ts'
import { type Node, type StrNode, strNode } from './nodes.ts'
import { OP } from './opcodes.ts'
import { FramedOutput } from './output.ts'
import { type Reduction, reduce } from './reduce.ts'
import { encodeText } from './text.ts'

/** How many items one opcode adds at most. */
const BATCH = 1000

/** Writes nodes that `measure` let pass. */
export function writeFramed(root: Node, protocol: 4 | 5): Uint8Array {
  const pickler = new Pickler(protocol)
  pickler.node(root)
  pickler.out.byte(OP.STOP)
  return pickler.out.finish()
}

class Pickler {
  readonly protocol: number
  readonly out: FramedOutput
  readonly #memo = new Memo()
  readonly #modules = new Map<string, StrNode>()

  constructor(protocol: 4 | 5) {
    this.protocol = protocol
    this.out = new FramedOutput(protocol)
  }

  node(node: Node): void {
    const { out } = this
    out.boundary()
    switch (node.kind) {
      case 'none':
        out.byte(OP.NONE)
        break
      case 'bool':
        out.byte(node.value ? OP.NEWTRUE : OP.NEWFALSE)
        break
      case 'int':
        this.int(node.value)
        break
      case 'float':
        out.float(node.value)
        break
      case 'tuple':
        this.tuple(node, node.items)
        break
      default:
        if (!this.known(node)) this.object(node)
    }
  }

  /** Writes where it is, when it was written before. */
  known(node: Node): boolean {
    const number = this.#memo.get(node)
    if (number === undefined) return false
    if (number < 256) this.out.sized(OP.BINGET, number, 1)
    else this.out.sized(OP.LONG_BINGET, number, 4)
    return true
  }

  memoize(node: Node): void {
    this.#memo.add(node)
    this.out.byte(OP.MEMOIZE)
  }

  object(node: Node): void {
    const { out } = this
    switch (node.kind) {
      case 'str':
        this.data(encodeText(node.text), OP.SHORT_BINUNICODE, OP.BINUNICODE, OP.BINUNICODE8)
        this.memoize(node)
        break
      case 'bytes':
        this.data(node.bytes, OP.SHORT_BINBYTES, OP.BINBYTES, OP.BINBYTES8)
        this.memoize(node)
        break
      case 'list':
        out.byte(OP.EMPTY_LIST)
        this.memoize(node)
        this.list(node.items)
        break
      case 'dict':
        out.byte(OP.EMPTY_DICT)
        this.memoize(node)
        this.dict(node.items)
        break
      case 'set':
        out.byte(OP.EMPTY_SET)
        this.memoize(node)
        if (node.items.length > 0) this.batches(node.items, BATCH, OP.ADDITEMS)
        break
      case 'frozenset':
        out.byte(OP.MARK)
        for (const item of node.items) this.node(item)
        out.byte(OP.FROZENSET)
        this.memoize(node)
        break
      case 'global':
        this.node(this.module(node.module))
        this.node(strNode(node.name))
        out.byte(OP.STACK_GLOBAL)
        this.memoize(node)
        break
      case 'bytearray':
        if (this.protocol === 5) {
          out.data(OP.BYTEARRAY8, node.bytes, 8)
          this.memoize(node)
        } else this.reduced(node, reduce(node, false))
        break
      default:
        this.reduced(node, reduce(node, false))
        break
    }
  }

  /** Two's complement in as few bytes as hold it, when four do not. */
  int(value: number | bigint): void {
    const { out } = this
    if (typeof value === 'number' && value >= -(2 ** 31) && value < 2 ** 31) {
      if (value < 0 || value > 0xffff) out.sized(OP.BININT, value, 4)
      else if (value > 0xff) out.sized(OP.BININT2, value, 2)
      else out.sized(OP.BININT1, value, 1)
      return
    }
    const whole = BigInt(value)
    const bits = (whole < 0n ? -whole - 1n : whole).toString(2).length + 1
    const size = Math.ceil(bits / 8)
    const hex = BigInt.asUintN(size * 8, whole).toString(16)
    const bytes = Buffer.from(hex.padStart(size * 2, '0'), 'hex').reverse()
    if (size < 256) out.data(OP.LONG1, bytes, 1)
    else out.data(OP.LONG4, bytes, 4)
  }

  data(data: Uint8Array, short: number, long: number, huge: number): void {
    if (data.length < 0x100) this.out.data(short, data, 1)
    else if (data.length < 2 ** 32) this.out.data(long, data, 4)
    else this.out.data(huge, data, 8)
  }

  /** There is one empty tuple, and it has no number. */
  tuple(node: Node, items: readonly Node[]): void {
    const { out } = this
    if (items.length === 0) {
      out.byte(OP.EMPTY_TUPLE)
      return
    }
    if (this.known(node)) return
    if (items.length > 3) out.byte(OP.MARK)
    for (const item of items) this.node(item)
    out.byte(items.length > 3 ? OP.TUPLE : OP.TUPLE1 + items.length - 1)
    this.memoize(node)
  }

  list(items: readonly Node[]): void {
    const [first] = items
    if (items.length !== 1 || first === undefined) {
      for (let at = 0; at < items.length; at += BATCH) {
        this.batch(items.slice(at, at + BATCH), OP.APPENDS)
      }
      return
    }
    this.node(first)
    this.out.byte(OP.APPEND)
  }

  dict(items: readonly Node[]): void {
    if (items.length === 2) {
      for (const item of items) this.node(item)
      this.out.byte(OP.SETITEM)
    } else if (items.length > 0) this.batches(items, BATCH * 2, OP.SETITEMS)
  }

  /** A last batch that is full is followed by an empty one, as CPython finds the end only then. */
  batches(items: readonly Node[], size: number, opcode: number): void {
    for (let at = 0; at <= items.length; at += size) this.batch(items.slice(at, at + size), opcode)
  }

  batch(items: readonly Node[], opcode: number): void {
    this.out.byte(OP.MARK)
    for (const item of items) this.node(item)
    this.out.byte(opcode)
  }

  reduced(node: Node, { callee, args, isNew, items, state }: Reduction): void {
    const { out } = this
    this.node(callee)
    this.node({ kind: 'tuple', items: [...args] })
    out.byte(isNew ? OP.NEWOBJ : OP.REDUCE)
    this.memoize(node)
    // Taken from an iterator, it sees the end in time.
    for (let at = 0; items !== undefined && at < items.length; at += BATCH * 2) {
      const batch = items.slice(at, at + BATCH * 2)
      if (batch.length === 2) this.dict(batch)
      else this.batch(batch, OP.SETITEMS)
    }
    if (state === undefined) return
    this.node(state)
    out.byte(OP.BUILD)
  }

  /** CPython interns the names of modules. */
  module(name: string): StrNode {
    const known = this.#modules.get(name) ?? strNode(name)
    this.#modules.set(name, known)
    return known
  }
}
