/**
 * When a session ends: pure functions of the clock. All times are ms since the epoch, all lengths ms.
 *
 * @module
 */

import type { Meta } from './record.ts'

const LONGEST_WINDOW = 60_000
const WINDOW_SHARE = 0.05

/** How far the clocks of two machines may be apart before a record counts as expired. */
const CLOCK_TOLERANCE = 60_000

/** What a handler asked for its session alone, in ms. An absent field stays as it is. */
export interface OwnLife {
  readonly lifetime?: number | undefined
  readonly idle?: number | undefined
}

/**
 * A session lives at most `lifetime`, whatever happens, and at most `idle` after its last request. A record may have a
 * life of its own instead.
 */
export class Expiry {
  readonly lifetime: number
  readonly idle: number | undefined
  /**
   * The coalescing window: `expiresAt` is moved only when that gains at least this much, so that reading writes at most
   * once in 60 s or 5 % of `idle`, whichever is longer, and at least four times in `idle`. A session may therefore end
   * up to one window early; late it ends by no more than the grain of its store.
   */
  readonly #window: number

  /** @param window In place of that one: 0 moves `expiresAt` on each request, Infinity never without a change. */
  constructor(lifetime: number, idle: number | undefined, window?: number) {
    this.lifetime = lifetime
    this.idle = idle
    this.#window = window ?? windowOf(idle)
  }

  /** Whether activity moves the end of a session. */
  slides(meta: Meta): boolean {
    return this.#idleOf(meta) !== undefined
  }

  /** Whether a request that changes nothing ever moves `expiresAt`. */
  moves(meta: Meta): boolean {
    return this.slides(meta) && this.#windowOf(meta) < Number.POSITIVE_INFINITY
  }

  /** Whether the record's `expiresAt` is worth asking the store for. */
  get compares(): boolean {
    return this.#window > 0 && this.#window < Number.POSITIVE_INFINITY
  }

  /** The absolute end: a lifetime after the last login, or after the beginning. Undefined: neither is known. */
  until(meta: Meta): number | undefined {
    if (meta.own && meta.until !== undefined) return meta.until
    const began = beginning(meta)
    return began === undefined ? undefined : began + this.lifetime
  }

  /** The record's fields with what a write notes of its life. `asked`: what this request wants for it alone. */
  noted(meta: Meta, asked: OwnLife | undefined, now: number): Meta {
    const lifetime = asked?.lifetime
    return {
      ...meta,
      until: lifetime === undefined ? this.until(meta) : (beginning(meta) ?? now) + lifetime,
      idle: asked?.idle ?? this.#idleOf(meta),
      own: asked === undefined ? meta.own : true,
    }
  }

  /** The end of a session that was last active at `activeAt`. An unknown beginning counts as then. */
  end(meta: Meta, activeAt: number): number {
    return earlier(this.until(meta) ?? activeAt + this.lifetime, this.#idleOf(meta), activeAt)
  }

  /** The end of a record that was last written at `writtenAt`, under the configuration that wrote it. */
  written(meta: Meta, writtenAt: number): number {
    return meta.until === undefined
      ? this.end(meta, writtenAt)
      : earlier(meta.until, meta.idle, writtenAt)
  }

  /**
   * The end that a write gives to a record. A live session's end never moves earlier, as the clock of this machine may
   * be behind, unless the record was written under another `lifetime` or `idle` than today's, or this write changes its
   * own.
   *
   * @param before What the record said before this write.
   * @param current When it ended before. Undefined: not known.
   */
  moved(meta: Meta, before: Meta, current: number | undefined, activeAt: number): number {
    const end = this.end(meta, activeAt)
    if (current === undefined || current <= end || !this.#keeps(meta, before)) return end
    return Math.min(current, this.until(meta) ?? current)
  }

  /**
   * When a session was last active, as exact as its end was moved. Undefined: activity does not move it, or the end is not
   * known.
   */
  seen(meta: Meta, expiresAt: number | undefined): number | undefined {
    const idle = this.#idleOf(meta)
    return idle === undefined || expiresAt === undefined ? undefined : expiresAt - idle
  }

  /** Whether the lifetime is over. */
  outlived(meta: Meta, now: number): boolean {
    return (this.until(meta) ?? Number.POSITIVE_INFINITY) <= now
  }

  /** Whether a record has ended although its store still has it, or has it again. Undefined: not known. */
  passed(expiresAt: number | undefined, now: number): boolean {
    return expiresAt !== undefined && expiresAt + CLOCK_TOLERANCE <= now
  }

  /** Whether the record's `expiresAt` is worth moving; an unknown one is. */
  due(meta: Meta, expiresAt: number | undefined, now: number): boolean {
    if (!this.moves(meta)) return false
    const window = this.#windowOf(meta)
    if (expiresAt === undefined || window === 0) return true
    // Also when it lies too late: a record from before `idle` was configured.
    return Math.abs(this.moved(meta, meta, expiresAt, now) - expiresAt) >= window
  }

  /** Whether a record was last written under the lengths that hold for it now. */
  #keeps(meta: Meta, before: Meta): boolean {
    const lifetime = lifetimeOf(before, before.until)
    return (
      lifetime !== undefined &&
      lifetime === lifetimeOf(meta, this.until(meta)) &&
      before.idle === this.#idleOf(meta)
    )
  }

  #idleOf({ own, idle }: Meta): number | undefined {
    return own ? idle : this.idle
  }

  #windowOf({ own, idle }: Meta): number {
    return own ? windowOf(idle) : this.#window
  }
}

/** When the lifetime began. Undefined: not known. */
function beginning({ loggedInAt, createdAt }: Meta): number | undefined {
  return loggedInAt ?? createdAt
}

/** From the beginning to an absolute end. Undefined: one of them is not known. */
function lifetimeOf(meta: Meta, until: number | undefined): number | undefined {
  const began = beginning(meta)
  return began === undefined || until === undefined ? undefined : until - began
}

/** The life that a record has of its own, in ms. Empty: as configured. */
export function ownLife(meta: Meta): OwnLife {
  return meta.own ? { lifetime: lifetimeOf(meta, meta.until), idle: meta.idle } : {}
}

function windowOf(idle: number | undefined): number {
  if (idle === undefined) return 0
  return Math.min(Math.max(LONGEST_WINDOW, idle * WINDOW_SHARE), idle / 4)
}

function earlier(until: number, idle: number | undefined, activeAt: number): number {
  return idle === undefined ? until : Math.min(until, activeAt + idle)
}
