/** Runs autocannon once, for `load.ts`, and prints what it measured as JSON. */

import process from 'node:process'
import autocannon from 'autocannon'
import type { Load } from './load.ts'

const { url, cookies, connections, seconds } = JSON.parse(process.argv[2] ?? '{}') as Load
const requests = cookies.map((cookie) => ({ headers: { cookie } }))
const result = await autocannon({
  url,
  connections,
  duration: seconds,
  ...(requests.length > 0 && { requests }),
})
console.log(
  JSON.stringify({
    requests: result.requests.total,
    seconds: result.duration,
    p50: result.latency.p50,
    p99: result.latency.p99,
    wrong: result.errors + result.timeouts + result.non2xx,
  }),
)
