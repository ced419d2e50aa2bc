/**
 * The records that the near cache of the Redis store holds, and what may be put there: never one that was asked for
 * before a change that is known by now, or while a write of this process is on its way.
 *
 * @module
 */

/** A record that is held. Its bytes are a copy that nobody else has. */
export interface NearEntry {
  readonly bytes: Uint8Array
  /** Ms since the epoch; undefined: it has no end. */
  readonly expiresAt: number | undefined
}

interface Held extends NearEntry {
  /** Read since it came, or was spared. Moving it to the end of the map with each read would cost several times as much. */
  used: boolean
}

/** Reads of one id that are on their way, all since its last change. */
export interface Asking {
  readonly id: string
  readers: number
  /** False once the record has changed: what was asked for may be older. */
  valid: boolean
}

/** Drops what was not used of late when there are too many. */
export interface NearEntries {
  /** How many there are. */
  readonly size: number
  /** Undefined: not held, or at its end. */
  get(id: string, now: number): NearEntry | undefined
  /** Comes before a read asks the server. Undefined: its answer is not to be held. */
  ask(id: string): Asking | undefined
  /** Comes once for each {@link ask} with the answer, of which a copy is held if it may be; undefined: nothing was there. */
  answer(asking: Asking, record: NearEntry | undefined): void
  /** Comes before a write of this process asks the server; call what it gives when the write has settled in any way. */
  write(id: string): () => void
  /** The record has changed, now or a while ago. Undefined: every record may have. */
  change(id: string | undefined): void
  /** Whether answers are held. Nothing is held before, nor after. */
  track(on: boolean): void
}

/**
 * Makes an empty one that holds nothing until it is told that changes are tracked.
 *
 * @param maxBytes Of the records; a larger one is never held.
 */
export function nearEntries(maxEntries: number, maxBytes: number): NearEntries {
  const entries = new Map<string, Held>()
  const asked = new Map<string, Asking>()
  /** How many writes of each id are on their way. */
  const writes = new Map<string, number>()
  let bytes = 0
  let tracked = false

  function remove(id: string): void {
    const entry = entries.get(id)
    if (entry === undefined) return
    entries.delete(id)
    bytes -= entry.bytes.length
  }

  function forget(asking: Asking): void {
    asking.valid = false
    if (asked.get(asking.id) === asking) asked.delete(asking.id)
  }

  function change(id: string | undefined): void {
    if (id === undefined) {
      entries.clear()
      bytes = 0
      for (const asking of asked.values()) forget(asking)
      return
    }
    remove(id)
    const asking = asked.get(id)
    if (asking !== undefined) forget(asking)
  }

  function put(id: string, record: NearEntry): void {
    remove(id)
    const { length } = record.bytes
    if (length > maxBytes) return
    makeRoom(length)
    bytes += length
    // The client's array may be a small part of a large one.
    const copy = new Uint8Array(record.bytes)
    entries.set(id, { bytes: copy, expiresAt: record.expiresAt, used: false })
  }

  /** Second chance: the oldest goes, but what was used since is made the newest, once. */
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
    get size() {
      return entries.size
    },

    get(id, now) {
      const entry = entries.get(id)
      if (entry === undefined) return undefined
      if (entry.expiresAt !== undefined && !(entry.expiresAt > now)) {
        remove(id)
        return undefined
      }
      entry.used = true
      return entry
    },

    ask(id) {
      if (!tracked || writes.has(id)) return undefined
      const asking = asked.get(id) ?? { id, readers: 0, valid: true }
      asking.readers++
      asked.set(id, asking)
      return asking
    },

    answer(asking, record) {
      asking.readers--
      if (!asking.valid) return
      if (asking.readers === 0) asked.delete(asking.id)
      if (record !== undefined) put(asking.id, record)
    },

    write(id) {
      writes.set(id, (writes.get(id) ?? 0) + 1)
      change(id)
      return () => {
        const left = (writes.get(id) ?? 0) - 1
        if (left > 0) writes.set(id, left)
        else writes.delete(id)
      }
    },

    change,

    track(on) {
      tracked = on
      change(undefined)
    },
  }
}
