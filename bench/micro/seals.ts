/** What it costs to seal and to open a cookie, in each format, beside the libraries that seal the same bytes. */

import { deepEqual } from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { randomBytes } from 'node:crypto'
import type { Seal } from 'vial'
import { vial } from '../common/vial.ts'
import type { Case } from './case.ts'
import { flat, inTurn, payloadOf, roundOf, SECRET } from './content.ts'
import { type ForeignSeal, foreignSeals } from './foreign-seals.ts'

const COOKIE = '__Host-session'
const SIZES = [
  ['200 B', 200],
  ['2 KB', 2048],
] as const
const HIDING: readonly ForeignSeal[] = ['secretbox', 'iron-session', 'JWE']
const SIGNING: readonly ForeignSeal[] = ['keygrip']
const ID = randomBytes(32).toString('base64url')

export async function seals(): Promise<readonly Case[]> {
  const { encrypted } = await vial('vial/seals/encrypted')
  const { signed } = await vial('vial/seals/signed')
  const { itsdangerous } = await vial('vial/seals/itsdangerous')
  const { flaskSigner } = await vial('vial/seals/flask-signer')
  const ours: Case[] = []
  const theirs: Case[] = []
  const secret = SECRET
  for (const [size, bytes] of SIZES) {
    const payload = payloadOf(bytes)
    const rare = bytes > 200
    const plain = { size, payload, peers: SIGNING }
    ours.push(
      ...casesOf('encrypted', () => encrypted({ secret }), { size, payload, peers: HIDING }),
      ...casesOf('itsdangerous', () => itsdangerous({ secret }), { ...plain, rare }),
      ...casesOf('itsdangerous, not compressed', () => itsdangerous({ secret, compress: false }), {
        ...plain,
        rare: true,
      }),
    )
    const foreign = await foreignSeals(size, payload, [...HIDING, ...SIGNING])
    theirs.push(
      ...foreign.map((one) => ({ ...one, rare: rare && !one.name.startsWith('secretbox') })),
    )
  }
  const id = { size: 'an id', payload: Buffer.from(ID), peers: SIGNING }
  ours.push(
    ...casesOf('signed', () => signed({ secret }), id),
    ...casesOf('flaskSigner', () => flaskSigner({ secret }), id),
  )
  theirs.push(...(await foreignSeals(id.size, id.payload, SIGNING)))
  return [...ours, ...theirs]
}

interface Sealed {
  readonly size: string
  readonly payload: Buffer
  readonly peers: readonly string[]
  readonly rare?: boolean
}

/** A seal may keep what it opened, so a cookie that it has seen and a new one are two questions. */
function casesOf(name: string, make: () => Seal, sealed: Sealed): Case[] {
  const { size, payload, peers, rare = false } = sealed
  const seal = make()
  const header = headerOf(seal.seal(payload, Date.now(), COOKIE))
  const opened = (result: unknown): void => {
    const { ok, bytes } = result as { readonly ok: boolean; readonly bytes: Uint8Array }
    deepEqual([ok, ok && variant(bytes, 0)], [true, variant(payload, 0)])
  }
  const opening = {
    group: `Open ${size}`,
    rare,
    check: opened,
    peers: peers.map((peer) => `${peer}: open ${size}`),
  }
  return [
    {
      group: `Seal ${size}`,
      name: `${name}: seal ${size}`,
      rare,
      run: () => seal.seal(payload, Date.now(), COOKIE),
      check: (result) => opened(seal.open(String(result), Date.now(), COOKIE)),
      peers: peers.map((peer) => `${peer}: seal ${size}`),
    },
    {
      ...opening,
      name: `${name}: open ${size}, first time`,
      run: firstTime(make, payload, header.length),
    },
    {
      ...opening,
      name: `${name}: open ${size}, seen before`,
      run: () => seal.open(cutOut(header), Date.now(), COOKIE),
    },
  ]
}

/** Opens cookies that the seal has not seen: there are many, and after each round of them the seal is a new one. */
function firstTime(make: () => Seal, payload: Buffer, length: number): () => unknown {
  let seal = make()
  let next: (() => string) | undefined
  return () => {
    // Made when they are needed: a run of other cases does not hold them.
    next ??= inTurn(headersOf(seal, payload, roundOf(length)), () => {
      seal = make()
    })
    return seal.open(cutOut(next()), Date.now(), COOKIE)
  }
}

function headersOf(seal: Seal, payload: Buffer, count: number): string[] {
  return Array.from({ length: count }, (_, index) =>
    headerOf(seal.seal(variant(payload, index), Date.now(), COOKIE)),
  )
}

/** The payload with a number in it, as some formats seal the same bytes to the same string. */
function variant(payload: Uint8Array, index: number): Buffer {
  const copy = Buffer.from(payload)
  copy.write(String(index).padStart(6, '0'), 12)
  return copy
}

const HEAD = 'session='

/** A `Cookie` header with that value. */
function headerOf(value: string): string {
  return flat(HEAD + value)
}

/** The value as a new string, as in each request: a string that is used again keeps its hash, and is found sooner. */
function cutOut(header: string): string {
  return header.slice(HEAD.length)
}
