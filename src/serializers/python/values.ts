/**
 * Python values that JavaScript has no type for. Flask's cookie format tells `Markup` of MarkupSafe and `uuid.UUID` from
 * plain text; pickle knows them all.
 *
 * @module
 */

import { SerializationError } from '../../errors.ts'

export {
  ByteArray,
  Decimal,
  DefaultDict,
  Float,
  FrozenSet,
  OrderedDict,
} from './collections.ts'
export {
  type Fold,
  PlainDate,
  PlainDateTime,
  PlainTime,
  Timedelta,
  Timezone,
  ZonedDate,
} from './dates.ts'

/** HTML that is known to be safe, as MarkupSafe's `Markup`: a template does not escape it again. */
export class Markup {
  readonly html: string

  /** Throws {@link SerializationError} unless `html` is a string. */
  constructor(html: string) {
    if (typeof html !== 'string') {
      throw new SerializationError('Markup takes a string: pass the HTML as text.')
    }
    this.html = html
  }

  /** The HTML. */
  toString(): string {
    return this.html
  }

  /** The HTML, as in Flask's JSON answers. */
  toJSON(): string {
    return this.html
  }
}

const HEX = /^[0-9a-f]{32}$/i

/** A UUID of any version, as Python's `uuid.UUID`. */
export class Uuid {
  /** Lower case with dashes. */
  readonly text: string

  /**
   * Takes the forms that Python takes: with or without dashes, in braces, after `urn:uuid:`. Throws
   * {@link SerializationError} on any other.
   */
  constructor(text: string) {
    const hex = typeof text === 'string' ? bare(text) : ''
    if (!HEX.test(hex)) {
      throw new SerializationError(
        'Not a UUID: pass 32 hexadecimal digits, with or without dashes.',
      )
    }
    this.text = hex.toLowerCase().replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
  }

  /** The 32 digits in lower case, without dashes. */
  get hex(): string {
    return this.text.replaceAll('-', '')
  }

  /** Lower case with dashes. */
  toString(): string {
    return this.text
  }

  /** Lower case with dashes. */
  toJSON(): string {
    return this.text
  }
}

/** What Python takes away before it counts the digits, in its order. */
function bare(text: string): string {
  const inner = text.replaceAll('urn:', '').replaceAll('uuid:', '')
  let start = 0
  let end = inner.length
  while (start < end && isBrace(inner[start])) start += 1
  while (end > start && isBrace(inner[end - 1])) end -= 1
  return inner.slice(start, end).replaceAll('-', '')
}

function isBrace(character: string | undefined): boolean {
  return character === '{' || character === '}'
}
