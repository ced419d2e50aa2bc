/** How other session libraries seal and open a cookie, without what they do besides. */

import { deepEqual } from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import { createEncryptionKey, jweDecrypt, jweEncrypt } from '@hono/session/cookies'
import { sealData, unsealData } from 'iron-session'
import type { Case } from './case.ts'
import { SECRET } from './content.ts'

export type ForeignSeal = 'iron-session' | 'secretbox' | 'JWE' | 'keygrip'

interface Sealed<Text> {
  readonly seal: () => Text | Promise<Text>
  readonly open: (text: Text) => unknown
  /** The payload in the result of `open`. */
  readonly payloadOf: (opened: unknown) => string
}

const DAY = 86_400
const require = createRequire(import.meta.url)

/** The cases of a payload; where a library takes an object, the payload is its JSON. */
export async function foreignSeals(
  size: string,
  payload: Buffer,
  names: readonly ForeignSeal[],
): Promise<Case[]> {
  const cases: Case[] = []
  for (const name of names) {
    switch (name) {
      case 'iron-session':
        cases.push(...(await both(name, size, payload, ironSession(payload))))
        break
      case 'secretbox':
        cases.push(...(await both(name, size, payload, secretbox(payload))))
        break
      case 'JWE':
        cases.push(...(await both(name, size, payload, await jwe(payload))))
        break
      case 'keygrip':
        cases.push(...(await both(name, size, payload, keygrip(payload))))
        break
    }
  }
  return cases
}

async function both<Text>(
  name: string,
  size: string,
  payload: Buffer,
  { seal, open, payloadOf }: Sealed<Text>,
): Promise<Case[]> {
  const text = await seal()
  const opened = (result: unknown): void => deepEqual(payloadOf(result), payload.toString())
  return [
    {
      group: `Seal ${size}`,
      name: `${name}: seal ${size}`,
      foreign: true,
      run: seal,
      check: async (result) => opened(await open(result as Text)),
    },
    {
      group: `Open ${size}`,
      name: `${name}: open ${size}`,
      foreign: true,
      run: () => open(text),
      check: opened,
    },
  ]
}

function ironSession(payload: Buffer): Sealed<string> {
  const options = { password: SECRET, ttl: DAY }
  const data = JSON.parse(payload.toString()) as object
  return {
    seal: () => sealData(data, options),
    open: (text) => unsealData(text, options),
    payloadOf: JSON.stringify,
  }
}

/** `dir` with A256GCM, as @hono/session makes its cookie. */
async function jwe(payload: Buffer): Promise<Sealed<string>> {
  const key = await createEncryptionKey(SECRET)
  const data = JSON.parse(payload.toString()) as Record<string, string>
  return {
    seal: async () => (await jweEncrypt(data, key, { absolute: DAY })).jwe,
    open: (text) => jweDecrypt(text, key),
    payloadOf: (opened) => {
      const { payload: claims } = opened as { readonly payload?: { readonly text?: string } }
      return JSON.stringify({ text: claims?.text })
    },
  }
}

interface Sodium {
  readonly crypto_secretbox_KEYBYTES: number
  readonly crypto_secretbox_MACBYTES: number
  readonly crypto_secretbox_NONCEBYTES: number
  randombytes_buf(into: Buffer): void
  crypto_secretbox_easy(into: Buffer, message: Buffer, nonce: Buffer, key: Buffer): void
  crypto_secretbox_open_easy(into: Buffer, cipher: Buffer, nonce: Buffer, key: Buffer): boolean
}

/** libsodium, with the steps of @fastify/secure-session. */
function secretbox(payload: Buffer): Sealed<string> {
  const sodium = require('sodium-native') as Sodium
  const { crypto_secretbox_MACBYTES: MAC, crypto_secretbox_NONCEBYTES: NONCE } = sodium
  const key = randomBytes(sodium.crypto_secretbox_KEYBYTES)
  return {
    seal() {
      const nonce = Buffer.allocUnsafe(NONCE)
      sodium.randombytes_buf(nonce)
      const cipher = Buffer.allocUnsafe(payload.length + MAC)
      sodium.crypto_secretbox_easy(cipher, payload, nonce, key)
      return `${cipher.toString('base64')};${nonce.toString('base64')}`
    },
    open(text) {
      const [first = '', second = ''] = text.split(';')
      const cipher = Buffer.from(first, 'base64')
      const nonce = Buffer.from(second, 'base64')
      const message = Buffer.allocUnsafe(cipher.length - MAC)
      return sodium.crypto_secretbox_open_easy(message, cipher, nonce, key) ? message : undefined
    },
    payloadOf: String,
  }
}

interface Keygrip {
  sign(data: string): string
  verify(data: string, signature: string): boolean
}

/** The two cookies of cookie-session, HMAC-SHA1. */
function keygrip(payload: Buffer): Sealed<readonly [value: string, signature: string]> {
  const Keys = require('keygrip') as new (keys: readonly string[]) => Keygrip
  const keys = new Keys([SECRET])
  return {
    seal() {
      const value = payload.toString('base64')
      return [value, keys.sign(`session=${value}`)]
    },
    open([value, signature]) {
      return keys.verify(`session=${value}`, signature) ? Buffer.from(value, 'base64') : undefined
    },
    payloadOf: String,
  }
}
