/**
 * The names that a pickle of data may hold, and what each builds. Nothing is ever looked up anywhere else: a name that is
 * not in this table is refused, whatever it is.
 *
 * @module
 */

import { Decimal, FACTORIES } from '../python/collections.ts'
import { dateNode } from './dates.ts'
import { type Input, notData } from './input.ts'
import {
  type BytesNode,
  bytesNode,
  type ContainerNode,
  type GlobalNode,
  inside,
  type Node,
  type TimezoneNode,
} from './nodes.ts'
import { latin1Bytes } from './text.ts'

/** Undefined: these are not the arguments that a pickler writes. */
type Builder = (args: readonly Node[], input: Input) => Node | undefined

/** By module and name, with a line feed between them. */
const BUILDERS: ReadonlyMap<string, Builder | undefined> = new Map<string, Builder | undefined>([
  ['datetime\ndatetime', (args) => date('datetime', args)],
  ['datetime\ndate', (args) => date('date', args)],
  ['datetime\ntime', (args) => date('time', args)],
  ['datetime\ntimedelta', timedelta],
  ['datetime\ntimezone', timezone],
  ['decimal\nDecimal', decimal],
  ['markupsafe\nMarkup', undefined],
  ['uuid\nUUID', undefined],
  ['collections\nOrderedDict', orderedDict],
  ['collections\ndefaultdict', defaultDict],
  ['_codecs\nencode', latin1Encode],
  ['copyreg\n_reconstructor', reconstruct],
  ...[...FACTORIES].map((name) => [`builtins\n${name}`, undefined] as const),
  ['builtins\nset', (args, input) => setOf('set', args, input)],
  ['builtins\nfrozenset', (args, input) => setOf('frozenset', args, input)],
  ['builtins\nbytearray', byteArray],
  ['builtins\nbytes', ([content]) => (content ? undefined : bytesNode(EMPTY))],
])
const EMPTY = new Uint8Array(0)

/** Python 2's names, which protocols 0 to 2 keep. */
const OLD_MODULES: Readonly<Record<string, string>> = {
  __builtin__: 'builtins',
  copy_reg: 'copyreg',
}
const OLD_TYPES: Readonly<Record<string, string>> = { unicode: 'str', long: 'int' }

const SHOWN = 40

/** Throws {@link SerializationError} on any name but those of data. */
export function globalNode(module: string, name: string): GlobalNode {
  const old = Object.hasOwn(OLD_MODULES, module)
  const found = {
    module: old ? (OLD_MODULES[module] as string) : module,
    name: old && Object.hasOwn(OLD_TYPES, name) ? (OLD_TYPES[name] as string) : name,
  }
  if (BUILDERS.has(`${found.module}\n${found.name}`)) return { kind: 'global', ...found }
  const shown = `${module}.${name}`.slice(0, SHOWN).replace(/[^\x21-\x7e]/g, '?')
  throw notData(`it names ${shown}`)
}

/** What a call of the name gives. Throws {@link SerializationError} when it is no data. */
export function call(callee: Node, args: Node, input: Input): Node {
  if (callee.kind === 'global' && args.kind === 'tuple') {
    const { module, name } = callee
    const built = BUILDERS.get(`${module}\n${name}`)?.(args.items, input)
    if (built !== undefined) return built
    throw notData(`it calls ${module}.${name} with other arguments than data has`)
  }
  throw notData('it calls what is no name')
}

/** What NEWOBJ makes: a UUID without its state yet, or Markup. */
export function create(type: Node, args: Node): Node {
  if (type.kind === 'global' && args.kind === 'tuple') {
    const [text, ...more] = args.items
    if (is(type, 'UUID') && text === undefined) return emptyUuid()
    if (is(type, 'Markup') && text?.kind === 'str' && more.length === 0) return markup(text.text)
  }
  throw notData('it makes an object that is not data')
}

function is(node: Node | undefined, name: string): boolean {
  return node?.kind === 'global' && node.name === name
}

function emptyUuid(): Node {
  return { kind: 'UUID', int: undefined, safe: undefined }
}

function markup(text: string): Node {
  return { kind: 'Markup', text }
}

/** Protocols 0 and 1 make objects by `_reconstructor(type, base, state)`. */
function reconstruct([type, base, state, ...more]: readonly Node[]): Node | undefined {
  if (more.length > 0) return undefined
  if (is(type, 'UUID') && is(base, 'object') && state?.kind === 'none') return emptyUuid()
  if (is(type, 'Markup') && is(base, 'str') && state?.kind === 'str') return markup(state.text)
  return undefined
}

function date(
  kind: 'datetime' | 'date' | 'time',
  [packed, zone, ...more]: readonly Node[],
): Node | undefined {
  const state = packed?.kind === 'str' ? latin1Bytes(packed.text) : bytesOf(packed)
  if (state === undefined || more.length > 0) return undefined
  if (zone === undefined) return dateNode(kind, state, undefined)
  return zone.kind === 'timezone' && kind !== 'date' ? dateNode(kind, state, zone) : undefined
}

function bytesOf(node: Node | undefined): Uint8Array | undefined {
  return node?.kind === 'bytes' || node?.kind === 'raw' ? node.bytes : undefined
}

function timedelta(args: readonly Node[]): Node | undefined {
  const [days = NaN, seconds = NaN, microseconds = NaN, ...more] = args.map((node) =>
    node.kind === 'int' && typeof node.value === 'number' ? node.value : Number.NaN,
  )
  const sane =
    Math.abs(days) <= 999_999_999 &&
    seconds >= 0 &&
    seconds < 86_400 &&
    microseconds >= 0 &&
    microseconds < 1e6
  if (!sane || more.length > 0) return undefined
  return { kind: 'timedelta', days, seconds, microseconds }
}

function timezone([offset, name, ...more]: readonly Node[]): TimezoneNode | undefined {
  if (offset?.kind !== 'timedelta' || more.length > 0) return undefined
  if (name !== undefined && name.kind !== 'str') return undefined
  const { days, seconds, microseconds } = offset
  const short = days === 0 || (days === -1 && seconds + microseconds > 0)
  return short ? { kind: 'timezone', offset, name } : undefined
}

function decimal([text, ...more]: readonly Node[]): Node | undefined {
  if (text?.kind !== 'str' || more.length > 0) return undefined
  try {
    return { kind: 'Decimal', text: new Decimal(text.text).text }
  } catch {
    return undefined
  }
}

/** Python 2 hands over a list of pairs, Python 3 nothing. */
function orderedDict([pairs, ...more]: readonly Node[], input: Input): Node | undefined {
  const items: Node[] = []
  if (pairs !== undefined) {
    if (pairs.kind !== 'list' || more.length > 0) return undefined
    input.spend(pairs.items.length * 64)
    for (const pair of pairs.items) {
      const [key, value, ...rest] = inside(pair)
      const fits = pair.kind === 'list' || pair.kind === 'tuple'
      if (!fits || key === undefined || value === undefined || rest.length > 0) return undefined
      items.push(key, value)
    }
  }
  return { kind: 'OrderedDict', items }
}

function defaultDict([factory, ...more]: readonly Node[]): Node | undefined {
  if (more.length > 0) return undefined
  if (factory === undefined || factory.kind === 'none') {
    return { kind: 'defaultdict', factory: null, items: [] }
  }
  if (factory.kind !== 'global' || factory.module !== 'builtins') return undefined
  return { kind: 'defaultdict', factory: factory.name, items: [] }
}

/** Bytes in protocols 0 to 2: `_codecs.encode(text, 'latin1')`. */
function latin1Encode([text, codec, ...more]: readonly Node[], input: Input): Node | undefined {
  if (text?.kind !== 'str' || codec?.kind !== 'str' || more.length > 0) return undefined
  input.spend(text.text.length)
  const bytes = /^latin-?1$/.test(codec.text) ? latin1Bytes(text.text) : undefined
  return bytes && bytesNode(bytes, true)
}

/** Sets in protocols 0 to 3 are made of a list. */
function setOf(
  kind: 'set' | 'frozenset',
  [list, ...more]: readonly Node[],
  input: Input,
): ContainerNode | undefined {
  if (list?.kind !== 'list' || more.length > 0) return undefined
  input.spend(list.items.length * 8)
  return { kind, items: [...list.items] }
}

function byteArray(args: readonly Node[], input: Input): BytesNode | undefined {
  const [content] = args
  if (content === undefined) return { kind: 'bytearray', bytes: EMPTY }
  const bytes = content.kind === 'bytes' && args.length === 1 ? content : latin1Encode(args, input)
  return bytes?.kind === 'bytes' ? { kind: 'bytearray', bytes: bytes.bytes } : undefined
}
