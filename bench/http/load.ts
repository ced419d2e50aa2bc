/** The load: wrk where it is installed, else autocannon; either in a process of its own. */

import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface Load {
  readonly url: string
  /** One is sent with each request, in turn. Empty: none. */
  readonly cookies: readonly string[]
  readonly connections: number
  /** s */
  readonly seconds: number
}

export interface Loaded {
  readonly requests: number
  /** s */
  readonly seconds: number
  /** Latency, ms. */
  readonly p50: number
  readonly p99: number
}

/** The program that makes the load. */
export async function loader(): Promise<'wrk' | 'autocannon'> {
  const found = await run('wrk', ['--version']).then(
    () => true,
    // It has no such option, and tells its version anyway.
    (error: NodeJS.ErrnoException) => error.code !== 'ENOENT',
  )
  return found ? 'wrk' : 'autocannon'
}

/** @throws {Error} When a response was not 2xx: then the figures mean nothing. */
export async function load(program: 'wrk' | 'autocannon', options: Load): Promise<Loaded> {
  return program === 'wrk' ? await wrk(options) : await autocannon(options)
}

async function wrk({ url, cookies, connections, seconds }: Load): Promise<Loaded> {
  const folder = await mkdtemp(join(tmpdir(), 'vial-bench-'))
  try {
    const script = join(folder, 'load.lua')
    await writeFile(script, lua(new URL(url).pathname, cookies))
    const { stdout } = await run('wrk', [
      ...['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '10s'],
      ...['-s', script, url],
    ])
    const line = /^RESULT (.*)$/m.exec(stdout)?.[1]
    if (line === undefined) throw new Error(`wrk told no result:\n${stdout}`)
    const told = JSON.parse(line) as Loaded & { readonly wrong: number }
    if (told.wrong > 0) throw new Error(`${told.wrong} of ${told.requests} responses were errors`)
    return told
  } finally {
    await rm(folder, { recursive: true })
  }
}

function lua(path: string, cookies: readonly string[]): string {
  const list = cookies.map((cookie) => `[==[${cookie}]==]`).join(',\n')
  return `local cookies = {${list}}
local requests = {}
local at = 0
function init()
  for i, cookie in ipairs(cookies) do
    requests[i] = wrk.format("GET", "${path}", { Cookie = cookie })
  end
  if #requests == 0 then requests[1] = wrk.format("GET", "${path}") end
end
function request()
  at = at % #requests + 1
  return requests[at]
end
function done(summary, latency)
  local e = summary.errors
  print(string.format('RESULT {"requests":%d,"seconds":%f,"p50":%f,"p99":%f,"wrong":%d}', summary.requests,
    summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    e.status + e.read + e.write + e.timeout + e.connect))
end
`
}

async function autocannon(options: Load): Promise<Loaded> {
  const script = fileURLToPath(new URL('load-autocannon.ts', import.meta.url))
  const { stdout } = await run(
    process.execPath,
    ['--no-warnings', script, JSON.stringify(options)],
    { maxBuffer: 2 ** 24 },
  )
  const told = JSON.parse(stdout) as Loaded & { readonly wrong: number }
  if (told.wrong > 0) throw new Error(`${told.wrong} of ${told.requests} responses were errors`)
  return told
}
