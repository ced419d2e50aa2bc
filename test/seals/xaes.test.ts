/** XAES-256-GCM against the vectors of its specification, https://c2sp.org/XAES-256-GCM. */

import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { decrypt, deriveKey, encrypt, inputKey } from '../../src/seals/xaes.ts'

const hex = (text: string) => Buffer.from(text, 'hex')
const NONCE = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWX')

function seal(key: Buffer, nonce: Buffer, plaintext: Buffer, associatedData: Buffer): Buffer {
  const derived = deriveKey(inputKey(key), nonce.subarray(0, 12))
  const { ciphertext, tag } = encrypt(derived, nonce.subarray(12), plaintext, associatedData)
  return Buffer.concat([ciphertext, tag])
}

describe('XAES-256-GCM', () => {
  it.each([
    {
      when: 'the first bit of L is 0',
      key: Buffer.alloc(32, 1),
      k1: 'e531954aca063d5b8d9c47a47d4cc6f0',
      derived: 'c8612c9ed53fe43e8e005b828a1631a0bbcb6ab2f46514ec4f439fcfd0fa969b',
      associatedData: '',
      sealed: 'ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271',
    },
    {
      when: 'the first bit of L is 1',
      key: Buffer.alloc(32, 3),
      k1: '23810ec50edb99f374409466ed1f4b7b',
      derived: 'e9c621d4cdd9b11b00a6427ad7e559aeedd66b3857646677748f8ca796cb3fd8',
      associatedData: 'c2sp.org/XAES-256-GCM',
      sealed: '986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d',
    },
  ])('gives the published vector where $when', ({ key, k1, derived, associatedData, sealed }) => {
    const input = inputKey(key)
    expect(input.k1.toString('hex')).toBe(k1)
    const derivedKey = deriveKey(input, NONCE.subarray(0, 12))
    expect(derivedKey.toString('hex')).toBe(derived)
    const plaintext = Buffer.from('XAES-256-GCM')
    const data = Buffer.from(associatedData)
    expect(seal(key, NONCE, plaintext, data).toString('hex')).toBe(sealed)
    expect(decrypt(derivedKey, NONCE.subarray(12), hex(sealed), data)).toEqual(plaintext)
  })

  it('gives the published hash over 10,000 messages', () => {
    // One message takes 313 bytes of the stream on average.
    const stream = createHash('shake128', { outputLength: 4_000_000 }).digest()
    expect(stream.toString('hex', 0, 16)).toBe('7f9c2ba4e88f827d616045507605853e')
    const sealed = createHash('shake128', { outputLength: 32 })
    let at = 0
    const take = (length: number) => {
      at += length
      return stream.subarray(at - length, at)
    }
    const takeOpaque = () => take(take(1).readUInt8(0))
    for (let message = 0; message < 10_000; message++) {
      const [key, nonce, plaintext, associatedData] = [
        take(32),
        take(24),
        takeOpaque(),
        takeOpaque(),
      ]
      sealed.update(seal(key, nonce, plaintext, associatedData))
    }
    expect(at).toBeLessThan(stream.length)
    expect(sealed.digest('hex')).toBe(
      'e6b9edf2df6cec60c8cbd864e2211b597fb69a529160cd040d56c0c210081939',
    )
  })

  it('gives nothing for a changed ciphertext, tag, nonce, key or associated data', () => {
    const derived = deriveKey(inputKey(Buffer.alloc(32, 1)), NONCE.subarray(0, 12))
    const parts = [
      derived,
      NONCE.subarray(12),
      hex('ce546ef63c9cc60765923609'),
      Buffer.from('data'),
    ]
    const { ciphertext, tag } = encrypt(...(parts as [Buffer, Buffer, Buffer, Buffer]))
    const right = [
      derived,
      NONCE.subarray(12),
      Buffer.concat([ciphertext, tag]),
      Buffer.from('data'),
    ]
    const open = (changed: Buffer[]) => decrypt(...(changed as [Buffer, Buffer, Buffer, Buffer]))
    expect(open(right)).toEqual(parts[2])
    right.forEach((part, index) => {
      for (let bit = 0; bit < part.length * 8; bit++) {
        const other = Buffer.from(part)
        other[bit >> 3] = (other[bit >> 3] as number) ^ (1 << (bit & 7))
        expect(open(right.with(index, other))).toBeUndefined()
      }
    })
  })
})
