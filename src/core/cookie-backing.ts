/**
 * Sealed sessions: the record travels in the cookie. Such a session cannot be ended before its time, and of two
 * responses at once the browser keeps the one that came last; use a store where that matters.
 *
 * @module
 */

import type { CookieWriter } from '../cookies/serialize.ts'
import type { Backing, Found } from './backing.ts'
import { UNTOUCHED, withCookie, withRemoval } from './commit-headers.ts'
import type { Expiry } from './expiry.ts'
import { isPermanent, readMeta } from './record.ts'
import type { Commit } from './scope.ts'
import type { Rejection, Seal } from './seal.ts'
import type { Serializer } from './serializer.ts'
import type { Draft, Origin, Work } from './session-state.ts'

export interface SealedConfig {
  readonly seal: Seal
  readonly serializer: Serializer
  readonly cookie: CookieWriter
  readonly expiry: Expiry
  readonly now: () => number
}

export class SealedBacking implements Backing {
  readonly #config: SealedConfig

  constructor(config: SealedConfig) {
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

  commit(work: Work): Commit {
    const { cookie, now: clock } = this.#config
    const now = clock()
    const { origin } = work
    if (!work.modified) {
      return origin !== undefined && this.#due(work, origin, now)
        ? this.#seal(work, work.draft(origin.entries, now), now, 'touched')
        : UNTOUCHED
    }
    const draft = work.draft(work.changes.base, now)
    if (!draft.empty) return this.#seal(work, draft, now, 'saved')
    const had = origin !== undefined || work.ended.length > 0
    return had ? withRemoval('deleted', cookie) : UNTOUCHED
  }

  #due(work: Work, origin: Origin, now: number): boolean {
    const { expiry } = this.#config
    return expiry.moves && work.refreshes && expiry.due(origin.expiresAt, work.meta.createdAt, now)
  }

  #open(text: string): Found {
    const { seal, serializer, cookie, expiry, now: clock } = this.#config
    const now = clock()
    const opened = seal.open(text, now, cookie.name)
    if (!opened.ok) return opened.reason
    const entries = serializer.split(opened.bytes)
    if (entries === undefined) return 'invalid'
    const meta = readMeta(entries, serializer)
    const { createdAt } = meta
    const expiresAt = expiry.deadline(createdAt ?? opened.sealedAt, opened.sealedAt ?? now)
    return expiresAt <= now ? 'expired' : { id: '', key: '', entries, meta, expiresAt }
  }

  #seal(work: Work, draft: Draft, now: number, outcome: 'saved' | 'touched'): Commit {
    const { seal, serializer, cookie, expiry } = this.#config
    const bytes = serializer.join(draft.entries)
    const value = seal.seal(bytes, now, cookie.name)
    const permanent = isPermanent(draft.entries, work.serializer)
    const expiresAt = expiry.deadline(draft.meta.createdAt, now)
    return withCookie(outcome, cookie, value, permanent ? { expiresAt, now } : undefined)
  }
}
