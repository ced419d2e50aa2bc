/**
 * The least that a session layer can do, written for the measurement: parse, verify, load, decode, and nothing else. It
 * keeps none of the promises; it shows what is possible, not what is complete.
 */

import { createCipheriv, createDecipheriv, createSecretKey, randomFillSync } from 'node:crypto'
import { redis } from './redis.ts'

export interface Floor {
  load(
    cookieHeader: string | undefined,
  ): Record<string, unknown> | undefined | Promise<Record<string, unknown> | undefined>
  /** Stores a session, and gives what `Set-Cookie` has to say. */
  save(
    data: Record<string, unknown>,
    cookieHeader: string | undefined,
  ): string | undefined | Promise<string | undefined>
}

const NAME = 'session='
const key = createSecretKey(Buffer.alloc(32, 'floor'))
const pool = Buffer.alloc(16_384)
let used = pool.length

function random(size: number): Buffer {
  if (used + size > pool.length) {
    randomFillSync(pool)
    used = 0
  }
  used += size
  return pool.subarray(used - size, used)
}

function cookieOf(header: string | undefined): string | undefined {
  if (header === undefined) return undefined
  const at = header.indexOf(NAME)
  if (at < 0) return undefined
  const end = header.indexOf(';', at)
  return header.slice(at + NAME.length, end < 0 ? undefined : end)
}

function given(value: string): string {
  return `${NAME}${value}; HttpOnly; Path=/; SameSite=Lax`
}

function newId(): string {
  return random(32).toString('base64url')
}

const memory = (): Floor => {
  const records = new Map<string, string>()
  return {
    load(header) {
      const id = cookieOf(header)
      const text = id === undefined ? undefined : records.get(id)
      return text === undefined ? undefined : JSON.parse(text)
    },
    save(data, header) {
      const id = cookieOf(header)
      const own = id !== undefined && records.has(id) ? id : newId()
      records.set(own, JSON.stringify(data))
      return own === id ? undefined : given(own)
    },
  }
}

const cookie = (): Floor => ({
  load(header) {
    const text = cookieOf(header)
    if (text === undefined) return undefined
    const sealed = Buffer.from(text, 'base64url')
    const end = sealed.length - 16
    const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12))
    decipher.setAuthTag(sealed.subarray(end))
    const plain = decipher.update(sealed.subarray(12, end), undefined, 'utf8')
    return JSON.parse(plain + decipher.final('utf8'))
  },
  save(data) {
    const nonce = random(12)
    const cipher = createCipheriv('aes-256-gcm', key, nonce)
    const text = cipher.update(JSON.stringify(data), 'utf8')
    cipher.final()
    return given(Buffer.concat([nonce, text, cipher.getAuthTag()]).toString('base64url'))
  },
})

const stored = async (): Promise<Floor> => {
  const client = await redis()
  return {
    async load(header) {
      const id = cookieOf(header)
      const text = id === undefined ? null : await client.get(`floor:${id}`)
      return text === null ? undefined : JSON.parse(text)
    },
    async save(data, header) {
      const id = cookieOf(header)
      const own = id ?? newId()
      await client.set(`floor:${own}`, JSON.stringify(data))
      return own === id ? undefined : given(own)
    },
  }
}

/** The floor of a kind. */
export async function floor(kind: string): Promise<Floor> {
  if (kind === 'memory') return memory()
  return kind === 'cookie' ? cookie() : await stored()
}
