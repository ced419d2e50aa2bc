/**
 * Parses the `Cookie` request header as RFC 6265bis defines it and browsers send it.
 *
 * @module
 */

const SEMICOLON = 0x3b
const EQUALS = 0x3d
const SPACE = 0x20
const TAB = 0x09
const QUOTE = 0x22

/**
 * Returns the values of all cookies of exactly this name, in the order of the header. Names are case-sensitive; only
 * spaces and tabs around them are ignored. Double quotes around a value are removed, and empty values are left out. Takes
 * linear time and never throws.
 *
 * @param header Several header lines joined by `; `.
 */
export function cookieValues(header: string | null | undefined, name: string): string[] {
  const values: string[] = []
  if (header === null || header === undefined || name === '') return values
  let from = 0
  for (;;) {
    const at = header.indexOf(name, from)
    if (at === -1) return values
    const next = header.indexOf(';', at)
    const end = next === -1 ? header.length : next
    const equals = skipBlanks(header, at + name.length, end)
    if (header.charCodeAt(equals) === EQUALS && startsPair(header, at)) {
      const value = trimmed(header, equals + 1, end)
      if (value !== '') values.push(value)
    }
    // A match inside a pair is not its name: continue with the next pair.
    if (next === -1) return values
    from = next + 1
  }
}

/** Whether only blanks precede this position, back to the last semicolon. */
function startsPair(header: string, at: number): boolean {
  let before = at - 1
  while (before >= 0 && isBlank(header.charCodeAt(before))) before--
  return before < 0 || header.charCodeAt(before) === SEMICOLON
}

function trimmed(header: string, from: number, to: number): string {
  let start = skipBlanks(header, from, to)
  let end = to
  while (end > start && isBlank(header.charCodeAt(end - 1))) end--
  const quoted =
    end - start > 1 && header.charCodeAt(start) === QUOTE && header.charCodeAt(end - 1) === QUOTE
  if (quoted) {
    start++
    end--
  }
  return header.slice(start, end)
}

function skipBlanks(header: string, from: number, to: number): number {
  let at = from
  while (at < to && isBlank(header.charCodeAt(at))) at++
  return at
}

/** Space and tab only: `trim()` would cut U+00A0 and let another name pass for this one (CVE-2026-39410). */
function isBlank(code: number): boolean {
  return code === SPACE || code === TAB
}
