import { createServer, type IncomingMessage, type ServerResponse, request as send } from 'node:http'
import type { Commit } from 'vial'
import { afterEach } from 'vitest'
import { ResponseGate } from '../../src/adapters/shared/response-gate.ts'
import { listening } from './suite.ts'

/** What a commit asks for that gave a cookie. */
export const SAVED: Commit = {
  outcome: 'saved',
  cookies: [],
  headers: [
    ['set-cookie', 'sid=1; Path=/'],
    ['vary', 'Cookie'],
    ['cache-control', 'private'],
  ],
}

/** Closed after each test. */
export const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

interface Reached {
  readonly status: number
  readonly reason: string
  readonly headers: IncomingMessage['headers']
  readonly raw: readonly string[]
  readonly body: Buffer
}

/** Serves one request with `handler`, and gives what the client saw. */
export async function reach(
  handler: (response: ServerResponse, request: IncomingMessage) => void,
  onInformation?: (status: number) => void,
): Promise<Reached> {
  const server = await listening(createServer((request, response) => handler(response, request)))
  closing.push(server.close)
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = send(server.origin, { agent: false })
    request.on('information', ({ statusCode }) => onInformation?.(statusCode))
    request.once('response', resolve).once('error', reject).end()
  })
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  return {
    status: response.statusCode ?? 0,
    reason: response.statusMessage ?? '',
    headers: response.headers,
    raw: response.rawHeaders,
    body: Buffer.concat(chunks),
  }
}

/** For holders that must not fail. */
export function failed(error: unknown): never {
  throw error
}

/** Holds until `opened`, then has a cookie. */
export function hold(response: ServerResponse, opened: Promise<void> = Promise.resolve()): void {
  ResponseGate.add(response, { commit: () => opened.then(() => SAVED), fail: failed })
}
