/** The cache of opened texts, and what the seals do not leave to it. */

import { spawnSync } from 'node:child_process'
import type { Opened } from 'vial'
import { encrypted } from 'vial/seals/encrypted'
import { itsdangerous } from 'vial/seals/itsdangerous'
import { signed } from 'vial/seals/signed'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { verifiedCache } from '../../src/seals/verified-cache.ts'

const SECRET = 'rW2xN7cT5vK9qL3mP8dF1gH6jB4zS0yA'
const START = 1_700_000_000_000

/** A clock that runs timers when a test moves it. */
function makeClock() {
  let now = 0
  const timers = new Set<{ at: number; callback: () => void }>()
  return {
    timers,
    schedule(callback: () => void, ms: number) {
      const timer = { at: now + ms, callback }
      timers.add(timer)
      return () => void timers.delete(timer)
    },
    advance(ms: number) {
      for (const end = now + ms; now < end; now++) {
        for (const timer of timers) {
          if (timer.at > now) continue
          timers.delete(timer)
          timer.callback()
        }
      }
    },
  }
}

function makeCache(accepts: (text: string, cookie: string) => boolean = () => true) {
  const clock = makeClock()
  const calls: string[] = []
  const open = verifiedCache((text, cookie): Opened => {
    calls.push(text)
    return accepts(text, cookie)
      ? { ok: true, bytes: Buffer.from(`${cookie} ${text}`) }
      : { ok: false, reason: 'forged' }
  }, clock.schedule)
  /** Whether opening the text calls `open`. */
  const isCold = (text: string, cookie = 'session') => {
    const before = calls.length
    open(text, cookie)
    return calls.length > before
  }
  return { calls, open, isCold, clock }
}

afterEach(() => {
  vi.unstubAllGlobals()
})

describe('the cache of opened texts', () => {
  test('keeps a text that comes a second time, and none that came once', () => {
    const { isCold, clock } = makeCache()
    expect(isCold('a')).toBe(true)
    expect(clock.timers.size).toBe(0)
    expect(isCold('a')).toBe(true)
    expect(clock.timers.size).toBe(1)
    expect(isCold('a')).toBe(false)
    expect(isCold('b')).toBe(true)
  })

  test('gives the same bytes from the cache', () => {
    const { open } = makeCache()
    const results = [1, 2, 3, 4].map(() => open('a', 'session'))
    for (const result of results) {
      expect(result).toEqual({ ok: true, bytes: Buffer.from('session a') })
    }
  })

  test('keeps a text for one cookie only', () => {
    const { open, isCold } = makeCache((_, cookie) => cookie === 'session')
    for (let n = 0; n < 3; n++) open('a', 'session')
    expect(isCold('a')).toBe(false)
    expect(open('a', 'other').ok).toBe(false)
  })

  test('keeps nothing that did not open: a stranger cannot fill it', () => {
    const { isCold, clock } = makeCache(() => false)
    for (let n = 0; n < 5; n++) expect(isCold('a')).toBe(true)
    expect(clock.timers.size).toBe(0)
  })

  test('takes no text with characters beyond one byte for another one', () => {
    const { open } = makeCache((text) => text === '\u0161')
    for (let n = 0; n < 3; n++) {
      expect(open('\u0161', 'session').ok).toBe(true)
      // The low byte of U+0161.
      expect(open('a', 'session').ok).toBe(false)
    }
  })

  test('is not changed by a caller that changes the bytes of the first opening', () => {
    const { open } = makeCache()
    for (let n = 0; n < 2; n++) {
      const first = open('a', 'session')
      if (first.ok) first.bytes.fill(0)
    }
    expect(open('a', 'session')).toEqual({ ok: true, bytes: Buffer.from('session a') })
  })

  test('drops what was not used for a minute, and lets its timer end', () => {
    const { open, isCold, clock } = makeCache()
    for (let n = 0; n < 2; n++) open('a', 'session')
    expect(isCold('a')).toBe(false)
    clock.advance(60_001)
    expect(clock.timers.size).toBe(0)
    expect(isCold('a')).toBe(true)
  })

  test('drops what was not used for a minute while others are used', () => {
    const { open, isCold, clock } = makeCache()
    for (const text of ['unused', 'used', 'unused', 'used']) open(text, 'session')
    for (let n = 0; n < 3; n++) {
      clock.advance(20_001)
      expect(isCold('used')).toBe(false)
    }
    expect(isCold('unused')).toBe(true)
  })

  test('keeps for half a minute what is not used', () => {
    const { open, isCold, clock } = makeCache()
    for (let n = 0; n < 2; n++) open('a', 'session')
    clock.advance(29_999)
    expect(isCold('a')).toBe(false)
  })

  test('stays within its size: what is not used makes room, what is used stays', () => {
    const { open, isCold } = makeCache()
    const long = (name: string): string => name.padStart(4096, '.')
    const openTwice = (text: string) => [1, 2].map(() => open(text, 'session'))
    openTwice('used')
    openTwice('unused')
    for (let n = 0; n < 600; n++) {
      openTwice(long(`other ${n}`))
      if (n % 100 === 0) expect(isCold('used')).toBe(false)
    }
    expect(isCold('used')).toBe(false)
    expect(isCold('unused')).toBe(true)
  })

  test('keeps a text whose use starts a new generation', () => {
    const { open, calls } = makeCache()
    const text = (name: string): string => name.padStart(4096, '.')
    for (let round = 0; round < 40; round++) {
      for (let n = 0; n < 100; n++) open(text(`kept ${n}`), 'session')
      for (let n = 0; n < 30; n++) open(text(`other ${round} ${n}`), 'session')
    }
    // Twice each, then never again.
    expect(calls.filter((call) => call.includes('kept'))).toHaveLength(200)
  })

  test('is not there on Cloudflare Workers, where a timer belongs to a request', () => {
    vi.stubGlobal('navigator', { userAgent: 'Cloudflare-Workers' })
    const { isCold, clock } = makeCache()
    for (let n = 0; n < 4; n++) expect(isCold('a')).toBe(true)
    expect(clock.timers.size).toBe(0)
  })

  test('does not keep the process alive', () => {
    const program = `
      import { signed } from './src/seals/signed.ts'
      const seal = signed({ secret: '${SECRET}' })
      const text = seal.seal(Buffer.from('abc'), 0, 'session')
      for (let n = 0; n < 3; n++) seal.open(text, 0, 'session')
      process.on('exit', () => console.log(process.getActiveResourcesInfo().includes('Timeout')))
    `
    const { stdout, stderr } = spawnSync(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '--eval', program],
      { encoding: 'utf8', timeout: 25_000 },
    )
    expect(stderr).toBe('')
    expect(stdout.trim()).toBe('false')
  })
})

describe('seals look at the clock each time', () => {
  test('encrypted: a text from the future opens once its time has come, and not before', () => {
    const seal = encrypted({ secret: SECRET })
    const text = seal.seal(Buffer.from('x'), START, 'session')
    expect(seal.open(text, START, 'session').ok).toBe(true)
    expect(seal.open(text, START - 120_000, 'session')).toEqual({ ok: false, reason: 'expired' })
    expect(seal.open(text, START, 'session').ok).toBe(true)
    expect(seal.open(text, START, 'other')).toEqual({ ok: false, reason: 'forged' })
  })

  test('itsdangerous: a text that opened a moment ago is too old now', () => {
    const seal = itsdangerous({ secret: SECRET, maxAge: '1m' })
    const text = seal.seal(Buffer.from('{}'), START, 'session')
    expect(seal.open(text, START + 60_000, 'session').ok).toBe(true)
    expect(seal.open(text, START + 61_000, 'session')).toEqual({ ok: false, reason: 'expired' })
  })

  test('signed: one character changed is forged, also after the right one was opened', () => {
    const seal = signed({ secret: SECRET })
    const text = seal.seal(Buffer.from('abc'), START, 'session')
    expect(seal.open(text, START, 'session').ok).toBe(true)
    for (let at = 0; at < text.length; at++) {
      const changed = text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1)
      expect(seal.open(changed, START, 'session').ok).toBe(false)
    }
    expect(seal.open(text, START, 'other').ok).toBe(false)
  })
})
