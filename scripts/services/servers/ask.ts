/** One question over TCP, for protocols of lines. */

import { connect } from 'node:net'

/** Sends a text and resolves to what has come back when `complete` says that it is enough. Waits two seconds at most. */
export function ask(
  port: number,
  question: string,
  complete: (answer: string) => boolean,
): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(question))
    socket.setEncoding('latin1')
    socket.setTimeout(2_000, () => socket.destroy(new Error('no answer')))
    socket.on('data', (chunk: string) => {
      answer += chunk
      if (!complete(answer)) return
      resolve(answer)
      socket.destroy()
    })
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('the connection ended early')))
  })
}
