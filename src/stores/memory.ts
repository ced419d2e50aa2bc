/**
 * Sessions in the memory of this process: for development, tests and programs of a single process. They end with the
 * process and no other process sees them. Bounded: records past their deadline go first, then the least recently used.
 *
 * @module
 */

import { Buffer } from 'node:buffer'
import type { Store, StoredRecord } from '../core/store.ts'
import { ConfigError } from '../errors.ts'
import { Deadlines } from './memory-deadlines.ts'
import { UseOrder } from './memory-order.ts'

export interface MemoryStoreOptions {
  /** How many records are kept; default 100,000. One more, and the least recently used has to go. */
  readonly maxSessions?: number
  /** Called after a live session had to make room, with how many had to so far. No id is told. */
  readonly onEvict?: (evicted: number) => void
  /** The clock, ms since the epoch. */
  readonly now?: () => number
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

  // A record has a place, a number from 1, in each of these. An object of its own would take as much as its content.
  const places = new Map<string, number>()
  const ids: string[] = ['']
  const contents: Content[] = ['']
  const versions: number[] = [0]
  const free: number[] = []
  const deadlines = new Deadlines()
  const uses = new UseOrder()
  let writes = 0
  let evicted = 0

  function find(id: string): number | undefined {
    const place = places.get(id)
    if (place === undefined) return undefined
    if (!(deadlines.of(place) > now())) {
      remove(place)
      return undefined
    }
    uses.use(place)
    return place
  }

  function add(id: string, bytes: Uint8Array, expiresAt: number): number {
    const place = free.pop() ?? ids.length
    places.set(id, place)
    ids[place] = id
    deadlines.add(place, expiresAt)
    uses.add(place)
    return write(place, bytes)
  }

  /** Returns the version: the number of the write. */
  function write(place: number, bytes: Uint8Array): number {
    contents[place] = contentOf(bytes)
    writes++
    versions[place] = writes
    return writes
  }

  function remove(place: number): void {
    places.delete(ids[place] as string)
    ids[place] = ''
    contents[place] = ''
    deadlines.remove(place)
    uses.remove(place)
    free.push(place)
  }

  function clear(limit: number): number {
    const time = now()
    let cleared = 0
    for (; cleared < limit; cleared++) {
      const { first } = deadlines
      if (first === undefined || deadlines.of(first) > time) break
      remove(first)
    }
    return cleared
  }

  function makeRoom(): void {
    clear(CLEARED_PER_WRITE)
    if (places.size < maxSessions) return
    remove(uses.oldest)
    evicted++
    if (evicted === 1) warnOfEviction(maxSessions)
    tell(onEvict, evicted)
  }

  function setDeadline(place: number, expiresAt: number): void {
    if (expiresAt > now()) deadlines.move(place, expiresAt)
    else remove(place)
    clear(CLEARED_PER_WRITE)
  }

  function recordAt(place: number): StoredRecord {
    const bytes = bytesOf(contents[place] as Content)
    return { bytes, version: versions[place], expiresAt: deadlines.of(place) }
  }

  return {
    name: 'memory',
    atomic: true,

    read(id) {
      const place = find(id)
      return place === undefined ? undefined : recordAt(place)
    },

    create(id, bytes, expiresAt) {
      if (find(id) !== undefined) return { kind: 'exists' }
      if (!(expiresAt > now())) return { kind: 'created' }
      makeRoom()
      return { kind: 'created', version: add(id, bytes, expiresAt) }
    },

    replace(id, bytes, expiresAt, version) {
      const place = find(id)
      if (place === undefined) return { kind: 'gone' }
      if (versions[place] !== version) return { kind: 'conflict', current: recordAt(place) }
      const written = write(place, bytes)
      setDeadline(place, expiresAt)
      return { kind: 'replaced', version: written }
    },

    touch(id, expiresAt, version) {
      const place = find(id)
      if (place === undefined) return 'gone'
      if (versions[place] !== version) return 'conflict'
      setDeadline(place, expiresAt)
      return 'touched'
    },

    delete(id, version) {
      const place = find(id)
      if (place === undefined) return 'gone'
      if (version !== undefined && versions[place] !== version) return 'conflict'
      remove(place)
      return 'deleted'
    },

    async sweep({ limit = Infinity } = {}) {
      return clear(limit)
    },

    async *list() {
      // A copy, as an id that is ended and made again meanwhile would come twice.
      for (const id of [...places.keys()]) {
        const place = places.get(id)
        if (place !== undefined && deadlines.of(place) > now()) yield id
      }
    },
  }
}

/**
 * Most records as a string of one character a byte: 16 bytes besides its own, where a Uint8Array and its buffer take
 * 300. Large ones as they are, so that a read copies none of them.
 */
type Content = string | Uint8Array

const LONGEST_STRING = 1_024

/** Always a copy: a small slice would keep its larger buffer alive. */
function contentOf(bytes: Uint8Array): Content {
  if (bytes.length > LONGEST_STRING) return new Uint8Array(bytes)
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}

function bytesOf(content: Content): Uint8Array {
  if (typeof content !== 'string') return content
  // Not a Buffer, whose slices behave otherwise; but of its pool, as small allocations are dear.
  const { buffer, byteOffset, length } = Buffer.from(content, 'latin1')
  return new Uint8Array(buffer, byteOffset, length)
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
