/**
 * Remembers which texts a seal has opened. Browsers send the same cookie again and again, and what it holds does not
 * change; whether its time has come does, and is not remembered.
 *
 * @module
 */

import { Buffer } from 'node:buffer'
import type { Opened } from '../core/seal.ts'

/** What one generation holds, in characters of sealed text; together they take about 4 MB. */
const MOST_CHARACTERS = 2 ** 20

interface Known {
  readonly cookie: string
  readonly opened: Opened
}

/**
 * Gives a function that opens each text once, as long as it is among those that were used last. Only what was sealed
 * with a key of ours is kept, so a stranger cannot fill it.
 *
 * @param open Must depend on nothing but its arguments.
 */
export function openedBefore(
  open: (text: string, cookie: string) => Opened,
): (text: string, cookie: string) => Opened {
  // Two generations instead of an order of use: whatever was not asked for during a whole one is forgotten.
  let young = new Map<string, Known>()
  let old = new Map<string, Known>()
  let characters = 0

  function keep(text: string, known: Known): void {
    young.set(text, known)
    characters += text.length
    if (characters < MOST_CHARACTERS) return
    old = young
    young = new Map()
    characters = 0
  }

  return (text, cookie) => {
    const known = young.get(text)
    if (known?.cookie === cookie) return known.opened
    const older = old.get(text)
    if (older?.cookie === cookie) {
      keep(text, older)
      old.delete(text)
      return older.opened
    }
    const opened = open(text, cookie)
    if (opened.ok) {
      // A copy: the text is most often a part of a header, which it would keep in memory.
      const copy = Buffer.from(text, 'latin1').toString('latin1')
      if (copy === text) keep(copy, { cookie, opened })
    }
    return opened
  }
}
