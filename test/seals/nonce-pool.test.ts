/** Random bytes from a pool, and what a startup snapshot of Node shares of them. */

import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { pooledRandomBytes } from '../../src/seals/nonce-pool.ts'

describe('pooled random bytes', () => {
  test('have the size that was asked for, small or large', () => {
    for (const size of [0, 1, 12, 32, 255, 256, 257, 5000]) {
      expect(pooledRandomBytes(size)).toHaveLength(size)
    }
  })

  test('never come twice, over many fillings of the pool', () => {
    const seen = new Set<string>()
    for (let n = 0; n < 20_000; n++) seen.add(pooledRandomBytes(12).toString('hex'))
    expect(seen.size).toBe(20_000)
  })

  test('share nothing: changing some changes no others', () => {
    const first = pooledRandomBytes(32)
    const copy = Buffer.from(first)
    const second = pooledRandomBytes(32).fill(0)
    pooledRandomBytes(32).fill(1)
    expect(first.equals(copy)).toBe(true)
    expect(second.every((byte) => byte === 0)).toBe(true)
  })

  test('are random: each bit is set about half of the time', () => {
    const counts = new Array<number>(256).fill(0)
    for (let n = 0; n < 4_000; n++) {
      pooledRandomBytes(32).forEach((byte, at) => {
        for (let bit = 0; bit < 8; bit++) {
          const place = at * 8 + bit
          counts[place] = (counts[place] ?? 0) + ((byte >> bit) & 1)
        }
      })
    }
    // Ten standard deviations.
    for (const count of counts) expect(Math.abs(count - 2_000)).toBeLessThan(320)
  })
})

/** Uses each source of randomness while the snapshot is built, and prints what each gives in a process made from it. */
const PROGRAM = `
import { startupSnapshot } from 'node:v8'
import { createSessions } from 'vial'
import { encrypted } from 'vial/seals/encrypted'
import { memoryStore } from 'vial/stores/memory'
import { pooledRandomBytes } from './src/seals/nonce-pool.ts'

const secret = 'rW2xN7cT5vK9qL3mP8dF1gH6jB4zS0yA'
const seal = encrypted({ secret })
const stored = createSessions({ store: memoryStore(), cookie: { name: 'sid', secure: false } })
const pooled = () => pooledRandomBytes(16).toString('hex')
const sealed = () => seal.seal(Buffer.from('{"a":1}'), 1_700_000_000_000, 'session')
async function id() {
  const session = await stored.load(undefined)
  session.set('a', 1)
  return (await stored.commit(session)).headers.find(([name]) => name === 'set-cookie')[1]
}

const built = sealed()
for (let n = 0; n < 3; n++) seal.open(built, 1_700_000_000_000, 'session')
pooled()
void id()
startupSnapshot.setDeserializeMainFunction(async () => {
  const opened = seal.open(built, 1_700_000_000_000, 'session')
  console.log(JSON.stringify({ pooled: pooled(), sealed: sealed(), id: await id(), opens: opened.ok }))
})
`

interface Printed {
  readonly pooled: string
  readonly sealed: string
  readonly id: string
  readonly opens: boolean
}

describe('two processes from one startup snapshot', () => {
  test('give different random bytes, ids and sealed texts', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'vial-snapshot-'))
    try {
      const [script, blob] = [join(folder, 'program.cjs'), join(folder, 'snapshot.blob')]
      await writeFile(script, await bundle(PROGRAM))
      const run = promisify(execFile)
      await run(process.execPath, ['--snapshot-blob', blob, '--build-snapshot', script])
      const start = async () =>
        JSON.parse((await run(process.execPath, ['--snapshot-blob', blob])).stdout) as Printed
      const [one, other] = [await start(), await start()]
      expect([one.opens, other.opens]).toEqual([true, true])
      expect(other.pooled).not.toBe(one.pooled)
      expect(other.id).not.toBe(one.id)
      expect(other.sealed).not.toBe(one.sealed)
      // The first half of the nonce as well, so that the two do not share a derived key.
      expect(firstHalf(other.sealed)).not.toBe(firstHalf(one.sealed))
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})

function firstHalf(sealed: string): string {
  return Buffer.from(sealed, 'base64url').toString('hex', 5, 17)
}

/** A snapshot is built from one CommonJS file. The bundler is that of `tsx`. */
async function bundle(program: string): Promise<string> {
  const tsx = createRequire(import.meta.url).resolve('tsx')
  const esbuild = createRequire(tsx)('esbuild') as {
    build(options: object): Promise<{ outputFiles: { text: string }[] }>
  }
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const { outputFiles } = await esbuild.build({
    stdin: { contents: program, resolveDir: root, loader: 'ts' },
    tsconfig: join(root, 'tsconfig.json'),
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    write: false,
  })
  return outputFiles[0]?.text ?? ''
}
