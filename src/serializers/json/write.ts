/**
 * What writing JSON shares between its dialects.
 *
 * @module
 */

import { lengthOf, refuse, type ValuePath } from '../shared/path.ts'
import { MAX_DIGITS } from './parse.ts'

/** The digits of an integer. Throws {@link SerializationError} when Python would refuse to read them. */
export function writeBigint(value: bigint, path: ValuePath): string {
  const text = String(value)
  if (text.length - (value < 0n ? 1 : 0) > MAX_DIGITS) throw refuse(value, path)
  return text
}

/** A list; undefined in it, and a hole, is null. */
export function writeList(
  items: readonly unknown[],
  path: ValuePath,
  write: (item: unknown, path: ValuePath) => string,
): string {
  const parts: string[] = []
  const length = lengthOf(items, path)
  path.enter()
  for (let i = 0; i < length; i++) {
    path.at(i)
    const item = items[i]
    parts.push(item === undefined ? 'null' : write(item, path))
  }
  path.leave()
  return `[${parts.join(',')}]`
}
