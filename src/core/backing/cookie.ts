/**
 * Sessions whose record travels in the cookie. Such a session cannot be ended before its time, and of two responses at
 * once the browser keeps the one that came last; use a store where that matters.
 *
 * @module
 */

import type { CookieWriter } from '../../cookies/serialize.ts'
import { type Commit, type Sender, UNTOUCHED, withCookie, withRemoval } from '../commit-headers.ts'
import type { Rejection } from '../events.ts'
import type { Expiry } from '../expiry.ts'
import type { Draft, Origin } from '../origin.ts'
import { readMeta } from '../record.ts'
import type { Seal } from '../seal.ts'
import type { Backing, Found } from '../session-life-cycle.ts'
import type { SessionState } from '../session-state.ts'
import { candidatesOf, choose, type Identity } from './several.ts'

export interface CookieBackingConfig extends Identity {
  readonly seal: Seal
  /** The seal alone checks the age. Absent: the time of sealing counts as the last activity. */
  readonly agedBySeal?: boolean
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
    const { seal } = this.#config
    const [only] = values
    if (only !== undefined && values.length === 1) return this.#open(only)
    const candidates = candidatesOf(values, seal.shortest ?? 0, (text) => this.#open(text))
    const { found, reason, isMore } = candidates
    return choose(found, isMore, new Set(values).size, this.#config) ?? reason
  }

  commit(state: SessionState): Commit {
    const { cookie, expiry, now: clock } = this.#config
    const now = clock()
    const { origin } = state
    if (!state.modified) {
      return origin !== undefined && (state.cookies > 0 || state.isRefreshDue(expiry, now))
        ? this.resend(state)
        : UNTOUCHED
    }
    const draft = this.#draft(state, now)
    if (!draft.empty) return this.#seal(state.sender, draft, now, 'saved')
    return origin !== undefined || state.endsCookie
      ? withRemoval(state.sender, 'deleted', cookie)
      : UNTOUCHED
  }

  resend(state: SessionState): Commit {
    const now = this.#config.now()
    return this.#seal(state.sender, this.#draft(state, now), now, 'touched')
  }

  #open(text: string): Origin | Rejection {
    const { seal, agedBySeal, serializer, cookie, expiry, now: clock } = this.#config
    const now = clock()
    const opened = seal.open(text, now, cookie.name)
    if (!opened.ok) return opened.reason
    const entries = serializer.split(opened.bytes)
    if (entries === undefined) return 'invalid'
    const meta = readMeta(entries, serializer)
    const { sealedAt, keyIndex } = opened
    const lastAt = agedBySeal === true ? undefined : sealedAt
    const begun = meta.createdAt === undefined ? { ...meta, createdAt: lastAt } : meta
    const activeAt = lastAt ?? now
    if (expiry.end(begun, activeAt) <= now) return 'expired'
    const expiresAt = expiry.written(begun, activeAt)
    const standing = 'current'
    return { credential: undefined, entries, meta, expiresAt, sealedAt, keyIndex, standing }
  }

  /** The record to seal. Nothing else writes it, so it is drafted on what was read. */
  #draft(state: SessionState, now: number): Draft {
    return state.draft(state.changes.base, {
      now,
      expiry: this.#config.expiry,
      lists: false,
    }) as Draft
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
