/**
 * The messages that a session keeps for the next page, in Flask's format: a list of (category, message).
 *
 * @module
 */

import { isSafeHtml, pythonText } from './python.ts'
import { isDeepStrictEqual } from './values.ts'

/** A message for the next page. */
export interface Flash {
  readonly category: string
  /** The text. Of a value that is none, such as a form's errors in Flask, it is what Python's `str()` shows. */
  readonly message: string
  /** The value of which `message` is the text. Absent: it is the text itself. */
  readonly value?: unknown
  /** The message is HTML that is known to be safe, as Flask's `Markup`. Absent: plain text, to be escaped. */
  readonly html?: true
}

/** A message as the record keeps it. */
type Kept = readonly [category: unknown, message: unknown]

/** The messages of an entry. What is not a list of pairs counts as no message. */
export function messagesOf(value: unknown): Kept[] {
  const isKept = (item: unknown): item is Kept => Array.isArray(item) && item.length === 2
  return Array.isArray(value) ? value.filter(isKept) : []
}

/**
 * A kept message as a handler gets it.
 *
 * @param exact The same message, decoded so that whole floats are a `Float`.
 */
export function toFlash(kept: Kept, exact: Kept): Flash {
  const category = pythonText(exact[0])
  const [, value] = kept
  if (typeof value === 'string') return { category, message: value }
  if (isSafeHtml(value)) return { category, message: value.html, html: true }
  return { category, message: pythonText(exact[1]), value }
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
