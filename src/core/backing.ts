/**
 * The contract of a backing: where a session lives. With a store, the cookie holds a credential and the store the
 * record; without one, the cookie holds the record itself.
 *
 * @module
 */

import type { Commit } from './commit-headers.ts'
import type { Rejection } from './events.ts'
import type { Origin, SessionState } from './session-state.ts'
import type { MaybePromise } from './store.ts'

/** What a request's cookies led to: a record, or why none of them is honoured. */
export type Found = Origin | Rejection

export interface Backing {
  /**
   * Finds the record behind a cookie. What a visitor can send gives a rejection, never an error.
   *
   * @param values All values of the session's cookie, at least one.
   */
  find(values: readonly string[]): MaybePromise<Found>
  /** Ends a session's request: stores what changed and gives the headers. Synchronous when nothing is to be stored. */
  commit(state: SessionState): MaybePromise<Commit>
  /** Takes a key out of the record, for exactly one of many callers. Absent where nothing can decide which one that is. */
  claim?(state: SessionState, key: string): Promise<unknown>
}
