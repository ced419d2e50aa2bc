/**
 * Sessions whose record travels in the cookie. Such a session cannot be ended before its time, and of two responses at
 * once the browser keeps the one that came last; use a store where that matters.
 *
 * @module
 */

import type { CookieWriter } from '../cookies/serialize.ts'
import { type Commit, type Sender, UNTOUCHED, withCookie, withRemoval } from './commit-headers.ts'
import type { Rejection } from './events.ts'
import type { Expiry } from './expiry.ts'
import { readMeta } from './record.ts'
import type { Seal } from './seal.ts'
import type { Serializer } from './serializer.ts'
import type { Draft, Origin, SessionState } from './session-state.ts'
import type { Backing, Found } from './sessions.ts'

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
    const { cookie, expiry, now: clock } = this.#config
    const now = clock()
    const { origin } = state
    if (!state.modified) {
      return origin !== undefined && state.isRefreshDue(expiry, now)
        ? this.#seal(state.sender, this.#draft(state, now), now, 'touched')
        : UNTOUCHED
    }
    const draft = this.#draft(state, now)
    if (!draft.empty) return this.#seal(state.sender, draft, now, 'saved')
    const hadCookie = origin !== undefined || state.ended !== undefined
    return hadCookie ? withRemoval(state.sender, 'deleted', cookie) : UNTOUCHED
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
    const begun = meta.createdAt === undefined ? { ...meta, createdAt: sealedAt } : meta
    const activeAt = sealedAt ?? now
    if (expiry.end(begun, activeAt) <= now) return 'expired'
    const expiresAt = expiry.written(begun, activeAt)
    return { credential: undefined, entries, meta, expiresAt, standing: 'current' }
  }

  /** The record to seal. Nothing else writes it, so it is drafted on what was read. */
  #draft(state: SessionState, now: number): Draft {
    return state.draft(state.changes.base, { now, expiry: this.#config.expiry }) as Draft
  }

  #seal(
    sender: Sender | undefined,
    draft: Draft,
    now: number,
    outcome: 'saved' | 'touched',
  ): Commit {
    const { seal, serializer, cookie, expiry } = this.#config
    const value = seal.seal(serializer.join(draft.entries), now, cookie.name)
    const expiresAt = expiry.end(draft.meta, now)
    const life = draft.permanent ? { expiresAt, now } : undefined
    return withCookie(sender, outcome, cookie, value, life)
  }
}
