/**
 * Remembers which texts a seal has opened. Browsers send the same cookie again and again, and what it holds does not
 * change; whether its time has come does, and is not remembered.
 *
 * @module
 */

import { Buffer } from 'node:buffer'
import type { Opened } from '../core/seal.ts'

/** What one generation may take, in bytes; there are two. */
const MOST_BYTES = 2 * 2 ** 20
/** What is kept for a text besides the text and what it holds: the objects around them, in bytes. */
const AROUND = 400

/** Shares no memory with a header or with a pool, which it would keep. */
interface Known {
  readonly text: string
  readonly cookie: string
  readonly opened: Extract<Opened, { ok: true }>
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
  let bytes = 0

  function keep(known: Known): void {
    young.set(known.text, known)
    bytes += known.text.length + known.opened.bytes.length + AROUND
    if (bytes < MOST_BYTES) return
    old = young
    young = new Map()
    bytes = 0
  }

  return (text, cookie) => {
    const known = young.get(text)
    if (known?.cookie === cookie) return known.opened
    const older = old.get(text)
    if (older?.cookie === cookie) {
      old.delete(text)
      keep(older)
      return older.opened
    }
    const opened = open(text, cookie)
    if (opened.ok) {
      const copy = Buffer.from(text, 'latin1').toString('latin1')
      // A text of other characters would become another one.
      if (copy === text) {
        const own = Buffer.allocUnsafeSlow(opened.bytes.length)
        own.set(opened.bytes)
        keep({ text: copy, cookie, opened: { ...opened, bytes: own } })
      }
    }
    return opened
  }
}
