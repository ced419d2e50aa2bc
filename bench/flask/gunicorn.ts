/** Flask under gunicorn with one worker: what one core can serve. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import type { CpuTime, Running } from '../http/running.ts'

const FOLDER = fileURLToPath(new URL('.', import.meta.url))
/** Of /proc, in µs; Linux has 100 of them a second. */
const TICK = 10_000

/** @param python One that has Flask, Flask-Session and gunicorn. */
export async function startGunicorn(python: string): Promise<Running> {
  const port = await freePort()
  const child = spawn(
    python,
    ['-m', 'gunicorn', '-w', '1', '-b', `127.0.0.1:${port}`, '--log-level', 'error', 'app:app'],
    { cwd: FOLDER, stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env } },
  )
  const url = `http://127.0.0.1:${port}`
  for (let attempt = 0; ; attempt += 1) {
    const answered = await fetch(`${url}/plain`).then(
      ({ ok }) => ok,
      () => false,
    )
    if (answered) break
    if (attempt > 200 || child.exitCode !== null) throw new Error('gunicorn does not answer')
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return {
    url,
    async cpu() {
      const all = [child.pid ?? 0, ...childrenOf(child.pid ?? 0)].map(cpuOf)
      return {
        user: all.reduce((sum, { user }) => sum + user, 0),
        system: all.reduce((sum, { system }) => sum + system, 0),
      }
    },
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

function cpuOf(pid: number): CpuTime {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name of the program may hold anything but a closing bracket at the end.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return { user: Number(fields[11]) * TICK, system: Number(fields[12]) * TICK }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}
