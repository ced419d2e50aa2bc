/** A session that cannot be stored, in frameworks that take `next` once: the middleware itself responds. */

import { createSessions, type Store } from 'vial'
import { memoryStore } from 'vial/stores/memory'
import { afterEach, beforeEach, describe, test, vi } from 'vitest'
import { memorySessions, visiting } from '../adapters/suite.ts'
import { FRAMEWORKS } from './site.ts'

beforeEach(() => {
  // The middleware warns, and h3 prints.
  vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  vi.spyOn(console, 'error').mockImplementation(() => {})
})
afterEach(() => {
  vi.restoreAllMocks()
})

describe.each(Object.entries(FRAMEWORKS))('%s', (_name, start) => {
  const login = { method: 'POST' }

  test('a login carries its cookie, and the next request is that user', async () => {
    const { sessions } = memorySessions()
    await visiting(await start(sessions), async (visitor) => {
      await visitor.expect('/read', { status: 200, text: 'nobody', cookies: 0, vary: 'cookie' })
      const welcome = { text: 'welcome', cookies: 1, vary: 'cookie', cacheControl: 'private' }
      await visitor.expect('/login', welcome, login)
      await visitor.expect('/read', { status: 200, text: 'ada', cookies: 0 })
    })
  })

  test('a store that fails is responded to with 503, without a cookie', async () => {
    const { sessions, watch } = memorySessions()
    await visiting(await start(sessions), async (visitor) => {
      watch.fail('writes')
      await visitor.expect('/login', { status: 503, cookies: 0 }, login)
      watch.fail('none')
      await visitor.expect('/read', { status: 200, text: 'nobody' })
      await visitor.expect('/login', { cookies: 1 }, login)
      await visitor.expect('/read', { text: 'ada' })
      watch.fail('writes')
      await visitor.expect('/login', { status: 503, cookies: 0 }, login)
      watch.fail('reads')
      // The handler throws the error, and the framework responds to it.
      await visitor.expect('/read', { status: 503, cookies: 0 })
    })
  })

  test('a store that does not respond: 503 when the time limit is over', async () => {
    const silent: Store = { ...memoryStore(), create: () => new Promise(() => {}) }
    const sessions = createSessions({ store: silent, timeout: '100ms' })
    await visiting(await start(sessions), async (visitor) => {
      await visitor.expect('/login', { status: 503, cookies: 0 }, login)
    })
  })
})
