/** Runs `sql-sqlite-child.ts` under `node:test`, in a Node that has SQLite. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { findSqlite } from '../../scripts/provision.ts'

const parts = findSqlite()

test('SQLite keeps the contract under node:test, with node:sqlite and better-sqlite3', async (context) => {
  if (parts === undefined) {
    return context.skip('no Node with SQLite: run "npx tsx scripts/provision.ts sqlite"')
  }
  const child = fileURLToPath(new URL('./sql-sqlite-child.ts', import.meta.url))
  const output = await run(parts.node, [
    ...['--no-warnings', '--test-reporter=tap'],
    ...[child, 'suite', parts.betterSqlite3],
  ])
  const count = (what: string) => Number(new RegExp(`^# ${what} (\\d+)$`, 'm').exec(output)?.[1])
  expect(failuresIn(output)).toEqual([])
  expect(count('fail')).toBe(0)
  expect(count('cancelled')).toBe(0)
  expect(count('pass')).toBeGreaterThan(80)
  // A full disk, where it cannot be had.
  expect(count('skipped')).toBeLessThanOrEqual(process.getuid?.() === 0 ? 0 : 2)
})

/** The name of each test that failed, with what TAP prints below it. */
function failuresIn(output: string): string[] {
  return [...output.matchAll(/^ *not ok \d+ - ([\s\S]*?)^ *\.\.\.$/gm)].map(
    ([, text]) => text ?? '',
  )
}

function run(command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    const keep = (chunk: Buffer): void => {
      output += chunk.toString()
    }
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    child.once('error', reject)
    child.once('close', (code) => {
      if (/^# tests \d+$/m.test(output)) resolve(output)
      else reject(new Error(`the child ended with ${code}:\n${output}`))
    })
  })
}
