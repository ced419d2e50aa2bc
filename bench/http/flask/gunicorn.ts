/** Flask under gunicorn with one worker: what one core can serve. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Serving } from '../server-process.ts'

const FOLDER = fileURLToPath(new URL('.', import.meta.url))
/** The unit of CPU time in /proc, in µs: Linux has 100 of them a second. */
const TICK = 10_000

/** @param python An interpreter with Flask, Flask-Session and gunicorn. */
export async function startGunicorn(python: string): Promise<Serving> {
  const port = await freePort()
  const child = spawn(
    python,
    ['-m', 'gunicorn', '-w', '1', '-b', `127.0.0.1:${port}`, '--log-level', 'error', 'app:app'],
    { cwd: FOLDER, stdio: ['ignore', 'ignore', 'inherit'], env: process.env },
  )
  const url = `http://127.0.0.1:${port}`
  for (let attempt = 0; ; attempt += 1) {
    const answers = await fetch(`${url}/plain`).then(
      ({ ok }) => ok,
      () => false,
    )
    if (answers) break
    if (attempt > 200 || child.exitCode !== null) throw new Error('gunicorn does not answer')
    await sleep(50)
  }
  const pid = child.pid ?? 0
  return {
    url,
    cpu: async () => [pid, ...childrenOf(pid)].reduce((sum, one) => sum + cpuOf(one), 0),
    async stop() {
      if (child.exitCode !== null) return
      const gone = once(child, 'exit')
      child.kill('SIGTERM')
      await gone
    },
  }
}

function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
  return text.trim().split(' ').filter(Boolean).map(Number)
}

function cpuOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name of the program may hold anything but a closing bracket at the end.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * TICK
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}
