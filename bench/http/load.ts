/** The load: wrk where it is installed, else autocannon; either in a process of its own. */

import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const AUTOCANNON = fileURLToPath(new URL('load-autocannon.ts', import.meta.url))

export interface Load {
  readonly url: string
  /** One is sent with each request. */
  readonly cookies: readonly string[]
  readonly connections: number
  /** Whole seconds. */
  readonly seconds: number
}

export interface Loaded {
  readonly requests: number
  readonly seconds: number
  /** The latency that 99 of 100 requests stay below, in ms. */
  readonly p99: number
}

interface Answer extends Loaded {
  /** Responses that were not 2xx, and requests without one. */
  readonly wrong: number
}

export type Loader = 'wrk' | 'autocannon'

/** The program that makes the load. Says so where it is the slower one. */
export async function findLoader(): Promise<Loader> {
  const isThere = await run('wrk', ['--version']).then(
    () => true,
    // wrk has no such option: it prints its version and fails.
    (error: NodeJS.ErrnoException) => error.code !== 'ENOENT',
  )
  if (isThere) return 'wrk'
  console.error('wrk is not installed, so autocannon makes the load: slower, with noisier figures.')
  return 'autocannon'
}

/** @throws {Error} When a response was not 2xx: then the figures mean nothing. */
export async function load(loader: Loader, options: Load): Promise<Loaded> {
  const folder = await mkdtemp(join(tmpdir(), 'vial-bench-'))
  try {
    const answer = await (loader === 'wrk' ? wrk(options, folder) : autocannon(options, folder))
    if (answer.wrong > 0) {
      throw new Error(`${answer.wrong} of ${answer.requests} responses were errors`)
    }
    return answer
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function wrk({ url, cookies, connections, seconds }: Load, folder: string): Promise<Answer> {
  const script = join(folder, 'load.lua')
  await writeFile(script, lua(new URL(url).pathname, cookies))
  const { stdout } = await run('wrk', [
    ...['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '10s'],
    ...['-s', script, url],
  ])
  const line = /^RESULT (.*)$/m.exec(stdout)?.[1]
  if (line === undefined) throw new Error(`wrk printed no result:\n${stdout}`)
  return JSON.parse(line) as Answer
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
end
function request()
  at = at % #requests + 1
  return requests[at]
end
function done(summary, latency)
  local e = summary.errors
  print(string.format('RESULT {"requests":%d,"seconds":%f,"p99":%f,"wrong":%d}', summary.requests,
    summary.duration / 1e6, latency:percentile(99) / 1e3,
    e.status + e.read + e.write + e.timeout + e.connect))
end
`
}

/** The options go through a file: the cookies are longer than an argument may be. */
async function autocannon(options: Load, folder: string): Promise<Answer> {
  const file = join(folder, 'load.json')
  await writeFile(file, JSON.stringify(options))
  const { stdout } = await run(process.execPath, ['--no-warnings', AUTOCANNON, file])
  return JSON.parse(stdout) as Answer
}
