/**
 * The messages that a session keeps for the next page, in Flask's format: a list of (category, message).
 *
 * @module
 */

import { isDeepStrictEqual } from './values.ts'

/** A message for the next page. */
export interface Flash {
  readonly category: string
  readonly message: string
  /** The message is HTML that is known to be safe, as Flask's `Markup`. Absent: plain text, to be escaped. */
  readonly html?: true
}

/** Safe HTML as a value, such as `Markup` of `vial/serializers/python-values`. */
export interface SafeHtml {
  readonly html: string
}

/** A message as the record keeps it. */
type Kept = readonly [category: unknown, message: unknown]

/** The messages of an entry. What is not a list of pairs that a page can show counts as no message. */
export function messagesOf(value: unknown): Kept[] {
  return Array.isArray(value)
    ? value.filter(
        (item): item is [unknown, unknown] =>
          Array.isArray(item) && item.length === 2 && item.every(isShown),
      )
    : []
}

/** An object may hold a `toString` that is no function. */
function isShown(value: unknown): boolean {
  try {
    return String(value) !== undefined
  } catch {
    return false
  }
}

/** A kept message as a handler gets it. */
export function toFlash([category, message]: Kept): Flash {
  const { html } = Object(message) as Partial<SafeHtml>
  // A plain object comes from the program's own data and does not show that its HTML is safe.
  const isValue = Object.getPrototypeOf(Object(message)) !== Object.prototype
  return typeof html === 'string' && isValue
    ? { category: String(category), message: html, html: true }
    : { category: String(category), message: String(message) }
}

/** The list less one occurrence of each message that was shown. Undefined: nothing is left. */
export function without(
  kept: readonly Kept[],
  shown: readonly Kept[],
): readonly Kept[] | undefined {
  const left = [...kept]
  for (const item of shown) {
    const at = left.findIndex((other) => isDeepStrictEqual([...other], [...item]))
    if (at >= 0) left.splice(at, 1)
  }
  return left.length === 0 ? undefined : left
}
