/**
 * HTML by template: everything that is put into it is escaped, unless it came out of such a template itself.
 *
 * @module
 */

const ESCAPES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** A piece of HTML. It is a class, because data that a visitor sent can never be an instance of it. */
export class Html {
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  toString(): string {
    return this.#text
  }
}

/** What a template takes; `undefined` and `false` give nothing. */
export type Piece = Html | string | number | undefined | false | readonly Piece[]

/** Makes HTML. Attribute values have to stand in double quotes. */
export function html(texts: TemplateStringsArray, ...pieces: Piece[]): Html {
  return new Html(String.raw({ raw: texts }, ...pieces.map(textOf)))
}

function textOf(piece: Piece): string {
  if (piece instanceof Html) return piece.toString()
  if (piece === undefined || piece === false) return ''
  if (typeof piece === 'object') return piece.map(textOf).join('')
  return String(piece).replace(/[&<>"']/g, (character) => ESCAPES[character] ?? '')
}
