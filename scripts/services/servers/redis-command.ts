/** One command to one Redis, over a connection of its own. */

import { connect } from 'node:net'

export type RedisReply = string | number | undefined | readonly RedisReply[]

/**
 * Resolves to the reply; waits two seconds at most.
 *
 * @throws {Error} Also when the reply is an error.
 */
export function redisCommand(port: number, ...words: readonly string[]): Promise<RedisReply> {
  return new Promise((resolve, reject) => {
    let answer = ''
    const lines = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`)
    const request = `*${words.length}\r\n${lines.join('')}`
    const socket = connect(port, '127.0.0.1', () => socket.write(request))
    socket.setEncoding('latin1')
    socket.setTimeout(2_000, () => socket.destroy(new Error('no answer')))
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('the connection ended early')))
    socket.on('data', (chunk: string) => {
      answer += chunk
      const parsed = parse(answer, 0)
      if (parsed === undefined) return
      socket.destroy()
      if (parsed.error === undefined) resolve(parsed.reply)
      else reject(new Error(`${words[0]}: ${parsed.error}`))
    })
  })
}

/** A field of the text that `INFO` and `CLUSTER INFO` give. */
export function fieldOf(info: RedisReply, name: string): string | undefined {
  const line = String(info)
    .split('\r\n')
    .find((one) => one.startsWith(`${name}:`))
  return line?.slice(name.length + 1)
}

interface Parsed {
  readonly reply: RedisReply
  readonly error?: string
  readonly end: number
}

/** Reads one reply of RESP2; undefined: more is to come. */
function parse(text: string, start: number): Parsed | undefined {
  const lineEnd = text.indexOf('\r\n', start)
  if (lineEnd === -1) return undefined
  const line = text.slice(start + 1, lineEnd)
  const next = lineEnd + 2
  switch (text[start]) {
    case '+':
      return { reply: line, end: next }
    case '-':
      return { reply: undefined, error: line, end: next }
    case ':':
      return { reply: Number(line), end: next }
    case '$': {
      const size = Number(line)
      if (size === -1) return { reply: undefined, end: next }
      const end = next + size + 2
      return text.length < end ? undefined : { reply: text.slice(next, next + size), end }
    }
    default: {
      const items: RedisReply[] = []
      let end = next
      for (let item = 0; item < Number(line); item++) {
        const one = parse(text, end)
        if (one === undefined) return undefined
        items.push(one.reply)
        end = one.end
      }
      return { reply: items, end }
    }
  }
}
