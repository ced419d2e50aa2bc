/**
 * The records that the near cache of the Redis store holds. An answer of the server is held when no change was reported
 * and no write of this process was on its way since the read asked for it.
 *
 * @module
 */

/** A record that is held. Its bytes are a copy that nothing else refers to. */
export interface NearEntry {
  readonly bytes: Uint8Array
  /** Ms since the epoch; undefined: it does not expire. */
  readonly expiresAt: number | undefined
}

interface Held extends NearEntry {
  /**
   * Read since it came, or since it was last kept. A mark is several times cheaper than moving the entry to the end of
   * the map with each read.
   */
  used: boolean
}

/** Reads of one id that are on their way, all asked since its last change. */
export interface Asking {
  readonly id: string
  readers: number
  /** False once the record has changed: the answer may be older than the change. */
  valid: boolean
}

export type NearEntries = ReturnType<typeof nearEntries>

/**
 * Makes an empty cache that holds nothing until `track(true)`. When there are too many records, those that were not read
 * lately are dropped.
 *
 * @param maxBytes The bytes of all records; a larger one is never held.
 */
export function nearEntries(maxEntries: number, maxBytes: number) {
  const entries = new Map<string, Held>()
  const asked = new Map<string, Asking>()
  /** The number of writes on their way, by id. */
  const writes = new Map<string, number>()
  let bytes = 0
  let tracked = false

  function remove(id: string): void {
    const entry = entries.get(id)
    if (entry === undefined) return
    entries.delete(id)
    bytes -= entry.bytes.length
  }

  function invalidate(asking: Asking): void {
    asking.valid = false
    if (asked.get(asking.id) === asking) asked.delete(asking.id)
  }

  /** Drops a record that has changed. Undefined: every record may have. */
  function change(id: string | undefined): void {
    if (id === undefined) {
      entries.clear()
      bytes = 0
      for (const asking of asked.values()) invalidate(asking)
      return
    }
    remove(id)
    const asking = asked.get(id)
    if (asking !== undefined) invalidate(asking)
  }

  function put(id: string, record: NearEntry): void {
    remove(id)
    const { length } = record.bytes
    if (length > maxBytes) return
    makeRoom(length)
    bytes += length
    // The client's array may be a small part of a large buffer.
    const copy = new Uint8Array(record.bytes)
    entries.set(id, { bytes: copy, expiresAt: record.expiresAt, used: false })
  }

  /** Second chance: drops the oldest entry, unless it was used, in which case it becomes the newest, once. */
  function makeRoom(length: number): void {
    for (const [id, entry] of entries) {
      if (entries.size < maxEntries && bytes + length <= maxBytes) return
      entries.delete(id)
      if (entry.used) {
        entry.used = false
        entries.set(id, entry)
      } else bytes -= entry.bytes.length
    }
  }

  return {
    change,

    /** The number of records. */
    get size(): number {
      return entries.size
    },

    /** Undefined: not held, or expired. */
    get(id: string, now: number): NearEntry | undefined {
      const entry = entries.get(id)
      if (entry === undefined) return undefined
      if (entry.expiresAt !== undefined && !(entry.expiresAt > now)) {
        remove(id)
        return undefined
      }
      entry.used = true
      return entry
    },

    /** Called before a read asks the server. Undefined: its answer must not be held. */
    ask(id: string): Asking | undefined {
      if (!tracked || writes.has(id)) return undefined
      const asking = asked.get(id) ?? { id, readers: 0, valid: true }
      asking.readers++
      asked.set(id, asking)
      return asking
    },

    /** Called once for each `ask`. Holds a copy of the record if it may; undefined: the record was not there. */
    answer(asking: Asking, record: NearEntry | undefined): void {
      asking.readers--
      if (!asking.valid) return
      if (asking.readers === 0) asked.delete(asking.id)
      if (record !== undefined) put(asking.id, record)
    },

    /** Called before a write of this process asks the server. Call the result when the write has settled in any way. */
    write(id: string): () => void {
      writes.set(id, (writes.get(id) ?? 0) + 1)
      change(id)
      return () => {
        const left = (writes.get(id) ?? 0) - 1
        if (left > 0) writes.set(id, left)
        else writes.delete(id)
      }
    },

    /** Switches holding on or off, and drops everything. */
    track(on: boolean): void {
      tracked = on
      change(undefined)
    },
  }
}
