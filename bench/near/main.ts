/** How many commands reads cost Redis with the near cache, and how soon they see a change that was made elsewhere. */

import process from 'node:process'
import type { Options } from '../common/options.ts'
import { Progress } from '../common/progress.ts'
import { digits, quantile, type Report } from '../common/report.ts'
import { vial } from '../common/vial.ts'
import { redis } from '../http/contender.ts'

export async function run({ quick, check }: Options): Promise<Report> {
  const { redisStore } = await vial('vial/stores/redis')
  const { nearCache } = await vial('vial/stores/redis-near-cache')
  const [here, elsewhere, counter] = await Promise.all([redis(), redis(), redis()])
  const prefix = `near-${process.pid}:`
  const near = redisStore(here, { prefix, nearCache: nearCache() })
  const far = redisStore(elsewhere, { prefix })
  const later = Date.now() + 600_000
  const bytes = (n: number): Uint8Array => Buffer.from(`record ${n}`.padEnd(200, '.'))

  await far.create('one', bytes(0), later)
  await settled(near)
  const before = await gets(counter)
  const reads = check ? 100 : 10_000
  for (let i = 0; i < reads; i += 1) await near.read('one')
  const commands = (await gets(counter)) - before

  const changes = check ? 20 : quick ? 500 : 5_000
  const progress = new Progress(changes)
  const afterSent: number[] = []
  const afterAnswer: number[] = []
  let version: unknown = (await far.read('one'))?.version
  for (let n = 1; n <= changes; n += 1) {
    progress.step('changes made elsewhere')
    await near.read('one')
    const sent = performance.now()
    let answered = Number.POSITIVE_INFINITY
    const done = far.replace('one', bytes(n), later, version as never).then((result) => {
      answered = performance.now()
      if (result.kind !== 'replaced') throw new Error(`the change was ${result.kind}`)
      version = result.version
    })
    const wanted = Buffer.from(bytes(n))
    for (;;) {
      const record = await near.read('one')
      if (record !== undefined && wanted.equals(record.bytes)) break
      await new Promise(setImmediate)
    }
    const seen = performance.now()
    await done
    afterSent.push(seen - sent)
    afterAnswer.push(Math.max(0, seen - answered))
  }
  progress.end()
  await near.close?.()
  await far.delete('one')
  for (const client of [here, elsewhere, counter]) client.destroy()

  const line = (name: string, values: readonly number[]): string[] => [
    name,
    ...[0.5, 0.99, 1].map((share) => digits(quantile(values, share))),
  ]
  return {
    tables: [
      {
        title: `Until a change made elsewhere is seen, ms, of ${changes} changes`,
        head: ['', 'p50', 'p99', 'most'],
        rows: [
          line('after it was sent', afterSent),
          line('after the writer had its response', afterAnswer),
        ],
      },
      {
        title: 'Commands that reads cost',
        head: ['reads', 'GET on the server'],
        rows: [[String(reads), String(commands)]],
      },
    ],
  }
}

/** Resolves once the cache serves reads, which begins when its own connection is open. */
async function settled(store: { read(id: string): unknown }): Promise<void> {
  const counter = await redis()
  for (let calm = 0; calm < 5; ) {
    const before = await gets(counter)
    await store.read('one')
    calm = (await gets(counter)) === before ? calm + 1 : 0
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  counter.destroy()
}

async function gets(client: Awaited<ReturnType<typeof redis>>): Promise<number> {
  const info = await client.info('commandstats')
  return Number(/cmdstat_get:calls=(\d+)/.exec(info)?.[1] ?? 0)
}
