/**
 * The keys of records: a program has a few dozen, and they come again with every record. So each is made into a string
 * once; what is met again is compared with its bytes, and neither decoded nor hashed anew.
 *
 * @module
 */

import { decodeUtf8 } from '../shared/utf8.ts'

/** Two keys that fall into one slot take turns in it. */
const SLOTS = 256
/** Longer ones are decoded each time. */
const LONGEST = 24

const seen: string[] = new Array(SLOTS).fill('')

/** The text of these bytes; undefined when they are not UTF-8. */
export function keyText(bytes: Uint8Array, start: number, end: number): string | undefined {
  const length = end - start
  if (length === 0 || length > LONGEST) return decodeUtf8(bytes, start, end)
  const first = bytes[start] as number
  const last = bytes[end - 1] as number
  const slot = (first * 31 + last * 7 + length * 17) & (SLOTS - 1)
  const known = seen[slot] as string
  if (known.length === length && isText(known, bytes, start)) return known
  const text = decodeUtf8(bytes, start, end)
  // One character a byte: then it is ASCII.
  if (text?.length === length) seen[slot] = text
  return text
}

/** Whether an ASCII text is these bytes. */
function isText(text: string, bytes: Uint8Array, start: number): boolean {
  for (let i = 0; i < text.length; i++) {
    if (bytes[start + i] !== text.charCodeAt(i)) return false
  }
  return true
}
