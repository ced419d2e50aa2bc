/**
 * Objects of Python classes that only the Python application has.
 *
 * @module
 */

import { SerializationError } from '../../errors.ts'

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
 * mistaken for data, so that throws.
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

  /** @throws {SerializationError} Always. */
  toString(): never {
    throw this.#refusal('text')
  }

  /** @throws {SerializationError} Always. */
  valueOf(): never {
    throw this.#refusal('a number')
  }

  /** @throws {SerializationError} Always. */
  toJSON(): never {
    throw this.#refusal('JSON')
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
