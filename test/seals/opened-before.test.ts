/** What a seal remembers of the texts that it opened. */

import { describe, expect, test } from 'vitest'
import type { Opened } from '../../src/core/seal.ts'
import { encrypted } from '../../src/seals/encrypted.ts'
import { itsdangerous } from '../../src/seals/itsdangerous.ts'
import { signed } from '../../src/seals/signed.ts'
import { openedBefore } from '../../src/seals/verified-cache.ts'

const SECRET = 'rW2xN7cT5vK9qL3mP8dF1gH6jB4zS0yA'
const START = 1_700_000_000_000

function counting(judge: (text: string, cookie: string) => boolean = () => true) {
  const calls: string[] = []
  const open = openedBefore((text, cookie): Opened => {
    calls.push(text)
    return judge(text, cookie)
      ? { ok: true, bytes: Buffer.from(`${cookie} ${text}`) }
      : { ok: false, reason: 'forged' }
  })
  return { calls, open }
}

describe('a text that was opened before', () => {
  test('is not opened again', () => {
    const { calls, open } = counting()
    expect(open('a', 'session')).toEqual(open('a', 'session'))
    expect(calls).toEqual(['a'])
  })

  test('under another cookie is', () => {
    const { calls, open } = counting((_, cookie) => cookie === 'session')
    expect(open('a', 'session').ok).toBe(true)
    expect(open('a', 'other').ok).toBe(false)
    expect(calls).toEqual(['a', 'a'])
  })

  test('and was refused is opened again: a stranger fills nothing', () => {
    const { calls, open } = counting(() => false)
    open('a', 'session')
    open('a', 'session')
    expect(calls).toEqual(['a', 'a'])
  })

  test('with characters beyond one byte is never taken for another one', () => {
    const { open } = counting((text) => text === '\u0161')
    expect(open('\u0161', 'session').ok).toBe(true)
    // The low byte of U+0161.
    expect(open('a', 'session').ok).toBe(false)
  })

  test('gives what it holds even when what was first given out was changed', () => {
    const { open } = counting()
    const first = open('a', 'session')
    if (first.ok) first.bytes.fill(0)
    expect(open('a', 'session')).toEqual({ ok: true, bytes: Buffer.from('session a') })
  })

  test('stays, also when asking for it fills a generation', () => {
    const { calls, open } = counting()
    const text = (name: string): string => name.padEnd(4096, '.')
    for (let round = 0; round < 40; round++) {
      for (let n = 0; n < 100; n++) open(text(`kept ${n}`), 'session')
      for (let n = 0; n < 30; n++) open(text(`other ${round} ${n}`), 'session')
    }
    expect(calls.filter((call) => call.startsWith('kept'))).toHaveLength(100)
  })

  test('is forgotten when enough others came, and kept while it is asked for', () => {
    const { calls, open } = counting()
    const other = (n: number): string => `${n}`.padEnd(4096, '.')
    open('kept', 'session')
    open('forgotten', 'session')
    for (let n = 0; n < 600; n++) {
      open(other(n), 'session')
      if (n % 100 === 0) open('kept', 'session')
    }
    open('kept', 'session')
    open('forgotten', 'session')
    expect(calls.filter((text) => text === 'kept')).toHaveLength(1)
    expect(calls.filter((text) => text === 'forgotten')).toHaveLength(2)
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
