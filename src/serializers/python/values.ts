/**
 * Python's values that JavaScript has no type for. Pickle knows all of them; Flask's cookie format tells `Markup` and
 * `Uuid` from plain text.
 *
 * @module
 */

import { PYTHON, pythonBytes, pythonText } from '../../core/python.ts'
import type { Serializer } from '../../core/serializer.ts'
import { tuple } from '../../core/values.ts'
import { SerializationError } from '../../errors.ts'
import { TextValue } from './dates.ts'

export { Float, float } from '../../core/values.ts'
export {
  type Fold,
  PlainDate,
  PlainDateTime,
  PlainTime,
  Timedelta,
  Timezone,
  ZonedDate,
} from './dates.ts'

/**
 * Wraps a serializer so that it decodes Python's `1.0` as a `Float`. Without the wrapper it is the number 1, and a number
 * that takes its place is written as a float again.
 *
 * ```ts
 * import { msgpack } from 'vial/serializers/msgpack'
 * import { exactFloats } from 'vial/serializers/python-values'
 *
 * export const serializer = exactFloats(msgpack)
 * ```
 */
export function exactFloats<E>(serializer: Serializer<E>): Serializer<E> {
  return { ...serializer, decode: (entry) => serializer.decode(entry, true) }
}

/** HTML that is known to be safe, as MarkupSafe's `Markup`: a template does not escape it again. */
export class Markup {
  readonly html: string

  /** @throws {SerializationError} Unless `html` is a string. */
  constructor(html: string) {
    if (typeof html !== 'string') {
      throw new SerializationError('Markup takes a string: pass the HTML as text.')
    }
    this.html = html
  }

  toString(): string {
    return this.html
  }

  /** The HTML, as in Flask's JSON responses. */
  toJSON(): string {
    return this.html
  }
}

/** A UUID of any version, as Python's `uuid.UUID`. Its text is lower case with dashes. */
export class Uuid extends TextValue {
  /**
   * Takes the forms that Python takes: with or without dashes, in braces, after `urn:uuid:`.
   *
   * @throws {SerializationError} On any other text.
   */
  constructor(text: string) {
    const hex = typeof text === 'string' ? bare(text) : ''
    if (!/^[0-9a-f]{32}$/i.test(hex)) {
      throw new SerializationError(
        'Not a UUID: pass 32 hexadecimal digits, with or without dashes.',
      )
    }
    super(hex.toLowerCase().replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'))
  }

  /** The 32 digits in lower case, without dashes. */
  get hex(): string {
    return this.text.replaceAll('-', '')
  }

  /** @internal */
  override [PYTHON](repr?: (value: unknown) => string): string {
    return repr === undefined ? this.text : `UUID(${repr(this.text)})`
  }
}

/** Removes what Python removes before it counts the digits, in the same order. */
function bare(text: string): string {
  const inner = text.replaceAll('urn:', '').replaceAll('uuid:', '')
  return inner.replace(/^[{}]+|(?<![{}])[{}]+$/g, '').replaceAll('-', '')
}

const DECIMAL =
  /^[+-]?(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]{1,18})?|inf(?:inity)?|s?nan[0-9]*)$/i

/** A decimal number of any precision, as Python's `decimal.Decimal`. Its text stays as it was given, such as `1.10`. */
export class Decimal extends TextValue {
  /** @throws {SerializationError} Unless Python reads the text as a Decimal, such as `1.10`, `1E+3` or `NaN`. */
  constructor(text: string) {
    if (typeof text !== 'string' || !DECIMAL.test(text)) {
      throw new SerializationError('Not a decimal: pass digits such as 1.10 or 1E+3 as text.')
    }
    super(text)
  }

  /** @internal */
  override [PYTHON](repr?: (value: unknown) => string): string {
    return repr === undefined ? this.text : `Decimal(${repr(this.text)})`
  }
}

/** Python's `bytearray`; a `Uint8Array` of any other class is `bytes`. */
export class ByteArray extends Uint8Array<ArrayBuffer> {
  /** @internal */
  [PYTHON](): string {
    // Python escapes each ', whatever the quotes are.
    const [, quote, inner] = /^b(.)(.*).$/s.exec(pythonBytes(this)) ?? []
    return `bytearray(b${quote}${quote === '"' ? inner?.replaceAll("'", "\\'") : inner}${quote})`
  }
}

/** Python's `frozenset`. */
export class FrozenSet<T = unknown> extends Set<T> {
  /** @internal */
  [PYTHON](repr = pythonText): string {
    return `frozenset(${this.size === 0 ? '' : repr(new Set(this))})`
  }
}

/** An ordered dictionary, Python's `collections.OrderedDict`. */
export class OrderedDict<K = unknown, V = unknown> extends Map<K, V> {
  /** @internal Python 3.12 and later have a dictionary inside. */
  [PYTHON](repr = pythonText): string {
    const pairs = Array.from(this, ([key, value]) => tuple(key, value))
    return `OrderedDict(${pairs.length === 0 ? '' : repr(pairs)})`
  }
}

/** Python's `collections.defaultdict`, whose factory makes missing values in Python. Here it is a plain `Map`. */
export class DefaultDict<K = unknown, V = unknown> extends Map<K, V> {
  /** The names of Python's built-in types of data, each of which may be a factory. */
  static readonly factories: ReadonlySet<string> = new Set([
    ...['bool', 'bytearray', 'bytes', 'complex', 'dict', 'float', 'frozenset'],
    ...['int', 'list', 'object', 'set', 'str', 'tuple'],
  ])

  /** The name of a built-in type, such as `list`. Null: there is no factory. */
  readonly factory: string | null

  /** @throws {SerializationError} On another factory than a built-in type of data. */
  constructor(factory: string | null, pairs: Iterable<readonly [K, V]> = []) {
    super(pairs)
    if (factory !== null && !DefaultDict.factories.has(factory)) {
      throw new SerializationError(
        `Not a factory: pass null or one of ${[...DefaultDict.factories].join(', ')}.`,
      )
    }
    this.factory = factory
  }

  /** @internal */
  [PYTHON](repr = pythonText): string {
    const factory = this.factory === null ? 'None' : `<class '${this.factory}'>`
    return `defaultdict(${factory}, ${repr(new Map(this))})`
  }
}

/** The name of a Python class, as a pickle refers to it. */
export interface ForeignClass {
  readonly module: string
  readonly name: string
}

/** How Python makes a {@link Foreign} object, and what it puts in. */
export interface ForeignParts {
  readonly class: ForeignClass
  /** The arguments of the class's `__new__`. Absent: there are none. */
  readonly args?: readonly unknown[]
  /** Keyword arguments of `__new__`. Absent: it is called without. */
  readonly keywords?: Readonly<Record<string, unknown>>
  /** The built-in base that `copyreg._reconstructor` makes it of, with its only argument in `args`. */
  readonly base?: ForeignClass
  /** What the object's `__setstate__` or `__dict__` gets. Absent: nothing. */
  readonly state?: unknown
  /** Items of a subclass of `list`, in order. */
  readonly items?: readonly unknown[]
  /** Items of a subclass of `dict`, in order. */
  readonly pairs?: readonly (readonly [key: unknown, value: unknown])[]
}

/** Names that a pickle may hold between its line feeds without becoming another pickle. */
const DOTTED_NAME = /^[\p{ID_Start}_]\p{ID_Continue}*(?:\.[\p{ID_Start}_]\p{ID_Continue}*)*$/u

/**
 * An object of a Python class that is unknown here, such as a dataclass or Authlib's `OAuth2Token`, read from a pickle. It
 * goes back as it came. Nothing of it is imported or called. Its parts can be read; as text, number or JSON it would be
 * mistaken for data, so that throws {@link SerializationError}.
 */
export class Foreign implements ForeignParts {
  readonly class: ForeignClass
  readonly args: readonly unknown[]
  readonly keywords?: Readonly<Record<string, unknown>>
  readonly base?: ForeignClass
  readonly state?: unknown
  readonly items: readonly unknown[]
  readonly pairs: readonly (readonly [key: unknown, value: unknown])[]

  /** @throws {SerializationError} When a class has a name that Python cannot have. */
  constructor(parts: ForeignParts) {
    for (const { module, name } of parts.base ? [parts.class, parts.base] : [parts.class]) {
      if (!DOTTED_NAME.test(module) || !DOTTED_NAME.test(name)) {
        throw new SerializationError('Not the name of a Python class: pass its module and name.')
      }
    }
    this.class = parts.class
    this.args = parts.args ?? []
    this.items = parts.items ?? []
    this.pairs = parts.pairs ?? []
    if (parts.keywords !== undefined) this.keywords = parts.keywords
    if (parts.base !== undefined) this.base = parts.base
    if (parts.state !== undefined) this.state = parts.state
  }

  toString(): never {
    throw this.#refusal('text')
  }

  valueOf(): never {
    throw this.#refusal('a number')
  }

  toJSON(): never {
    throw this.#refusal('JSON')
  }

  /** @internal As of a class that says nothing else, without the address. */
  [PYTHON](): string {
    return `<${this.class.module}.${this.class.name} object>`
  }

  [Symbol.toPrimitive](hint: string): never {
    throw this.#refusal(hint === 'number' ? 'a number' : 'text')
  }

  #refusal(what: string): SerializationError {
    const { module, name } = this.class
    return new SerializationError(
      `Python's ${module}.${name} cannot be ${what} here, as only Python has the class: read its \`state\`, \`items\` or \`pairs\`, or keep plain data in the session there.`,
    )
  }
}
