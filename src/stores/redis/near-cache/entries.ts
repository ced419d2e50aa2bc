/**
 * The records that the near cache of the Redis store holds. An answer of the server is held when no change was reported
 * and no write of this process was on its way since the read asked for it.
 */

/** A record that is held. Its bytes are a copy that nothing else refers to. */
export interface NearEntry {
  readonly bytes: Uint8Array
  /** Ms since the epoch; undefined: it does not expire. */
  readonly expiresAt: number | undefined
}

/** The reads of one id that are on their way. A change of the record, or the first answer, makes the next read a new one. */
export interface Asking {
  readonly id: string
}

export type NearEntries = ReturnType<typeof nearEntries>

/**
 * Makes an empty cache that holds nothing until `track(true)`. When there are too many records, those that were not read
 * for longest are dropped.
 *
 * @param maxBytes The bytes of all records; a larger one is never held.
 */
export function nearEntries(maxEntries: number, maxBytes: number) {
  /** The one that was not read for longest comes first. */
  const entries = new Map<string, NearEntry>()
  const asked = new Map<string, Asking>()
  /** The number of writes on their way, by id. */
  const writes = new Map<string, number>()
  let bytes = 0
  let tracked = false

  function remove(id: string): void {
    bytes -= entries.get(id)?.bytes.length ?? 0
    entries.delete(id)
  }

  /** Drops a record that has changed, and the answers on their way. Undefined: every record may have changed. */
  function change(id: string | undefined): void {
    if (id === undefined) {
      entries.clear()
      asked.clear()
      bytes = 0
    } else {
      remove(id)
      asked.delete(id)
    }
  }

  function put(id: string, { bytes: found, expiresAt }: NearEntry): void {
    remove(id)
    if (found.length > maxBytes) return
    for (const oldest of entries.keys()) {
      if (entries.size < maxEntries && bytes + found.length <= maxBytes) break
      remove(oldest)
    }
    bytes += found.length
    // A copy, as the client's array may be a small part of a large buffer.
    entries.set(id, { bytes: new Uint8Array(found), expiresAt })
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
      entries.delete(id)
      entries.set(id, entry)
      return entry
    },

    /** Called before a read asks the server. Undefined: its answer must not be held. */
    ask(id: string): Asking | undefined {
      if (!tracked || writes.has(id)) return undefined
      const asking = asked.get(id) ?? { id }
      asked.set(id, asking)
      return asking
    },

    /** Called when a read that asked has settled. Holds a copy of the record if it may; undefined: there is none. */
    answer(asking: Asking, record: NearEntry | undefined): void {
      if (asked.get(asking.id) !== asking) return
      asked.delete(asking.id)
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
