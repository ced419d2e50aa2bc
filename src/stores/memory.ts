/**
 * Sessions in the memory of this process: for development, tests and programs of a single process. They end with the
 * process and no other process sees them. Bounded: records past their deadline go first, then the least recently used.
 *
 * @module
 */

import process from 'node:process'
import type { Store, StoredRecord } from '../core/store.ts'
import { ConfigError } from '../errors.ts'

export interface MemoryStoreOptions {
  /** How many records are kept; default 100,000. One more, and the least recently used has to go. */
  readonly maxSessions?: number
  /** Called after a live session had to make room, with how many had to so far. No id is told. */
  readonly onEvict?: (evicted: number) => void
  /** The clock, ms since the epoch. */
  readonly now?: () => number
}

/** A place in the ring of slots, in the order of their last use. */
interface Link {
  older: Link
  newer: Link
}

/** What is kept for one id. Each write makes a fresh `bytes`, so its identity is the version. */
interface Slot extends Link {
  readonly id: string
  bytes: Uint8Array
  expiresAt: number
}

/** An entry of the deadline queue: nothing happens to `slot` before `at`. */
interface Due {
  readonly at: number
  readonly slot: Slot
}

/** How many expired records one write clears away, so that none waits for a sweep and no write waits for all. */
const CLEARED_PER_WRITE = 8

let warnedOfProduction = false

/**
 * Keeps sessions in a bounded `Map`. Its writes clear expired records as they go; no timer runs.
 *
 * @throws {ConfigError} When `maxSessions` is not a positive whole number or `Infinity`.
 */
export function memoryStore(options: MemoryStoreOptions = {}): Store {
  const { maxSessions = 100_000, onEvict, now = Date.now } = options
  if (!(maxSessions >= 1 && (Number.isInteger(maxSessions) || maxSessions === Infinity))) {
    throw new ConfigError(
      `memoryStore: maxSessions is ${String(maxSessions)}. Give a whole number from 1.`,
    )
  }
  warnInProduction()

  const slots = new Map<string, Slot>()
  const ring = emptyRing()
  let queue: Due[] = []
  let evicted = 0

  function find(id: string): Slot | undefined {
    const slot = slots.get(id)
    if (slot === undefined) return undefined
    if (!(slot.expiresAt > now())) {
      remove(slot)
      return undefined
    }
    takeOut(slot)
    putBefore(ring, slot)
    return slot
  }

  function remove(slot: Slot): void {
    slots.delete(slot.id)
    takeOut(slot)
  }

  function schedule(slot: Slot): void {
    enqueue(queue, { at: slot.expiresAt, slot })
    // Deleted records leave their entries behind.
    if (queue.length > 2 * slots.size + 64) {
      queue = [...slots.values()]
        .map((kept) => ({ at: kept.expiresAt, slot: kept }))
        .sort((a, b) => a.at - b.at)
    }
  }

  function clear(limit: number): number {
    const time = now()
    let cleared = 0
    while (cleared < limit && queue[0] !== undefined && !(queue[0].at > time)) {
      const { slot } = dequeue(queue)
      if (slots.get(slot.id) !== slot) continue
      if (!(slot.expiresAt > time)) {
        remove(slot)
        cleared++
      } else {
        // Moving a deadline later costs nothing until the old one comes.
        enqueue(queue, { at: slot.expiresAt, slot })
      }
    }
    return cleared
  }

  function makeRoom(): void {
    clear(CLEARED_PER_WRITE)
    if (slots.size < maxSessions) return
    remove(ring.newer as Slot)
    evicted++
    if (evicted === 1) warnOfEviction(maxSessions)
    tell(onEvict, evicted)
  }

  function setDeadline(slot: Slot, expiresAt: number): void {
    const earlier = expiresAt < slot.expiresAt
    slot.expiresAt = expiresAt
    if (!(expiresAt > now())) remove(slot)
    else if (earlier) schedule(slot)
    clear(CLEARED_PER_WRITE)
  }

  return {
    name: 'memory',
    atomic: true,

    async read(id) {
      const slot = find(id)
      return slot && recordOf(slot)
    },

    async create(id, bytes, expiresAt) {
      if (find(id) !== undefined) return { kind: 'exists' }
      const slot: Slot = { id, bytes: copyOf(bytes), expiresAt, older: ring, newer: ring }
      if (expiresAt > now()) {
        makeRoom()
        slots.set(id, slot)
        putBefore(ring, slot)
        schedule(slot)
      }
      return { kind: 'created', version: slot.bytes }
    },

    async replace(id, bytes, expiresAt, version) {
      const slot = find(id)
      if (slot === undefined) return { kind: 'gone' }
      if (slot.bytes !== version) return { kind: 'conflict', current: recordOf(slot) }
      slot.bytes = copyOf(bytes)
      setDeadline(slot, expiresAt)
      return { kind: 'replaced', version: slot.bytes }
    },

    async touch(id, expiresAt) {
      const slot = find(id)
      if (slot !== undefined) setDeadline(slot, expiresAt)
      return slot !== undefined
    },

    async delete(id, version) {
      const slot = find(id)
      if (slot === undefined) return 'gone'
      if (version !== undefined && slot.bytes !== version) return 'conflict'
      remove(slot)
      return 'deleted'
    },

    async sweep({ limit = Infinity } = {}) {
      return clear(limit)
    },

    async *list() {
      // A copy, as an id that is ended and made again meanwhile would come twice.
      for (const slot of [...slots.values()]) {
        if (slots.get(slot.id) === slot && slot.expiresAt > now()) yield slot.id
      }
    },
  }
}

function recordOf(slot: Slot): StoredRecord {
  return { bytes: slot.bytes, version: slot.bytes, expiresAt: slot.expiresAt }
}

/** A copy also lets go of the larger buffer that a small slice would keep alive. */
function copyOf(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes)
}

/** A ring of no slots: from its one link, `newer` leads to the slot used longest ago. */
function emptyRing(): Link {
  const ring = {} as Link
  ring.older = ring
  ring.newer = ring
  return ring
}

function putBefore(ring: Link, slot: Slot): void {
  slot.older = ring.older
  slot.newer = ring
  ring.older.newer = slot
  ring.older = slot
}

function takeOut(slot: Slot): void {
  slot.older.newer = slot.newer
  slot.newer.older = slot.older
}

/** The queue is a binary heap: each entry is due no later than the two at 2i + 1 and 2i + 2. */
function enqueue(queue: Due[], due: Due): void {
  let place = queue.length
  queue.push(due)
  while (place > 0) {
    const above = (place - 1) >> 1
    const parent = queue[above] as Due
    if (parent.at <= due.at) break
    queue[place] = parent
    place = above
  }
  queue[place] = due
}

/** Takes the entry that is due first; the queue is not empty. */
function dequeue(queue: Due[]): Due {
  const first = queue[0] as Due
  const last = queue.pop() as Due
  if (queue.length === 0) return first
  let place = 0
  for (;;) {
    let below = 2 * place + 1
    if (below >= queue.length) break
    const right = queue[below + 1]
    if (right !== undefined && right.at < (queue[below] as Due).at) below++
    const child = queue[below] as Due
    if (child.at >= last.at) break
    queue[place] = child
    place = below
  }
  queue[place] = last
  return first
}

function tell(onEvict: MemoryStoreOptions['onEvict'], evicted: number): void {
  try {
    onEvict?.(evicted)
  } catch (error) {
    // The request that needed the room has nothing to do with it.
    process.emitWarning(error instanceof Error ? error : String(error))
  }
}

function warnOfEviction(maxSessions: number): void {
  process.emitWarning(
    `memoryStore: more than ${maxSessions} live sessions, so the least recently used ends early. Raise maxSessions or use a store outside the process.`,
    { code: 'VIAL_MEMORY_FULL' },
  )
}

function warnInProduction(): void {
  if (warnedOfProduction || process.env['NODE_ENV'] !== 'production') return
  warnedOfProduction = true
  process.emitWarning(
    'memoryStore: sessions end with this process and are not shared between processes. Use a store outside the process in production.',
    { code: 'VIAL_MEMORY_PRODUCTION' },
  )
}
