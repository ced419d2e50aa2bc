/**
 * What a pickle says, with Python's types: the form between its bytes and values here. Nodes keep what JavaScript has no
 * type for, and which object is the same as another, so that what was not touched is written as it was read.
 *
 * @module
 */

/** Ints beyond 2^53 are bigints. */
export interface IntNode {
  readonly kind: 'int'
  readonly value: number | bigint
}

export interface StrNode {
  readonly kind: 'str'
  readonly text: string
}

/** `raw` is a string of Python 2 that is not ASCII: data only as the inside of a date. */
export interface BytesNode {
  readonly kind: 'bytes' | 'bytearray' | 'raw'
  readonly bytes: Uint8Array
}

/** Items may be added until the pickle was read. Those of a dictionary are key, value, key, value. */
export interface ContainerNode {
  readonly kind: 'tuple' | 'list' | 'set' | 'frozenset' | 'dict' | 'OrderedDict'
  readonly items: Node[]
}

export interface DefaultDictNode {
  readonly kind: 'defaultdict'
  readonly factory: string | null
  readonly items: Node[]
}

/** `state` as Python packs it: big-endian, the highest bit of the month the fold. */
export interface DateNode {
  readonly kind: 'datetime' | 'date' | 'time'
  readonly state: Uint8Array
  readonly zone: TimezoneNode | undefined
}

export interface TimedeltaNode {
  readonly kind: 'timedelta'
  readonly days: number
  readonly seconds: number
  readonly microseconds: number
}

export interface TimezoneNode {
  readonly kind: 'timezone'
  readonly offset: TimedeltaNode
  readonly name: StrNode | undefined
}

/** Without a number until its state was read. */
export interface UuidNode {
  readonly kind: 'UUID'
  int: number | bigint | undefined
  /** Python's `SafeUUID`; undefined: not said. */
  safe: number | null | undefined
}

export interface TextNode {
  readonly kind: 'Decimal' | 'Markup'
  readonly text: string
}

/** A name from the fixed list: something to call or a factory, never a value. */
export interface GlobalNode {
  readonly kind: 'global'
  readonly module: string
  readonly name: string
}

export type Node =
  | { readonly kind: 'none' }
  | { readonly kind: 'bool'; readonly value: boolean }
  | IntNode
  | { readonly kind: 'float'; readonly value: number }
  | StrNode
  | BytesNode
  | ContainerNode
  | DefaultDictNode
  | DateNode
  | TimedeltaNode
  | TimezoneNode
  | UuidNode
  | TextNode
  | GlobalNode

export const NONE: Node = { kind: 'none' }
export const TRUE: Node = { kind: 'bool', value: true }
export const FALSE: Node = { kind: 'bool', value: false }

/** What Python takes neither as a key nor in a set, because it can change. */
export const UNHASHABLE: ReadonlySet<Node['kind']> = new Set([
  ...(['list', 'dict', 'set', 'bytearray', 'OrderedDict', 'defaultdict'] as const),
])

/** A `bigint` only where a number cannot hold it. */
export function intNode(value: number | bigint): IntNode {
  const number = Number(value)
  return { kind: 'int', value: Number.isSafeInteger(number) ? number : value }
}

const SHORT: readonly StrNode[] = Array.from({ length: 256 }, (_, code) => ({
  kind: 'str',
  text: String.fromCharCode(code),
}))
const EMPTY: StrNode = { kind: 'str', text: '' }

/** Python has only one of each text of a single byte, and one empty text. */
export function strNode(text: string): StrNode {
  if (text.length > 1) return { kind: 'str', text }
  return text === '' ? EMPTY : (SHORT[text.charCodeAt(0)] ?? { kind: 'str', text })
}

const SINGLE_BYTES: readonly BytesNode[] = Array.from({ length: 256 }, (_, byte) => ({
  kind: 'bytes',
  bytes: new Uint8Array([byte]),
}))
const NO_BYTES: BytesNode = { kind: 'bytes', bytes: new Uint8Array(0) }

/** Python makes only one of each single byte; `read`: one from a pickle may be another object all the same. */
export function bytesNode(bytes: Uint8Array, read = false): BytesNode {
  if (bytes.length === 0) return NO_BYTES
  const single = bytes.length === 1 && !read ? SINGLE_BYTES[bytes[0] as number] : undefined
  return single ?? { kind: 'bytes', bytes }
}

/** The nodes directly inside of a node. */
export function inside(node: Node): readonly Node[] {
  return 'items' in node ? node.items : []
}

/** Whether two nodes are the same value of the same type. Takes as long as the smaller is large. */
export function sameNode(a: Node, b: Node): boolean {
  if (a === b) return true
  const left = Object.entries(a)
  const other = b as unknown as Readonly<Record<string, unknown>>
  return left.every(([name, value]) => samePart(value, other[name]))
}

function samePart(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (a instanceof Uint8Array && b instanceof Uint8Array) {
    return a.length === b.length && a.every((byte, index) => byte === b[index])
  }
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, index) => sameNode(item as Node, b[index]))
  }
  return isNode(a) && isNode(b) && sameNode(a, b)
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'kind' in value
}
