/**
 * The contract of a backing: where a session lives. Stored: the id is in the cookie, the record in a store. Sealed: the
 * record itself is in the cookie.
 *
 * @module
 */

import type { MaybePromise } from './maybe-promise.ts'
import type { Commit } from './scope.ts'
import type { Rejection } from './seal.ts'
import type { Origin, Work } from './session-state.ts'

/** What a request's cookies led to: a record, or why none of them is honoured. */
export type Found = Origin | Rejection

export interface Backing {
  /**
   * Finds the record behind a cookie. What a visitor can send gives a rejection, never an error.
   *
   * @param values All values of the session's cookie, at least one.
   */
  find(values: readonly string[]): MaybePromise<Found>
  /** Brings a session to its end: stores what changed and tells the headers. Synchronous when nothing is to be stored. */
  commit(work: Work): MaybePromise<Commit>
  /** Takes a key out of the record, for exactly one of many callers. Absent where nothing can decide who that is. */
  claim?(work: Work, key: string): Promise<unknown>
}
