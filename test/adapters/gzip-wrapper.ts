import type { ServerResponse } from 'node:http'
import { createGzip, type Gzip } from 'node:zlib'

type Method = (...args: unknown[]) => unknown
type Drain = (...args: unknown[]) => void

/**
 * Patches a response as compressing middleware does: it decides when the header is made, then sends everything through
 * a stream of its own, to which it moves the listeners for `drain`.
 */
export function gzipped(response: ServerResponse): void {
  const { on, write, end, writeHead } = response as unknown as Record<
    'on' | 'write' | 'end' | 'writeHead',
    Method
  >
  const waiting: Drain[] = []
  let gzip: Gzip | undefined
  let decided = false
  let ended = false

  const patches: Record<string, Method> = {
    writeHead(...args) {
      if (!decided) {
        decided = true
        gzip = createGzip()
        for (const listener of waiting) gzip.on('drain', listener)
        response.setHeader('content-encoding', 'gzip')
        const varies = response.getHeader('vary')
        response.setHeader(
          'vary',
          varies ? `${String(varies)}, Accept-Encoding` : 'Accept-Encoding',
        )
        response.removeHeader('content-length')
        gzip.on('data', (chunk) => {
          if (write.call(response, chunk) === false) gzip?.pause()
        })
        gzip.on('end', () => end.call(response))
        on.call(response, 'drain', () => gzip?.resume())
      }
      return writeHead.apply(response, args)
    },
    write(chunk, encoding) {
      if (ended) return false
      if (!response.headersSent) response.writeHead(response.statusCode)
      return gzip?.write(chunk as string, encoding as BufferEncoding)
    },
    end(chunk, encoding) {
      if (ended) return response
      if (!response.headersSent) response.writeHead(response.statusCode)
      ended = true
      if (chunk === undefined) gzip?.end()
      else gzip?.end(chunk as string, encoding as BufferEncoding)
      return response
    },
    on(event, listener) {
      if (event !== 'drain') return on.call(response, event, listener)
      if (gzip) gzip.on('drain', listener as Drain)
      else waiting.push(listener as Drain)
      return response
    },
  }
  Object.assign(response, patches)
}
