/**
 * A cache of opened texts. Browsers send the same cookie with every request, and what it holds does not change, so it is
 * verified once. Whether the text has expired depends on the clock and is not cached.
 */

import { Buffer } from 'node:buffer'
import { clearTimeout, setTimeout } from 'node:timers'
import { isRequestBound } from '../core/runtime.ts'
import type { Opened } from '../core/seal.ts'
import { beforeSnapshot } from './nonce-pool.ts'

/** Bounds one generation, in bytes; there are two. */
const MAX_BYTES = 2 * 2 ** 20
/** Approximate size of the objects around one entry, in bytes. */
const ENTRY_OVERHEAD = 400
/** Age of a generation, in ms. An unused entry lives for one generation or two. */
const GENERATION = 30_000
/** Number of slots for texts that were opened once. */
const SLOTS = 2 ** 14
/** Number of characters at the end of a text that tell it apart: all seals end in a signature or a tag. */
const TAIL = 16

/** Bytes and text are copies, so that an entry does not keep a whole header or a pool alive. */
interface Entry {
  readonly text: string
  readonly cookie: string
  readonly opened: Extract<Opened, { ok: true }>
}

/** Opens a text. The result must depend on the arguments alone. */
export type OpenText = (text: string, cookie: string) => Opened

/**
 * Wraps `open` with a cache. It keeps a text that opened twice, up to 4 MB of them, and drops what was not used for a
 * minute. A text that did not open is never kept, so a stranger cannot fill the cache.
 *
 * On Cloudflare Workers it returns `open`: a timer ends with its request there, so nothing would drop old entries.
 *
 * @param schedule Calls `callback` once after `ms`, and gives a function that cancels the call. The default does not
 * keep the process alive.
 */
export function verifiedCache(
  open: OpenText,
  schedule: (callback: () => void, ms: number) => () => void = unreferencedTimer,
): OpenText {
  if (isRequestBound()) return open
  // Two generations replace an order of use: an entry that is used moves to the young one.
  let young = new Map<string, Entry>()
  let old = new Map<string, Entry>()
  let bytes = 0
  let openedOnce: Uint32Array | undefined
  let cancel: (() => void) | undefined

  function startGeneration(): void {
    old = young
    young = new Map()
    bytes = 0
  }

  function tick(): void {
    startGeneration()
    cancel = old.size > 0 ? schedule(tick, GENERATION) : undefined
  }

  function clear(): void {
    cancel?.()
    cancel = openedOnce = undefined
    startGeneration()
    startGeneration()
  }

  function keep(entry: Entry): void {
    young.set(entry.text, entry)
    cancel ??= schedule(tick, GENERATION)
    bytes += entry.text.length + entry.opened.bytes.length + ENTRY_OVERHEAD
    if (bytes >= MAX_BYTES) startGeneration()
  }

  /** Whether the text opened before, and notes that it did. A slot keeps a number that leads back to no text. */
  function isSecond(text: string): boolean {
    if (openedOnce === undefined) {
      openedOnce = new Uint32Array(SLOTS)
      beforeSnapshot(clear)
    }
    const number = tailNumber(text)
    const slot = number % SLOTS
    if (openedOnce[slot] === number) return true
    openedOnce[slot] = number
    return false
  }

  return (text, cookie) => {
    const entry = young.get(text)
    if (entry?.cookie === cookie) return entry.opened
    const older = old.get(text)
    if (older?.cookie === cookie) {
      old.delete(text)
      keep(older)
      return older.opened
    }
    const opened = open(text, cookie)
    if (!opened.ok || !isSecond(text)) return opened
    const copy = Buffer.from(text, 'latin1').toString('latin1')
    // Characters beyond Latin-1 would turn into others, so such a text is not kept.
    if (copy !== text) return opened
    const own = Buffer.allocUnsafeSlow(opened.bytes.length)
    own.set(opened.bytes)
    keep({ text: copy, cookie, opened: { ...opened, bytes: own } })
    return opened
  }
}

/** Maps the end of a text to 32 bits. Two texts with one number cost nothing but an early entry. */
function tailNumber(text: string): number {
  let number = 1
  for (let at = Math.max(0, text.length - TAIL); at < text.length; at++) {
    number = Math.imul(number, 31) + text.charCodeAt(at)
  }
  return number >>> 0
}

function unreferencedTimer(callback: () => void, ms: number): () => void {
  const timer = setTimeout(callback, ms)
  timer.unref()
  return () => clearTimeout(timer)
}
