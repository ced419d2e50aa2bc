/** `npm run race` on the stores that need no server: 20,000 commits at full size, and small numbers in the short form. */
import { execFile } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import type { Report } from '../../scripts/race/report.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const MAIN = fileURLToPath(new URL('../../scripts/race/main.ts', import.meta.url))
const FULL = process.env['VIAL_TEST_RUNS'] === 'full'
const SIZE = FULL
  ? {
      processes: 8,
      commits: 2_500,
      schedules: 1_000,
      rotations: 1_000,
      contended: 20,
      revocations: 1_000,
      limits: 10,
    }
  : {
      processes: 4,
      commits: 10,
      schedules: 20,
      rotations: 60,
      contended: 2,
      revocations: 30,
      limits: 2,
    }
/** A time limit far above vial's own, in ms: the test is about starving, not about the speed of the machine. */
const PATIENCE = ['--timeout', '15000']
const SMALL = [
  ...['--processes', '4', '--commits', '10', '--schedules', '20', '--rotations', '10'],
  ...['--revocations', '10', '--limits', '1'],
  ...['--contended', '1', ...PATIENCE],
]

interface Run {
  readonly code: number
  readonly output: string
  readonly errors: string
}

function race(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Run> {
  const child = ['--import', 'tsx', MAIN, ...args]
  return new Promise((resolve) => {
    const options = { cwd: ROOT, env: { ...process.env, ...env } }
    execFile(process.execPath, child, options, (error, output, errors) => {
      const code = error === null ? 0 : Number(error.code)
      resolve({ code, output, errors })
    })
  })
}

test('the race on memory and file: no commit is lost, no session outlives its logout, no rotation starves', async () => {
  const size = Object.entries(SIZE).flatMap(([name, value]) => [`--${name}`, `${value}`])
  const args = ['--only', 'memory,file', ...size, ...PATIENCE, '--seed', 'a seed', '--json']
  const { code, output } = await race(args)
  const report = JSON.parse(output) as Report
  expect(report).toMatchObject({ ...SIZE, seed: 'a seed' })
  expect(report.notRun).toEqual([])
  expect(report.rows.map(({ store, peer }) => [store, peer?.name])).toEqual([
    ['memory', 'express-session, MemoryStore'],
    ['file', 'express-session, session-file-store'],
  ])
  const all = SIZE.processes * SIZE.commits
  for (const { vial, peer } of report.rows) {
    const rotated = { login: SIZE.contended, regenerate: SIZE.contended }
    expect(vial).toMatchObject({
      ...{ kept: all, counter: all, alive: 0, failures: { count: 0 } },
      ...{
        rotatedAlive: 0,
        revokedAlive: 0,
        overLimit: 0,
        contended: { busy: rotated, paused: rotated },
      },
    })
    // How much is lost without compare-and-set is a matter of luck.
    expect(peer?.kept).toBeLessThanOrEqual(all)
    expect(peer?.alive).toBeLessThanOrEqual(SIZE.schedules)
  }
  expect(code).toBe(0)
})

test('the race as Markdown has a row for each store, with the date and the seed', async () => {
  const { output } = await race(['--only', 'memory', ...SMALL, '--seed', 'x1', '--markdown'])
  expect(output).toMatch(/^\d{4}-\d\d-\d\d, Node .* 4 processes × 10 commits .* seed x1\.$/m)
  expect(output).toMatch(
    /^\| memory \| 40 \| 40 \| 0 \| 0 \| 1, 1 \| 1, 1 \| .* express-session, MemoryStore \|/m,
  )
})

test('a store whose server cannot be reached is named with the reason', async () => {
  const env = { VIAL_TEST_MEMCACHED_URL: 'memcached://127.0.0.1:1' }
  const { code, output, errors } = await race(['--only', 'memcached,memory', ...SMALL], env)
  expect(errors).toMatch(/^memcached: not run, it broke: a process ended with 1: StoreError/m)
  expect(output).toMatch(/^Not run: memcached, it broke: /m)
  expect(output).toMatch(/^memory {2}/m)
  expect(code).toBe(1)
})

test.each([
  [['--only', 'redis,postgre'], "There is no store 'postgre' in the race. There are: memory, "],
  [['--commits', '1e3'], "--commits takes a whole number from 1 to 1000000, not '1e3'."],
  [['--schedules', '0'], "--schedules takes a whole number from 1 to 1000000, not '0'."],
  [['--rotations', 'all'], "--rotations takes a whole number from 1 to 1000000, not 'all'."],
  [['--timeout', '1s'], "--timeout takes a whole number from 1 to 1000000, not '1s'."],
  [['--json', '--markdown'], 'Give --json or --markdown, not both.'],
  [['--store', 'redis'], "Unknown option '--store'"],
])('arguments %j are refused with the usage', async (args, message) => {
  const { code, output, errors } = await race(args)
  expect(errors).toContain(message)
  expect(errors).toContain('Usage: npm run race')
  expect(output).toBe('')
  expect(code).toBe(2)
})
