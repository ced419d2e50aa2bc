/** Every recorded request to Flask-Session on Redis, made to `flaskSession` over a real server and a real Redis. */

import { randomUUID } from 'node:crypto'
import process from 'node:process'
import { createClient, RESP_TYPES } from 'redis'
import { ConfigError, type Session, type Sessions } from 'vial'
import { type FlaskSessionOptions, flaskSession } from 'vial/compat/flask-session'
import { redisStore } from 'vial/stores/redis'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { service } from '../support/services.ts'
import { type Otherwise, SESSION_DIFFERENCES } from './flask-differences.ts'
import { type Kept, type StoredCase, session } from './flask-recordings.ts'
import { optionsOf, replay } from './flask-replay.ts'

const server = service('redis')
/** As in the recording: what everything has left to live before a request, in s. */
const BEFORE = 1000
const PREFIX = `vial-test-${randomUUID()}:`
const client = createClient({
  url: 'url' in server ? server.url : 'redis://127.0.0.1:1',
  disableOfflineQueue: true,
})
const bytes = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer })

beforeAll(async () => {
  vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  if ('url' in server) await client.connect()
})
afterAll(async () => {
  if (!('url' in server)) return
  for (const key of await client.keys(`${PREFIX}*`)) await client.del(key)
  client.destroy()
})

type Content = Record<string, Kept>

async function content(): Promise<Content> {
  const found: Content = {}
  for (const key of await client.keys(`${PREFIX}*`)) {
    const left = await client.pTTL(key)
    const value = (await bytes.get(key)) as Buffer | null
    const ttl = left > 2_000 ? Math.ceil(left / 10_000) * 10 : 1
    if (value !== null) found[key.slice(PREFIX.length)] = { hex: value.toString('hex'), ttl }
  }
  return found
}

/** What was written, or got another deadline; null: what is gone. */
function changes(before: Content, after: Content): Content {
  const changed: Content = {}
  for (const [key, kept] of Object.entries(after)) {
    if (JSON.stringify(kept) !== JSON.stringify(before[key])) changed[key] = kept
  }
  for (const key of Object.keys(before)) if (!(key in after)) changed[key] = null
  return changed
}

function sessionsOf(one: StoredCase): Sessions {
  const { keyPrefix = 'session:', ...options } = optionsOf(one) as Partial<FlaskSessionOptions>
  // The id that Flask-Session gave in this case.
  const id = one.set_cookie[0]?.split(/[=.;]/)[1] ?? ''
  const signed = one.config['SESSION_USE_SIGNER'] === true
  return flaskSession({
    ...options,
    store: redisStore(client, { prefix: '', ...(options.now && { now: options.now }) }),
    keyPrefix: PREFIX + keyPrefix,
    timeout: '20s',
    randomBytes: () => Buffer.from(id, 'base64url'),
    ...(signed && { secret: one.secret ?? undefined }),
  })
}

/** The two that run another request to the same session in the middle. */
const RACES: Record<string, string> = {
  race_write: "session['n'] = 99",
  race_logout: 'session.clear()',
}

function racing(one: StoredCase, sessions: Sessions) {
  const run = RACES[one.name]
  if (run === undefined) return undefined
  return async (outer: Session) => {
    outer.get('n')
    await replay(sessions, { ...one, run }, one.cookie)
  }
}

function expectedOf(one: StoredCase): Otherwise {
  const own = SESSION_DIFFERENCES.map(({ cases }) => cases[one.name]).find((it) => it !== undefined)
  const { status, set_cookie, vary, found, after } = one
  return own === 'ConfigError' ? own : { status, set_cookie, vary, found, after, ...own }
}

describe('Flask-Session and flaskSession on Redis', () => {
  if ('missing' in server) {
    test.skip(server.missing)
    return
  }

  // One after the other: they go on with what those before them stored.
  test.each(session.redis.map((one) => [one.name, one] as const))('%s', async (_, one) => {
    const expected = expectedOf(one)
    let sessions: Sessions
    try {
      sessions = sessionsOf(one)
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigError)
      expect('ConfigError').toBe(expected)
      return
    }
    for (const [key, hex] of Object.entries(one.stored)) {
      await client.set(PREFIX + key, Buffer.from(hex, 'hex'))
    }
    for (const key of await client.keys(`${PREFIX}*`)) await client.expire(key, BEFORE)
    const before = await content()
    const answer = await replay(sessions, one, one.cookie, racing(one, sessions))
    const after = await content()
    for (const [key, kept] of Object.entries(after)) {
      if (kept?.ttl === 1) await client.del(PREFIX + key)
    }
    const { cache_control, ...rest } = answer
    expect({ ...rest, after: changes(before, after) }).toEqual(expected)
    expect(cache_control).toBe(answer.set_cookie.length > 0 ? 'private' : null)
  })
})

test('every difference is one of a case that was recorded', () => {
  const names = session.redis.map(({ name }) => name)
  for (const { cases } of SESSION_DIFFERENCES) {
    for (const name of Object.keys(cases)) expect(names).toContain(name)
  }
})
