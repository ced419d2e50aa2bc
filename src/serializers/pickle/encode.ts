/**
 * Values here to the nodes of a pickle.
 *
 * @module
 */

import { isInteger, isTuple } from '../../core/values.ts'
import {
  ByteArray,
  Decimal,
  DefaultDict,
  Float,
  FrozenSet,
  Markup,
  OrderedDict,
  PlainDate,
  PlainDateTime,
  PlainTime,
  Timedelta,
  Timezone,
  Uuid,
} from '../python/values.ts'
import { isPlainObject, lengthOf, ownPairs, refuse, type ValuePath } from '../shared/path.ts'
import { instantNode, plainNode, timedeltaNode, timezoneNode } from './dates.ts'
import { bytesNode, FALSE, intNode, NONE, type Node, strNode, TRUE, UNHASHABLE } from './nodes.ts'
import { MAX_LONG_BYTES } from './scalars.ts'

const MAX_INT = 1n << BigInt(MAX_LONG_BYTES * 8 - 1)

/** Throws {@link SerializationError}, which names the part that pickle cannot hold. */
export function toNode(value: unknown, path: ValuePath): Node {
  switch (typeof value) {
    case 'string':
      return strNode(value)
    case 'number':
      return isInteger(value) ? intNode(value) : { kind: 'float', value }
    case 'boolean':
      return value ? TRUE : FALSE
    case 'bigint':
      if (value >= MAX_INT || value < -MAX_INT) throw refuse(value, path)
      return intNode(value)
    case 'object':
      return value === null ? NONE : (leaf(value, path) ?? container(value, path))
    default:
      throw refuse(value, path)
  }
}

function leaf(value: object, path: ValuePath): Node | undefined {
  if (value instanceof Uint8Array) {
    lengthOf(value, path)
    const bytes = new Uint8Array(value)
    return value instanceof ByteArray ? { kind: 'bytearray', bytes } : bytesNode(bytes)
  }
  if (value instanceof Date) {
    const node = instantNode(value)
    if (node !== undefined) return node
    throw Number.isNaN(Date.prototype.getTime.call(value))
      ? path.refusal('is an invalid Date', 'store null or a valid Date')
      : path.refusal('is a Date outside the years 1 to 9999', 'store its text or number')
  }
  if (value instanceof Float) return { kind: 'float', value: value.value }
  if (value instanceof Markup) return { kind: 'Markup', text: value.html }
  if (value instanceof Decimal) return { kind: 'Decimal', text: value.text }
  if (value instanceof Uuid) {
    return { kind: 'UUID', int: intNode(BigInt(`0x${value.hex}`)).value, safe: undefined }
  }
  if (value instanceof Timedelta) return timedeltaNode(value)
  if (value instanceof Timezone) return timezoneNode(value)
  const plain =
    value instanceof PlainDate || value instanceof PlainTime || value instanceof PlainDateTime
  return plain ? plainNode(value) : undefined
}

function container(value: object, path: ValuePath): Node {
  if (Array.isArray(value)) {
    return { kind: isTuple(value) ? 'tuple' : 'list', items: items(value, path, false) }
  }
  if (isPlainObject(value)) return { kind: 'dict', items: properties(value, path) }
  if (value instanceof Set) {
    const kind = value instanceof FrozenSet ? 'frozenset' : 'set'
    return { kind, items: items([...value], path, true) }
  }
  if (!(value instanceof Map)) throw refuse(value, path)
  const content = pairs(value, path)
  if (value instanceof OrderedDict) return { kind: 'OrderedDict', items: content }
  if (value instanceof DefaultDict) {
    return { kind: 'defaultdict', factory: value.factory, items: content }
  }
  if (content.every((node, index) => index % 2 === 1 || node.kind === 'str')) {
    const fix = 'store a plain object, such as Object.fromEntries(map)'
    throw path.refusal('is a Map without any key that is not a string', fix)
  }
  return { kind: 'dict', items: content }
}

function items(list: readonly unknown[], path: ValuePath, keys: boolean): Node[] {
  const nodes: Node[] = []
  const length = lengthOf(list, path)
  path.enter()
  for (let i = 0; i < length; i++) {
    path.at(i)
    const item = list[i]
    const node = item === undefined ? NONE : toNode(item, path)
    nodes.push(keys ? asKey(node, path) : node)
  }
  path.leave()
  return nodes
}

function properties(object: Record<string, unknown>, path: ValuePath): Node[] {
  path.enter()
  const nodes = ownPairs(object, path).flatMap(([key, value]) => {
    path.at(key)
    return [strNode(key), toNode(value, path)]
  })
  path.leave()
  return nodes
}

function pairs(map: ReadonlyMap<unknown, unknown>, path: ValuePath): Node[] {
  const nodes: Node[] = []
  path.enter()
  let index = 0
  for (const [key, value] of map) {
    path.at(typeof key === 'string' ? key : index++)
    if (value !== undefined) nodes.push(asKey(toNode(key, path), path), toNode(value, path))
  }
  path.leave()
  return nodes
}

/** Python looks up what cannot change. */
function asKey(node: Node, path: ValuePath): Node {
  if (UNHASHABLE.has(node.kind)) {
    const fix = 'use text, a number, a tuple or a FrozenSet'
    throw path.refusal(`is a ${node.kind} as a key or in a set, which Python refuses`, fix)
  }
  if (node.kind === 'tuple') for (const item of node.items) asKey(item, path)
  return node
}
