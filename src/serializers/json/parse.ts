/** Parses JSON as Python's parsers do: integers of any size, the last of two equal keys, a bounded depth. */

import { exactFloat, setOwn } from '../../core/values.ts'
import { damaged, MAX_DIGITS } from '../shared/path.ts'
import { skipSpace, stringEnd, unquote, valueEnd } from './text.ts'

/** What a dialect of JSON accepts. */
export interface JsonDialect {
  /** How many lists and objects may sit inside each other. */
  readonly maxDepth: number
  /** Accepts `NaN`, `Infinity`, floats out of range, and escapes of half a surrogate pair, as Python's `json` does. */
  readonly lenient: boolean
  /** Decodes a float that is whole as a `Float`. */
  readonly exactFloats: boolean
}

const ESCAPED_SURROGATE = /\\u[dD]/

/** Parses the whole of `text`. Throws {@link SerializationError} when it is damaged or too deep. */
export function parseJson(text: string, dialect: JsonDialect): unknown {
  if (isOrdinary(text, dialect)) {
    try {
      return JSON.parse(text) as unknown
    } catch {
      // Damaged, or a word that JSON does not have: the parser below finds out which.
    }
  }
  const parser = new Parser(text, dialect)
  const value = parser.value(0)
  if (skipSpace(text, parser.at) !== text.length) throw damaged('more text follows')
  return value
}

/**
 * Whether `JSON.parse` reads the text as Python does: small numbers, no escaped surrogate to check, not too deep. It
 * takes a third of the time, or a sixth for 10 KB.
 */
function isOrdinary(text: string, { maxDepth, lenient, exactFloats }: JsonDialect): boolean {
  if (!lenient && ESCAPED_SURROGATE.test(text)) return false
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 0x22) {
      const end = stringEnd(text, at)
      if (end < 0) return false
      at = end - 1
    } else if (code === 0x5b || code === 0x7b) {
      depth += 1
      if (depth > maxDepth) return false
    } else if (code === 0x5d || code === 0x7d) depth -= 1
    else if (code === 0x2d || (code >= 0x30 && code <= 0x39)) {
      const start = at
      while (isNumeric(text.charCodeAt(at + 1))) at += 1
      if (at - start > 14) return false
      if (exactFloats && text.slice(start, at).includes('.')) return false
      if (code === 0x2d && at === start + 1 && text[at] === '0') return false
    } else if (code === 0x65 || code === 0x45) {
      // The end of `true` or `false`, or an exponent, which may take a float out of its range.
      const before = text.charCodeAt(at - 1)
      if (before !== 0x75 && before !== 0x73) return false
    }
  }
  return true
}

function isNumeric(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || code === 0x2e
}

const NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$/
const WORDS: ReadonlyMap<string, unknown> = new Map<string, unknown>(
  Object.entries({ null: null, true: true, false: false, NaN, Infinity, '-Infinity': -Infinity }),
)

class Parser {
  readonly text: string
  readonly dialect: JsonDialect
  at = 0

  constructor(text: string, dialect: JsonDialect) {
    this.text = text
    this.dialect = dialect
  }

  value(depth: number): unknown {
    this.at = skipSpace(this.text, this.at)
    const first = this.text[this.at]
    if (first === '"') return this.string()
    if (first === '[') return this.list(depth)
    if (first === '{') return this.object(depth)
    return this.scalar()
  }

  string(): string {
    const end = stringEnd(this.text, this.at)
    if (end < 0) throw damaged('a string in it does not end')
    const text = unquote(this.text.slice(this.at, end))
    this.at = end
    if (text === undefined) throw damaged('an escape in it is wrong')
    if (this.dialect.lenient || text.isWellFormed()) return text
    throw damaged('a string in it holds half of a surrogate pair')
  }

  scalar(): unknown {
    const end = valueEnd(this.text, this.at)
    const token = end < 0 ? '' : this.text.slice(this.at, end)
    this.at = end
    const { lenient, exactFloats } = this.dialect
    const word = WORDS.get(token)
    if (word !== undefined && (lenient || typeof word !== 'number')) return word
    if (!NUMBER.test(token)) throw damaged('it is not JSON')
    const value = Number(token)
    if (/[.eE]/.test(token)) {
      if (!lenient && !Number.isFinite(value)) throw damaged('a number in it is out of range')
      return exactFloats ? exactFloat(value) : value
    }
    if (Number.isSafeInteger(value)) return value === 0 ? 0 : value
    const digits = token.startsWith('-') ? token.length - 1 : token.length
    if (digits > MAX_DIGITS) throw damaged(`an integer in it is longer than ${MAX_DIGITS} digits`)
    return BigInt(token)
  }

  list(depth: number): unknown[] {
    const items: unknown[] = []
    if (this.opens(depth, ']')) return items
    do items.push(this.value(depth + 1))
    while (this.continues(']'))
    return items
  }

  object(depth: number): Record<string, unknown> {
    const object: Record<string, unknown> = {}
    if (this.opens(depth, '}')) return object
    do {
      this.at = skipSpace(this.text, this.at)
      if (this.text[this.at] !== '"') throw damaged('a key in it is missing')
      const key = this.string()
      this.at = skipSpace(this.text, this.at)
      if (this.text[this.at++] !== ':') throw damaged('a colon in it is missing')
      setOwn(object, key, this.value(depth + 1))
    } while (this.continues('}'))
    return object
  }

  /** Steps into a list or object. True when it is empty, and then steps over it. */
  opens(depth: number, close: string): boolean {
    if (depth === this.dialect.maxDepth) throw damaged('it nests too deep')
    this.at = skipSpace(this.text, this.at + 1)
    if (this.text[this.at] !== close) return false
    this.at += 1
    return true
  }

  /** Steps over a comma (true) or the closing bracket (false). */
  continues(close: string): boolean {
    this.at = skipSpace(this.text, this.at)
    const next = this.text[this.at++]
    if (next === ',') return true
    if (next === close) return false
    throw damaged('a comma or bracket in it is missing')
  }
}
