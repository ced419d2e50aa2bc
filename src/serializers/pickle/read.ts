/**
 * The machine that reads a pickle: it follows the opcodes of data, and calls nothing but the fixed builders of
 * `pickle-globals`.
 *
 * @module
 */

import { call, create, globalNode } from './globals.ts'
import { Input, notData } from './input.ts'
import type { Node } from './nodes.ts'
import { OP } from './opcodes.ts'
import { SCALARS } from './scalars.ts'
import { Stack } from './stack.ts'
import { decodeText, latin1 } from './text.ts'

/** What an opcode costs in time and memory, in bytes more or less. */
const OPCODE_COST = 64
const NEWEST_PROTOCOL = 5
const MAX_UUID = 1n << 128n

interface Parsed {
  readonly root: Node
  /** Where the pickle ends: after its STOP. */
  readonly end: number
}

/**
 * Reads one pickle of protocols 0 to 5 in linear time. What it gives may still hold itself, be too deep or hold a bare
 * name: see `measure`. Throws {@link SerializationError} on anything but data.
 */
export function parsePickle(bytes: Uint8Array, start = 0): Parsed {
  const machine = new Machine(bytes, start)
  const { input } = machine
  for (;;) {
    input.spend(OPCODE_COST)
    const opcode = input.u8()
    if (opcode === OP.STOP) return { root: machine.stack.last(), end: input.at }
    if (opcode === OP.PROTO && input.at === start + 1) {
      if (input.u8() > NEWEST_PROTOCOL) throw notData('its protocol is newer than 5')
    } else machine.step(opcode)
  }
}

class Machine {
  readonly input: Input
  readonly stack = new Stack()

  constructor(bytes: Uint8Array, start: number) {
    this.input = new Input(bytes, start)
  }

  step(opcode: number): void {
    const { input, stack } = this
    const scalar = SCALARS.get(opcode)
    if (scalar !== undefined) {
      stack.push(scalar(input))
      return
    }
    switch (opcode) {
      case OP.MARK:
        stack.mark()
        break
      case OP.EMPTY_TUPLE:
        stack.push({ kind: 'tuple', items: [] })
        break
      case OP.TUPLE1:
      case OP.TUPLE2:
      case OP.TUPLE3:
        stack.push({ kind: 'tuple', items: stack.take(opcode - OP.TUPLE1 + 1) })
        break
      case OP.TUPLE:
        stack.push({ kind: 'tuple', items: stack.takeToMark() })
        break
      case OP.EMPTY_LIST:
        stack.push({ kind: 'list', items: [] })
        break
      case OP.LIST:
        stack.push({ kind: 'list', items: stack.takeToMark() })
        break
      case OP.APPEND:
        this.add('list', stack.take(1))
        break
      case OP.APPENDS:
        this.add('list', stack.takeToMark())
        break
      case OP.EMPTY_DICT:
        stack.push({ kind: 'dict', items: [] })
        break
      case OP.DICT:
        stack.push({ kind: 'dict', items: pairs(stack.takeToMark()) })
        break
      case OP.SETITEM:
        this.add('dict', stack.take(2))
        break
      case OP.SETITEMS:
        this.add('dict', pairs(stack.takeToMark()))
        break
      case OP.EMPTY_SET:
        stack.push({ kind: 'set', items: [] })
        break
      case OP.ADDITEMS:
        this.add('set', stack.takeToMark())
        break
      case OP.FROZENSET:
        stack.push({ kind: 'frozenset', items: stack.takeToMark() })
        break
      case OP.GLOBAL:
        stack.push(globalNode(decodeText(input.line()), decodeText(input.line())))
        break
      case OP.STACK_GLOBAL:
        stack.push(this.stackGlobal())
        break
      case OP.REDUCE:
        stack.push(this.applied(call))
        break
      case OP.NEWOBJ:
        stack.push(this.applied(create))
        break
      case OP.BUILD:
        this.build()
        break
      case OP.MEMOIZE:
        stack.memoize()
        break
      case OP.PUT:
        stack.put(this.index())
        break
      case OP.BINPUT:
        stack.put(input.u8())
        break
      case OP.LONG_BINPUT:
        stack.put(input.u32())
        break
      case OP.GET:
        stack.get(this.index())
        break
      case OP.BINGET:
        stack.get(input.u8())
        break
      case OP.LONG_BINGET:
        stack.get(input.u32())
        break
      case OP.FRAME:
        if (input.u64() > input.bytes.length - input.at) throw notData('it is cut off')
        break
      default:
        throw notData(`it holds the opcode 0x${opcode.toString(16).padStart(2, '0')}`)
    }
  }

  /** A memo's number in protocol 0. */
  index(): number {
    const line = latin1(this.input.line())
    if (!/^[0-9]{1,10}$/.test(line)) throw notData('a number in it is wrong')
    return Number(line)
  }

  add(to: 'list' | 'dict' | 'set', items: readonly Node[]): void {
    const target = this.stack.top()
    const isDict = target.kind === 'OrderedDict' || target.kind === 'defaultdict'
    if (!('items' in target) || (target.kind !== to && !(isDict && to === 'dict'))) {
      throw notData(`it adds to what is no ${to}`)
    }
    for (const item of items) target.items.push(item)
  }

  applied(make: (callee: Node, args: Node, input: Input) => Node): Node {
    const args = this.stack.pop()
    return make(this.stack.pop(), args, this.input)
  }

  stackGlobal(): Node {
    const name = this.stack.pop()
    const module = this.stack.pop()
    if (name.kind !== 'str' || module.kind !== 'str') throw notData('it names what is no name')
    return globalNode(module.text, name.text)
  }

  /** Only a UUID has a state: its number, and what its maker knew of its safety. */
  build(): void {
    const state = this.stack.pop()
    const uuid = this.stack.top()
    if (uuid.kind !== 'UUID' || uuid.int !== undefined || state.kind !== 'dict') {
      throw notData('it sets the state of an object')
    }
    for (let at = 0; at < state.items.length; at += 2) {
      const [key, value] = state.items.slice(at, at + 2) as [Node, Node]
      const name = key.kind === 'str' ? key.text : ''
      if (name === 'int' && value.kind === 'int' && value.value >= 0 && value.value < MAX_UUID) {
        uuid.int = value.value
      } else if (name === 'is_safe' && (value.kind === 'none' || value.kind === 'int')) {
        uuid.safe = value.kind === 'none' ? null : Number(value.value)
      } else throw notData('a UUID in it is wrong')
    }
  }
}

function pairs(items: Node[]): Node[] {
  if (items.length % 2 === 1) throw notData('a key in it has no value')
  return items
}
