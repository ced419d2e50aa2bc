/**
 * The nodes of a pickle to values here.
 *
 * @module
 */

import { exactFloat, setOwn, tupleFrom } from '../../core/values.ts'
import {
  ByteArray,
  Decimal,
  DefaultDict,
  FrozenSet,
  Markup,
  OrderedDict,
  Uuid,
} from '../python/values.ts'
import { fromDateNode, fromTimedelta, fromTimezone } from './dates.ts'
import { notData } from './input.ts'
import type { Node } from './nodes.ts'

/** How a pickle's values are given. */
export interface DecodeOptions {
  /** Whole floats are `Float`, so that they are floats again when they are written. */
  readonly exactFloats: boolean
}

/** A new value on each call; of nodes that `measure` let pass. */
export function fromNode(node: Node, options: DecodeOptions): unknown {
  switch (node.kind) {
    case 'none':
      return null
    case 'bool':
    case 'int':
      return node.value
    case 'float':
      return options.exactFloats ? exactFloat(node.value) : node.value
    case 'str':
      return node.text
    case 'bytes':
      return new Uint8Array(node.bytes)
    case 'bytearray':
      return byteArray(node.bytes)
    case 'tuple':
      return tupleFrom(values(node.items, options))
    case 'list':
      return values(node.items, options)
    case 'dict':
      return dictionary(node.items, options)
    case 'set':
      return new Set(values(node.items, options))
    case 'frozenset':
      return new FrozenSet(values(node.items, options))
    case 'OrderedDict':
      return new OrderedDict(pairs(node.items, options))
    case 'defaultdict':
      return new DefaultDict(node.factory, pairs(node.items, options))
    case 'datetime':
    case 'date':
    case 'time':
      return fromDateNode(node)
    case 'timedelta':
      return fromTimedelta(node)
    case 'timezone':
      return fromTimezone(node)
    case 'UUID':
      return new Uuid((node.int ?? 0).toString(16).padStart(32, '0'))
    case 'Decimal':
      return new Decimal(node.text)
    case 'Markup':
      return new Markup(node.text)
    default:
      throw notData(`it holds a ${node.kind}`)
  }
}

function byteArray(bytes: Uint8Array): ByteArray {
  const copy = new ByteArray(new ArrayBuffer(bytes.length))
  copy.set(bytes)
  return copy
}

function values(items: readonly Node[], options: DecodeOptions): unknown[] {
  return items.map((item) => fromNode(item, options))
}

function pairs(items: readonly Node[], options: DecodeOptions): [unknown, unknown][] {
  const found: [unknown, unknown][] = []
  for (let at = 0; at < items.length; at += 2) {
    const [key, value] = values(items.slice(at, at + 2), options)
    found.push([key, value])
  }
  return found
}

/** A Map when a key is not a string. */
function dictionary(items: readonly Node[], options: DecodeOptions): unknown {
  const found = pairs(items, options)
  if (found.some(([key]) => typeof key !== 'string')) return new Map(found)
  const object: Record<string, unknown> = {}
  for (const [key, value] of found) setOwn(object, key as string, value)
  return object
}
