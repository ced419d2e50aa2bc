/** Runs autocannon once with the options in a file, for `load.ts`, and prints what it measured as JSON. */

import { readFileSync } from 'node:fs'
import process from 'node:process'
import autocannon from 'autocannon'
import type { Load } from './load.ts'

const [file = ''] = process.argv.slice(2)
const { url, cookies, connections, seconds } = JSON.parse(readFileSync(file, 'utf8')) as Load
let next = 0
const result = await autocannon({
  url,
  connections,
  duration: seconds,
  // Each connection is one visitor: all cookies on every connection would take longer to set up than a window.
  setupClient(client) {
    client.setHeaders({ cookie: cookies[next++ % cookies.length] ?? '' })
  },
})
console.log(
  JSON.stringify({
    requests: result.requests.total,
    seconds: result.duration,
    p99: result.latency.p99,
    wrong: result.errors + result.timeouts + result.non2xx,
  }),
)
