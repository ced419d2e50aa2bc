/**
 * XAES-256-GCM, as specified in https://c2sp.org/XAES-256-GCM: AES-256-GCM (NIST SP 800-38D) under a key that a KDF
 * (NIST SP 800-108r1 with AES-256-CMAC) derives from the first half of a 24-byte nonce.
 *
 * The two steps are separate functions, because many messages may share the first half of the nonce and its derived key.
 * All cryptography is that of `node:crypto`.
 */

import { Buffer } from 'node:buffer'
import { createCipheriv, createDecipheriv } from 'node:crypto'

/** Size of an input key and of a derived key. */
export const KEY_BYTES = 32
/** Size of each half of the nonce. */
export const HALF_NONCE_BYTES = 12
/** Size of the authentication tag. */
export const TAG_BYTES = 16
const BLOCK_BYTES = 16
const GCM = 'aes-256-gcm'

/** An input key with the CMAC subkey K1, which depends on the key alone. */
export interface InputKey {
  readonly key: Buffer
  readonly k1: Buffer
}

/** Computes the CMAC subkey of an input key: steps 1 and 2 of the specification. */
export function inputKey(key: Buffer): InputKey {
  const l = encryptBlocks(key, Buffer.alloc(BLOCK_BYTES))
  const k1 = Buffer.alloc(BLOCK_BYTES)
  for (let i = 0; i < BLOCK_BYTES; i++) k1[i] = (l.readUInt8(i) << 1) | ((l[i + 1] ?? 0) >> 7)
  if (l.readUInt8(0) >= 0x80) k1[BLOCK_BYTES - 1] = k1.readUInt8(BLOCK_BYTES - 1) ^ 0b10000111
  return { key, k1 }
}

/** Derives the key of AES-256-GCM from the first half of a nonce (12 bytes): steps 3 to 5 of the specification. */
export function deriveKey({ key, k1 }: InputKey, half: Uint8Array): Buffer {
  // M1 and M2: a 16-bit counter, the label "X", a zero byte, the half of the nonce.
  const blocks = [1, 2].map((counter) =>
    Buffer.of(0, counter, 0x58, 0, ...half).map((byte, at) => byte ^ (k1[at] ?? 0)),
  )
  return encryptBlocks(key, Buffer.concat(blocks))
}

/**
 * Encrypts one message under a key from {@link deriveKey}. The ciphertext is as long as the plaintext.
 *
 * @param half The second half of the nonce, 12 bytes. It must never repeat under one derived key.
 */
export function encrypt(
  derived: Buffer,
  half: Uint8Array,
  plaintext: Uint8Array,
  associatedData: Uint8Array,
): { ciphertext: Buffer; tag: Buffer } {
  const cipher = createCipheriv(GCM, derived, half)
  cipher.setAAD(associatedData)
  const ciphertext = cipher.update(plaintext)
  cipher.final()
  return { ciphertext, tag: cipher.getAuthTag() }
}

/** Decrypts a ciphertext and its tag, at least 16 bytes. Gives undefined when the tag is not that of the message. */
export function decrypt(
  derived: Buffer,
  half: Uint8Array,
  sealed: Uint8Array,
  associatedData: Uint8Array,
): Buffer | undefined {
  const end = sealed.length - TAG_BYTES
  const decipher = createDecipheriv(GCM, derived, half, { authTagLength: TAG_BYTES })
  decipher.setAAD(associatedData)
  decipher.setAuthTag(sealed.subarray(end))
  const plaintext = decipher.update(sealed.subarray(0, end))
  try {
    decipher.final()
    return plaintext
  } catch {
    return undefined
  }
}

/** AES-256 of each block. ECB is the plain block cipher, which the KDF is defined over; no message passes through it. */
function encryptBlocks(key: Buffer, blocks: Buffer): Buffer {
  return createCipheriv('aes-256-ecb', key, null).update(blocks)
}
