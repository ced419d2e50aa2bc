/** The visitors of the race: plain requests over loopback, each with the cookie it was told to send. */

import { Agent, type IncomingMessage, request } from 'node:http'
import type { Look } from './site.ts'

const agent = new Agent({ keepAlive: true, maxFreeSockets: 1_000 })

export interface Answer {
  readonly status: number
  readonly body: string
  /** Of the `Set-Cookie` header, as the next request sends it; absent: none. */
  readonly cookie: string | undefined
}

/** @param target Such as `/write?key=a`. */
export function send(
  port: number,
  method: 'GET' | 'POST',
  target: string,
  cookie?: string,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = cookie === undefined ? {} : { cookie }
    const options = { agent, host: '127.0.0.1', port, method, path: target, headers }
    const sent = request(options, (response) => {
      bodyOf(response).then((body) => {
        const [first] = response.headers['set-cookie'] ?? []
        resolve({ status: response.statusCode ?? 0, body, cookie: first?.split(';')[0] })
      }, reject)
    })
    sent.once('error', reject)
    sent.end()
  })
}

/** Starts a session; resolves to its cookie. */
export async function logIn(port: number): Promise<string> {
  const { status, body, cookie } = await send(port, 'POST', '/login')
  if (cookie === undefined) throw new Error(`the login was answered with ${status}: ${body}`)
  return cookie
}

/** What a visitor with that cookie sees. */
export async function look(port: number, cookie: string): Promise<Look> {
  const { status, body } = await send(port, 'GET', '/', cookie)
  if (status !== 200) throw new Error(`a look was answered with ${status}: ${body}`)
  return JSON.parse(body) as Look
}

/** How often a server's commits were tried again. */
export async function retriesOf(port: number): Promise<number> {
  return Number((await send(port, 'GET', '/retries')).body)
}

async function bodyOf(response: IncomingMessage): Promise<string> {
  let body = ''
  for await (const chunk of response.setEncoding('utf8')) body += chunk
  return body
}
