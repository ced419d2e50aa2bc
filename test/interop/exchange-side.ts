/** This side of the exchange: sessions of the Flask profiles, and what they are made of. */

import * as fc from 'fast-check'
import type { Session, Sessions } from 'vial'
import { TooLargeError } from 'vial'
import { flaskCookie } from 'vial/compat/flask-cookie'
import { flaskSession } from 'vial/compat/flask-session'
import { Timestamp } from 'vial/serializers/msgpack'
import { memoryStore } from 'vial/stores/memory'
import { jsonValue, msgpackValue, sessionKey, taggedValue } from '../serializers/arbitraries.ts'
import { pickleValue } from '../serializers/pickle-arbitraries.ts'
import { canonical } from './canonical.ts'
import type { ExchangeFormat } from './exchange-peer.ts'

const SECRET = 'q8ZsXn3kLm0PvR7tYb2WcE5uHjKd9aGf'
/** As the record of every session is under its own id. */
const ID = 'K'.repeat(43)
const HOUR = 3_600_000

type Work = (session: Session) => void

/** Visits of a session; each resolves to the record that it leaves, as Python takes it. */
export interface Side {
  /** On what Python wrote. Undefined: a new session. */
  visit(record: string | undefined, work: Work): Promise<string>
  /** The canonical text of what Python wrote. */
  look(record: string): Promise<string>
}

export function sideOf(format: ExchangeFormat, exactFloats: boolean): Side {
  const visit = format === 'cookie' ? cookieVisit(exactFloats) : storedVisit(format, exactFloats)
  return {
    visit,
    async look(record) {
      let text = ''
      await visit(record, (session) => {
        text = textOf(session)
        // So that there is something to store.
        session.set('looked', true)
      })
      return text
    },
  }
}

/** The canonical text of the dictionary, without what belongs to the session itself. */
export function textOf(entries: Iterable<readonly [string, unknown]>): string {
  return canonical(new Map(entries))
}

function cookieVisit(exactFloats: boolean): Side['visit'] {
  const sessions = flaskCookie({ secret: SECRET, exactFloats })
  return async (record, work) =>
    cookieOf(await run(sessions, record === undefined ? undefined : `session=${record}`, work))
}

function storedVisit(
  format: Exclude<ExchangeFormat, 'cookie'>,
  exactFloats: boolean,
): Side['visit'] {
  return async (record, work) => {
    const store = memoryStore()
    const sessions = flaskSession({ store, format, permanent: false, exactFloats })
    if (record === undefined) {
      const id = cookieOf(await run(sessions, undefined, work))
      return hexOf((await store.read(`session:${id}`))?.bytes)
    }
    await store.create(`session:${ID}`, Buffer.from(record, 'hex'), Date.now() + HOUR)
    await run(sessions, `session=${ID}`, work)
    return hexOf((await store.read(`session:${ID}`))?.bytes)
  }
}

async function run(
  sessions: Sessions,
  cookie: string | undefined,
  work: Work,
): Promise<string | undefined> {
  const session = await sessions.load(cookie)
  if (cookie !== undefined && session.isNew) throw new Error('the record was turned away')
  work(session)
  const { headers } = await sessions.commit(session)
  return headers.find(([name]) => name === 'set-cookie')?.[1]
}

function cookieOf(line: string | undefined): string {
  const [, value] = /^session=([^;]+)/.exec(line ?? '') ?? []
  if (value === undefined) throw new Error('there is no cookie')
  return value
}

function hexOf(bytes: Uint8Array | undefined): string {
  if (bytes === undefined) throw new Error('there is no record')
  return Buffer.from(bytes).toString('hex')
}

const VALUES: Readonly<Record<ExchangeFormat, fc.Arbitrary<unknown>>> = {
  cookie: taggedValue,
  msgpack: msgpackValue,
  json: jsonValue,
  pickle: pickleValue,
}

/** Dictionaries for sessions that Python has the same values for. */
export function samples(
  format: ExchangeFormat,
  seed: number,
  count: number,
): readonly (readonly [string, unknown])[][] {
  const value = VALUES[format].filter((one) => !isOther(one))
  const entries = fc.uniqueArray(fc.tuple(sessionKey, value), {
    minLength: 1,
    maxLength: 5,
    selector: ([key]) => key,
  })
  return fc.sample(entries, { seed, numRuns: count })
}

/** Whether the session is one that no browser would keep. */
export function isTooLarge(error: unknown): boolean {
  return error instanceof TooLargeError
}

/** What Python has otherwise: years beyond 1 to 9999, nanoseconds, and keys that are equal there, such as True and 1. */
function isOther(value: unknown): boolean {
  if (value instanceof Timestamp && value.nanoseconds % 1000 !== 0) return true
  if (value instanceof Date) return value.getUTCFullYear() < 1 || value.getUTCFullYear() > 9999
  if (value instanceof Map) return hasEqualKeys(value) || [...value.values()].some(isOther)
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return false
  return Object.values(value).some(isOther)
}

function hasEqualKeys(map: Map<unknown, unknown>): boolean {
  const keys = [...map.keys()].map((key) => canonical(typeof key === 'boolean' ? Number(key) : key))
  return new Set(keys).size < keys.length
}
