/**
 * Takes one key out of a record, for exactly one of many callers: the replace that follows decides.
 *
 * @module
 */

import { decodeOf } from '../changes.ts'
import type { Draft } from '../origin.ts'
import { readMeta } from '../record.ts'
import type { Entries } from '../serializer.ts'
import type { SessionState } from '../session-state.ts'

export class Claim {
  readonly #state: SessionState
  readonly #key: string
  /** What the last draft takes. */
  value: unknown
  /** Whether that leaves a record without content. */
  isLeftEmpty = false

  constructor(state: SessionState, key: string) {
    this.#state = state
    this.#key = key
  }

  readonly draft = (onto: Entries): Draft | 'gone' | 'untouched' => {
    const state = this.#state
    const meta = readMeta(onto, state.serializer)
    if (!state.isStill(meta)) return 'gone'
    const entry = onto.get(this.#key)
    if (entry === undefined) return 'untouched'
    this.value = decodeOf(state.serializer, this.#key, entry)
    const entries = new Map(onto)
    entries.delete(this.#key)
    this.isLeftEmpty = state.isEmpty(entries, meta)
    // The record stays for this request's own writes even when it is empty; the commit removes it then.
    return { entries, reports: [], meta, before: meta, empty: false, permanent: false }
  }
}
