/** A store in memory that shows its records, and browsers on Flask-Session's sessions in it. */

import type { Store, StoredSession } from 'vial'
import { type FlaskSessionOptions, flaskSession } from 'vial/compat/flask-session'
import { Browser, Clock, countingStore } from '../core/requests.ts'

export const HOUR = 3_600_000
export const SID = 'Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MGFiY2RlZmdoaWo'
/** The key of that session's record, and the cookie that opens it. */
export const KEY: string = `session:${SID}`
export const COOKIE: string = `session=${SID}`

/** A record, and when it ends. */
export interface Shown {
  readonly hex: string
  readonly left: number
}

export class Site {
  readonly clock: Clock = new Clock()
  readonly store: ReturnType<typeof countingStore> = countingStore(this.clock)

  sessions(options: Partial<FlaskSessionOptions> = {}) {
    return flaskSession({ store: this.store, now: this.clock.now, ...options })
  }

  browser(options: Partial<FlaskSessionOptions> = {}, cookie?: string) {
    return new Browser(this.sessions(options), cookie)
  }

  /** Puts a record there, as Flask would. */
  async put(key: string, record: string | Uint8Array, left: number = HOUR): Promise<void> {
    const bytes = typeof record === 'string' ? Buffer.from(record, 'hex') : record
    await this.store.delete(key)
    await this.store.create(key, bytes, this.clock.at + left)
    this.store.calls.length = 0
  }

  async shown(key: string): Promise<Shown | undefined> {
    const found = await (this.store as Store).read(key, { expiry: true })
    this.store.calls.pop()
    if (found === undefined) return undefined
    const hex = Buffer.from(found.bytes).toString('hex')
    return { hex, left: (found.expiresAt ?? 0) - this.clock.at }
  }

  async hex(key: string): Promise<string | undefined> {
    return (await this.shown(key))?.hex
  }

  /** The record of {@link KEY}; empty when there is none. */
  async bytes(): Promise<Buffer> {
    return Buffer.from((await this.hex(KEY)) ?? '', 'hex')
  }

  /** Puts a record at {@link KEY} and returns what a request makes of it. */
  async kept(
    record: Uint8Array,
    work: (session: StoredSession) => unknown,
    options: Partial<FlaskSessionOptions> = {},
  ): Promise<Buffer> {
    await this.put(KEY, record)
    await this.browser(options, COOKIE).visit(work)
    return this.bytes()
  }
}

/** The id in a cookie. */
export function idOf(cookie: string | undefined): string {
  return (cookie ?? '').replace(/^[^=]+=/, '').split('.')[0] as string
}
