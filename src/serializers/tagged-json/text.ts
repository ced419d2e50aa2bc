/**
 * What writing and reading Flask's tagged JSON share: the tags, the order of keys and the escaping of text.
 * Source: `flask.json.tag` and `json.dumps(sort_keys=True, ensure_ascii=True)`.
 *
 * @module
 */

/** Keys that mark a dictionary of one key as another type. */
export const TAGS: ReadonlySet<string> = new Set([' di', ' t', ' b', ' m', ' u', ' d'])

const NOT_PRINTABLE_ASCII = /[\u007f-\uffff]/g

/** A JSON string of printable ASCII; half of a surrogate pair is escaped, not refused. */
export function quoteAscii(text: string): string {
  return JSON.stringify(text).replace(NOT_PRINTABLE_ASCII, escapeCodeUnit)
}

function escapeCodeUnit(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

/** An object of texts that are JSON already, its keys sorted, hidden behind `" di"` where it would look like a tag. */
export function writeDictionary(pairs: readonly (readonly [key: string, text: string])[]): string {
  const [first] = pairs
  if (pairs.length === 1 && first !== undefined && TAGS.has(first[0])) {
    return `{" di":{${quoteAscii(`${first[0]}__`)}:${first[1]}}}`
  }
  const sorted = [...pairs].sort(([a], [b]) => compareCodePoints(a, b))
  return `{${sorted.map(([key, text]) => `${quoteAscii(key)}:${text}`).join(',')}}`
}

/** The order of Python's strings; JavaScript's `<` puts what lies beyond U+FFFF before U+E000. */
export function compareCodePoints(a: string, b: string): number {
  let at = 0
  while (at < a.length && a[at] === b[at]) at += 1
  const splitsPair = isLow(a.charCodeAt(at)) || isLow(b.charCodeAt(at))
  if (at > 0 && splitsPair && isHigh(a.charCodeAt(at - 1))) at -= 1
  return (a.codePointAt(at) ?? -1) - (b.codePointAt(at) ?? -1)
}

function isHigh(code: number): boolean {
  return code >= 0xd800 && code <= 0xdbff
}

function isLow(code: number): boolean {
  return code >= 0xdc00 && code <= 0xdfff
}

/** `" t__"` back to `" t"`: without its last two code points, whatever they are, as Flask does. */
export function unescapeKey(key: string): string {
  return Array.from(key).slice(0, -2).join('')
}
