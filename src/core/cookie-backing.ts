/**
 * Sessions whose record travels in the cookie. Such a session cannot be ended before its time, and of two responses at
 * once the browser keeps the one that came last; use a store where that matters.
 *
 * @module
 */

import type { CookieWriter } from '../cookies/serialize.ts'
import type { Backing, Found } from './backing.ts'
import { type Commit, UNTOUCHED, withCookie, withRemoval } from './commit-headers.ts'
import type { Expiry } from './expiry.ts'
import { readMeta } from './record.ts'
import type { Rejection, Seal } from './seal.ts'
import type { Serializer } from './serializer.ts'
import type { Draft, Origin, SessionState } from './session-state.ts'

export interface CookieBackingConfig {
  readonly seal: Seal
  readonly serializer: Serializer
  readonly cookie: CookieWriter
  readonly expiry: Expiry
  readonly now: () => number
}

export class CookieBacking implements Backing {
  readonly #config: CookieBackingConfig

  constructor(config: CookieBackingConfig) {
    this.#config = config
  }

  find(values: readonly string[]): Found {
    let origin: Origin | undefined
    let reason: Rejection | undefined
    for (const text of values.length === 1 ? values : new Set(values)) {
      const opened = this.#open(text)
      if (typeof opened === 'string') reason ??= opened
      else if (origin !== undefined) return 'ambiguous'
      else origin = opened
    }
    return origin ?? reason ?? 'malformed'
  }

  commit(state: SessionState): Commit {
    const { cookie, now: clock } = this.#config
    const now = clock()
    const { origin } = state
    if (!state.modified) {
      return origin !== undefined && this.#due(state, origin, now)
        ? this.#seal(draft(state, now), now, 'touched')
        : UNTOUCHED
    }
    const made = draft(state, now)
    if (!made.empty) return this.#seal(made, now, 'saved')
    const hadCookie = origin !== undefined || state.ended !== undefined
    return hadCookie ? withRemoval('deleted', cookie) : UNTOUCHED
  }

  #due(state: SessionState, origin: Origin, now: number): boolean {
    const { expiry } = this.#config
    return expiry.moves && state.refreshes && expiry.due(state.meta, origin.expiresAt, now)
  }

  #open(text: string): Found {
    const { seal, serializer, cookie, expiry, now: clock } = this.#config
    const now = clock()
    const opened = seal.open(text, now, cookie.name)
    if (!opened.ok) return opened.reason
    const entries = serializer.split(opened.bytes)
    if (entries === undefined) return 'invalid'
    const meta = readMeta(entries, serializer)
    const { sealedAt } = opened
    const begun = meta.created === undefined ? { ...meta, created: sealedAt } : meta
    const expiresAt = expiry.end(begun, sealedAt ?? now)
    if (expiresAt <= now) return 'expired'
    return { credential: undefined, entries, meta, expiresAt, standing: 'current' }
  }

  #seal(made: Draft, now: number, outcome: 'saved' | 'touched'): Commit {
    const { seal, serializer, cookie, expiry } = this.#config
    const bytes = serializer.join(made.entries)
    const value = seal.seal(bytes, now, cookie.name)
    const expiresAt = expiry.end(made.meta, now)
    return withCookie(outcome, cookie, value, made.permanent ? { expiresAt, now } : undefined)
  }
}

/** The record to seal. Nothing else writes it, so it is drafted on what was read. */
function draft(state: SessionState, now: number): Draft {
  return state.draft(state.changes.base, { now }) as Draft
}
