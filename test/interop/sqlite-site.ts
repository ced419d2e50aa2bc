/** The vial site on SQLite in a process of its own, as not every Node that runs the tests has it. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { SiteSettings } from './profile.ts'
import type { ValueFormat } from './values.ts'

const SCRIPT = fileURLToPath(new URL('./sqlite-site-child.ts', import.meta.url))

/** Resolves once it serves. */
export async function startSqliteSite(
  node: string,
  file: string,
  settings: SiteSettings,
  values: ValueFormat,
): Promise<{ readonly origin: string; readonly stop: () => Promise<void> }> {
  const child = spawn(node, ['--no-warnings', SCRIPT, file, JSON.stringify(settings), values], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ended = once(child, 'close')
  const lines = createInterface({ input: child.stdout })
  const origin = await Promise.race([once(lines, 'line'), ended.then(() => [])])
  if (typeof origin[0] !== 'string') throw new Error('the site on SQLite did not start')
  return {
    origin: origin[0],
    async stop() {
      child.stdin.end()
      await ended
    },
  }
}
